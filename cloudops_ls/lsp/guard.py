"""What stands between a failing handler and the operator: one clear message."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from lsprotocol import types
from pygls.exceptions import JsonRpcException, JsonRpcMethodNotFound

from cloudops_ls.errors import CloudOpsError
from cloudops_ls.logs import logger

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from pygls.lsp.server import LanguageServer

P = ParamSpec("P")
R = TypeVar("R")

CANNOT_ASK = (
    "This editor cannot ask you a question, so the answer is No. A command can be confirmed and "
    "run in a terminal: cloudops-ls run 'aws …'"
)
"""Shown where a client does not know ``window/showMessageRequest``, as Helix until 25.07."""


def show(
    server: LanguageServer, message: str, kind: types.MessageType = types.MessageType.Info
) -> None:
    """Show one message to the operator."""
    server.window_show_message(types.ShowMessageParams(type=kind, message=message))


def show_error(server: LanguageServer, error: CloudOpsError) -> None:
    """Show one expected failure to the operator."""
    show(server, str(error), types.MessageType.Error)


async def ask(
    server: LanguageServer,
    message: str,
    choices: Sequence[str],
    kind: types.MessageType = types.MessageType.Info,
) -> str | None:
    """Ask the operator; no answer, a closed window and a failing client are all None."""
    try:
        answer = await server.window_show_message_request_async(
            types.ShowMessageRequestParams(
                type=kind,
                message=message,
                actions=[types.MessageActionItem(title=choice) for choice in choices],
            )
        )
    except JsonRpcMethodNotFound:
        show(server, CANNOT_ASK, types.MessageType.Warning)
        return None
    except JsonRpcException:
        return None
    title = answer.title if answer is not None else None
    return title if title in choices else None


def quiet(
    ready: Callable[[], Awaitable[None]],
) -> Callable[[Callable[P, Awaitable[R]]], Callable[P, Awaitable[R | None]]]:
    """Guard a request that the editor makes by itself, such as hover: log, and answer nothing.

    Popping up a message on every keystroke would be worse than no answer.

    Parameters
    ----------
    ready
        What to wait for first.
    """

    def decorate(handler: Callable[P, Awaitable[R]]) -> Callable[P, Awaitable[R | None]]:
        @functools.wraps(handler)
        async def guarded(*args: P.args, **kwargs: P.kwargs) -> R | None:
            try:
                await ready()
                return await handler(*args, **kwargs)
            except CloudOpsError as error:
                logger.info("%s: %s", handler.__name__, type(error).__name__)
            except Exception:
                logger.exception("%s failed", handler.__name__)
            return None

        return guarded

    return decorate


def spoken(
    server: LanguageServer,
) -> Callable[[Callable[P, Awaitable[Any]]], Callable[P, Awaitable[Any]]]:
    """Guard a command that the operator gave: every failure is one message to them."""

    def decorate(handler: Callable[P, Awaitable[Any]]) -> Callable[P, Awaitable[Any]]:
        @functools.wraps(handler)
        async def guarded(*args: P.args, **kwargs: P.kwargs) -> Any:
            try:
                return await handler(*args, **kwargs)
            except CloudOpsError as error:
                logger.info("%s: %s", handler.__name__, type(error).__name__)
                show_error(server, error)
                return {"status": "failed", "error": error.what}
            except Exception as error:
                logger.exception("%s failed", handler.__name__)
                show_error(
                    server,
                    CloudOpsError(
                        f"Something went wrong inside CloudOps ({type(error).__name__})",
                        fix="The CloudOps output log says where; please report it",
                    ),
                )
                return {"status": "failed", "error": "internal error"}

        return guarded

    return decorate

"""The assistant behind a CloudOps server (``docs/protocol.md``)."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Final

from cloudops_ls.assistant.connection import Endpoint, ServerConnection
from cloudops_ls.assistant.server_url import ServerUrl
from cloudops_ls.assistant.timings import HttpTimings

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from cloudops_ls.assistant.answer import Reader
    from cloudops_ls.assistant.base import AssistantEvent
    from cloudops_ls.assistant.protocol import AssistantRequest


def _reader() -> Reader[AssistantEvent]:
    from cloudops_ls.assistant.answer import read_answer

    return read_answer


REPLY: Final = Endpoint(
    method="POST",
    path="/v1/reply",
    reader=_reader,
    refusals={
        400: ("The server does not understand the request", "Check that it speaks protocol 1"),
        401: ("The server does not accept the token", "Store a valid token for it"),
        403: ("The server does not allow this to the owner of the token", "Ask its operators"),
        404: ("No CloudOps server answers at this address", "Check cloudops.assistant.url"),
        405: ("No CloudOps server answers at this address", "Check cloudops.assistant.url"),
        413: ("The server finds the request too large", "Ask for fewer resources at once"),
        422: ("The server does not understand the request", "Check that it speaks protocol 1"),
    },
)


class HttpAssistant:
    """Asks a CloudOps server, streaming its answer; see `ServerConnection`.

    Every attempt to send one request carries the same ``Idempotency-Key``.

    Parameters
    ----------
    url
        Base URL; ``/v1/reply`` is added.
    token
        Returns the bearer token, or None to send none.
    timings
        Waiting and retrying.

    Raises
    ------
    CloudOpsError
        The URL is not one of a CloudOps server, or would send the token and the estate
        unencrypted to another machine.
    """

    def __init__(
        self,
        url: str,
        token: Callable[[], str | None] = lambda: None,
        timings: HttpTimings | None = None,
    ) -> None:
        self._connection = ServerConnection(ServerUrl.parse(url), token, timings or HttpTimings())

    async def reply(self, request: AssistantRequest) -> AsyncGenerator[AssistantEvent]:
        """Send ``request`` and yield the answer as it arrives (see ``Assistant.reply``)."""
        headers = {
            "Accept": "text/event-stream, application/json;q=0.9",
            # Compressed answers could unpack to any size.
            "Accept-Encoding": "identity",
            "Content-Type": "application/json",
            "Idempotency-Key": request.request_id,
        }
        answer = self._connection.ask(
            REPLY, request.model_dump_json().encode(), headers, self._connection.deadline()
        )
        async with aclosing(answer) as events:
            async for event in events:
                yield event

    async def aclose(self) -> None:
        """Close the connections."""
        await self._connection.aclose()

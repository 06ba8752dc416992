"""``workspace/executeCommand``: all commands, registered in one place."""

from __future__ import annotations

from collections.abc import Generator  # noqa: TC003 -- pygls evaluates the annotations
from itertools import chain
from typing import TYPE_CHECKING, Any

from cloudops_ls.errors import CloudOpsError
from cloudops_ls.lsp.commands.registry import COMMANDS
from cloudops_ls.lsp.guard import spoken
from cloudops_ls.lsp.held_places import HeldPlaces

if TYPE_CHECKING:
    from pygls.lsp.server import LanguageServer

    from cloudops_ls.lsp.commands.registry import LspCommand
    from cloudops_ls.lsp.session import Session


def register_commands(server: LanguageServer, session: Session) -> None:
    """Register every command; a failing one is one message to the operator."""

    def register(command: LspCommand) -> None:
        async def settled(places: HeldPlaces) -> Any:
            await session.warming.settled()
            from cloudops_ls.worker.client import WorkerLostError

            await session.configuration.settled()
            await session.remembered()
            if command.trusted and not session.client.trusted:
                raise CloudOpsError(
                    "This folder is not trusted, and a runbook acts with your AWS credentials",
                    fix="Trust the folder in the editor if you know where it comes from",
                )
            try:
                return await command.answer(session, places.now())
            except WorkerLostError as error:
                if not session.background.loss_told:
                    raise
                # One event, one message.
                return {"status": "failed", "error": error.what}

        told = spoken(server)(settled)

        def taken(*arguments: Any) -> Generator[Any, Any, Any]:
            # pygls runs a generator up to its yield before it reads the next message.
            return (yield told, (HeldPlaces(session, arguments),), {})

        server.command(command.id)(taken)

    for command in chain.from_iterable(COMMANDS.values()):
        register(command)

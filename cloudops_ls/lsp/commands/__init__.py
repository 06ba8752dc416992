"""``workspace/executeCommand``: the commands of each area, registered in one place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudops_ls.lsp.commands import accounts, backup, conversation, estate, execution, history
from cloudops_ls.lsp.guard import spoken

if TYPE_CHECKING:
    from pygls.lsp.server import LanguageServer

    from cloudops_ls.lsp.commands.registering import Handler
    from cloudops_ls.lsp.session import Session

_AREAS = (conversation, execution, estate, accounts, history, backup)


def register_commands(server: LanguageServer, session: Session) -> None:
    """Register every area's commands; a failing one is one message to the operator."""

    def register(name: str, handler: Handler) -> None:
        async def settled(*arguments: Any) -> Any:
            from cloudops_ls.worker.client import WorkerLostError

            await session.settled()
            try:
                return await handler(*arguments)
            except WorkerLostError as error:
                if not session.worker_loss_told:
                    raise
                # One event, one message.
                return {"status": "failed", "error": error.what}

        server.command(name)(spoken(server)(settled))

    for area in _AREAS:
        area.register(register, session)

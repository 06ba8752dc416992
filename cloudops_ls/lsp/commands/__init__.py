"""``workspace/executeCommand``: the commands of each area, registered in one place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudops_ls.errors import CloudOpsError
from cloudops_ls.lsp import command_ids
from cloudops_ls.lsp.commands import (
    accounts,
    backup,
    conversation,
    estate,
    execution,
    history,
    runbook,
)
from cloudops_ls.lsp.guard import spoken

if TYPE_CHECKING:
    from pygls.lsp.server import LanguageServer

    from cloudops_ls.lsp.commands.registering import Handler
    from cloudops_ls.lsp.session import Session

_AREAS = (conversation, execution, estate, accounts, history, backup, runbook)

_NEED_TRUST = frozenset(
    {
        command_ids.SEND_PARAGRAPH,
        command_ids.SEND_SELECTION,
        command_ids.PICK_CHOICE,
        command_ids.SEND_MESSAGE,
        command_ids.EXECUTE_COMMAND,
        command_ids.RUN_PLAN,
        command_ids.UNDO_EXECUTION,
        command_ids.SCAN_ESTATE,
        command_ids.TRIGGER_SYNC,
    }
)
"""What sends a runbook's text somewhere, or asks AWS because of it."""


def register_commands(server: LanguageServer, session: Session) -> None:
    """Register every area's commands; a failing one is one message to the operator."""

    def register(name: str, handler: Handler) -> None:
        async def settled(*arguments: Any) -> Any:
            from cloudops_ls.worker.client import WorkerLostError

            await session.configuration.settled()
            if name in _NEED_TRUST and not session.client.trusted:
                raise CloudOpsError(
                    "This folder is not trusted, and a runbook acts with your AWS credentials",
                    fix="Trust the folder in the editor if you know where it comes from",
                )
            try:
                return await handler(*arguments)
            except WorkerLostError as error:
                if not session.background.loss_told:
                    raise
                # One event, one message.
                return {"status": "failed", "error": error.what}

        server.command(name)(spoken(server)(settled))

    for area in _AREAS:
        area.register(register, session)

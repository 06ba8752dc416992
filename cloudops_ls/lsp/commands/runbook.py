"""Commands of the runbook itself: as whom and where it works."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudops_ls.lsp import command_ids

if TYPE_CHECKING:
    from cloudops_ls.lsp.commands.registering import Register
    from cloudops_ls.lsp.session import Session


def register(command: Register, session: Session) -> None:
    """Register the commands of this area."""

    async def runbook_context(*arguments: Any) -> Any:
        from cloudops_ls.lsp import arguments as given
        from cloudops_ls.lsp.runbook_context import runbook_context

        wanted = given.read(given.RunbookContext, command_ids.RUNBOOK_CONTEXT, arguments)
        return await runbook_context(session, wanted)

    async def set_runbook_context(*arguments: Any) -> Any:
        from cloudops_ls.lsp import arguments as given
        from cloudops_ls.lsp.runbook_context import set_runbook_context

        wanted = given.read(given.SetRunbookContext, command_ids.SET_RUNBOOK_CONTEXT, arguments)
        return await set_runbook_context(session, wanted)

    command(command_ids.RUNBOOK_CONTEXT, runbook_context)
    command(command_ids.SET_RUNBOOK_CONTEXT, set_runbook_context)

"""Commands of the executor: run, plan, undo, cancel, log, sign in, copy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudops_ls.lsp import command_ids

if TYPE_CHECKING:
    from cloudops_ls.lsp.commands.registering import Register
    from cloudops_ls.lsp.session import Session


def register(command: Register, session: Session) -> None:
    """Register the commands of this area."""

    async def execute_command(*arguments: Any) -> Any:
        from cloudops_ls.lsp import arguments as given
        from cloudops_ls.lsp.executing import execute_command

        place = given.read(given.Place, command_ids.EXECUTE_COMMAND, arguments)
        return await execute_command(session, place)

    async def run_plan(*arguments: Any) -> Any:
        from cloudops_ls.lsp import arguments as given
        from cloudops_ls.lsp.plans import run_plan

        return await run_plan(session, given.read(given.RunPlan, command_ids.RUN_PLAN, arguments))

    async def undo_execution(*arguments: Any) -> Any:
        from cloudops_ls.lsp import arguments as given
        from cloudops_ls.lsp.undoing import undo_execution

        which = given.read(given.UndoExecution, command_ids.UNDO_EXECUTION, arguments)
        return await undo_execution(session, which)

    async def cancel_execution(*arguments: Any) -> Any:
        from cloudops_ls.lsp import arguments as given
        from cloudops_ls.lsp.execution_logs import cancel_execution

        which = given.read(given.CancelExecution, command_ids.CANCEL_EXECUTION, arguments)
        return cancel_execution(session, which)

    async def execution_logs(*arguments: Any) -> Any:
        from cloudops_ls.lsp import arguments as given
        from cloudops_ls.lsp.execution_logs import execution_logs

        which = given.read(given.ExecutionLogs, command_ids.EXECUTION_LOGS, arguments)
        return await execution_logs(session, which)

    async def sign_in(*arguments: Any) -> Any:
        from cloudops_ls.lsp import arguments as given
        from cloudops_ls.lsp.signing_in import sign_in_command

        wanted = given.read(given.SignIn, command_ids.SIGN_IN, arguments)
        return await sign_in_command(session, wanted.profile)

    async def copy_command(*arguments: Any) -> Any:
        from cloudops_ls.lsp import arguments as given
        from cloudops_ls.lsp.guard import show

        # Clients with a clipboard handle this id themselves; a server has none.
        text = given.read(given.CopyCommand, command_ids.COPY_COMMAND, arguments).text
        show(session.server, text)
        return {"text": text}

    command(command_ids.EXECUTE_COMMAND, execute_command)
    command(command_ids.RUN_PLAN, run_plan)
    command(command_ids.UNDO_EXECUTION, undo_execution)
    command(command_ids.CANCEL_EXECUTION, cancel_execution)
    command(command_ids.EXECUTION_LOGS, execution_logs)
    command(command_ids.SIGN_IN, sign_in)
    command(command_ids.COPY_COMMAND, copy_command)

"""Commands of the executor: run, copy."""

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

    async def copy_command(*arguments: Any) -> Any:
        from cloudops_ls.lsp import arguments as given
        from cloudops_ls.lsp.guard import show

        # Clients with a clipboard handle this id themselves; a server has none.
        text = given.read(given.CopyCommand, command_ids.COPY_COMMAND, arguments).text
        show(session.server, text)
        return {"text": text}

    command(command_ids.EXECUTE_COMMAND, execute_command)
    command(command_ids.COPY_COMMAND, copy_command)

"""Commands of the conversation: ask."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudops_ls.lsp import command_ids

if TYPE_CHECKING:
    from cloudops_ls.lsp.commands.registering import Register
    from cloudops_ls.lsp.session import Session


def register(command: Register, session: Session) -> None:
    """Register the commands of this area."""

    async def send_paragraph(*arguments: Any) -> Any:
        from cloudops_ls.lsp import arguments as given
        from cloudops_ls.lsp.asking import send_paragraph

        place = given.read(given.Place, command_ids.SEND_PARAGRAPH, arguments)
        return await send_paragraph(session, place)

    command(command_ids.SEND_PARAGRAPH, send_paragraph)

"""Commands of the conversation: ask, answer, look at what would be sent."""

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

    async def send_selection(*arguments: Any) -> Any:
        from cloudops_ls.lsp import arguments as given
        from cloudops_ls.lsp.asking import send_selection

        chosen = given.read(given.Selection, command_ids.SEND_SELECTION, arguments)
        return await send_selection(session, chosen)

    async def pick_choice(*arguments: Any) -> Any:
        from cloudops_ls.lsp import arguments as given
        from cloudops_ls.lsp.choosing import pick_choice

        picked = given.read(given.PickChoice, command_ids.PICK_CHOICE, arguments)
        return await pick_choice(session, picked)

    async def preview_request(*arguments: Any) -> Any:
        from cloudops_ls.lsp import arguments as given
        from cloudops_ls.lsp.previewing import preview_request

        wanted = given.read(given.PreviewRequest, command_ids.PREVIEW_REQUEST, arguments)
        return await preview_request(session, wanted)

    async def send_message(*arguments: Any) -> Any:
        from cloudops_ls.lsp import arguments as given
        from cloudops_ls.lsp.messages import send_message

        message = given.read(given.SendMessage, command_ids.SEND_MESSAGE, arguments)
        return await send_message(session, message)

    command(command_ids.PREVIEW_REQUEST, preview_request)
    command(command_ids.SEND_MESSAGE, send_message)
    command(command_ids.SEND_PARAGRAPH, send_paragraph)
    command(command_ids.SEND_SELECTION, send_selection)
    command(command_ids.PICK_CHOICE, pick_choice)

"""A refusal with a reason: the reason becomes the operator's next turn, in the file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lsprotocol import types

from cloudops_ls.commands.preview import in_words
from cloudops_ls.lsp.arguments import Place, Position
from cloudops_ls.lsp.editing import Written, write
from cloudops_ls.lsp.guard import show
from cloudops_ls.runbook.edits import NoPlace
from cloudops_ls.runbook.turn_edits import insert_turn

if TYPE_CHECKING:
    from cloudops_ls.commands.model import CheckedCommand
    from cloudops_ls.lsp.confirming import Answer
    from cloudops_ls.lsp.documents import RunbookDocument
    from cloudops_ls.lsp.session import Session
    from cloudops_ls.runbook.model import Command
    from cloudops_ls.runbook.text import TextEdit


async def follow_up(
    session: Session,
    document: RunbookDocument,
    command: Command,
    checked: CheckedCommand,
    answer: Answer,
) -> dict[str, Any]:
    """Put the reason below the command, as the operator's words, and ask the assistant about it.

    Where the client could not ask for the reason, the sentence is begun for the operator.

    Returns
    -------
    dict
        What the client is told: ``reason``, and ``answer`` when the assistant was asked.
    """
    if not (answer.own_words or answer.explain):
        return {}
    said = f"I did not run “{in_words(checked.command)}”, because "
    text = f"{said}{answer.reason}" if answer.own_words else f"{said}…"
    anchor = document.anchor(command.span)

    def edits() -> list[TextEdit] | None:
        block = document.runbook.command_block_at(anchor.span.start) if anchor.alive else None
        return None if block is None else [insert_turn(document.runbook, block.end, text)]

    try:
        written = await write(session.server, document, "Reason of a refusal", edits)
    except NoPlace:
        written = Written.NO_PLACE
    if written is not Written.DONE:
        show(session.server, "The reason is recorded; it has no place in the file.")
        return {"reason": answer.reason}
    block = document.runbook.command_block_at(anchor.span.start)
    place = document.source.find(text, block.end if block is not None else 0)
    if not answer.own_words:
        await _show(session, document, place + len(text))
        return {}
    position = document.position(place)
    from cloudops_ls.lsp.asking import send_paragraph

    asked = await send_paragraph(
        session,
        Place(
            uri=document.uri,
            position=Position(line=position.line, character=position.character),
        ),
    )
    return {"reason": answer.reason, "answer": asked}


async def _show(session: Session, document: RunbookDocument, offset: int) -> None:
    """Put the cursor where the sentence is to be ended, where the client can."""
    window = session.server.client_capabilities.window
    if window is None or window.show_document is None or not window.show_document.support:
        return
    position = document.position(offset)
    await session.server.window_show_document_async(
        types.ShowDocumentParams(
            uri=document.uri, take_focus=True, selection=types.Range(position, position)
        )
    )

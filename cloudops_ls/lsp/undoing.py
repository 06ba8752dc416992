"""Taking back what a command did, as it was recorded when it ran."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lsprotocol import types

from cloudops_ls.errors import CloudOpsError
from cloudops_ls.lsp import command_ids
from cloudops_ls.storage.records import ExecutionStatus

if TYPE_CHECKING:
    from cloudops_ls.lsp.arguments import UndoExecution
    from cloudops_ls.lsp.documents import RunbookDocument
    from cloudops_ls.lsp.session import Session
    from cloudops_ls.runbook.model import Command
    from cloudops_ls.runbook.text import TextEdit
    from cloudops_ls.storage.records import Execution

_TITLE_LENGTH = 100


async def undo_actions(
    session: Session, document: RunbookDocument, offset: int
) -> list[types.CodeAction | types.Command]:
    """Return the code action that takes back the run whose command or output is at ``offset``."""
    command = _command_of(document, offset)
    if command is None or command.output is None:
        return []
    try:
        undo = await _undo_of(session, command.output.execution_id)
    except CloudOpsError:
        return []
    if undo is None:
        return []
    title = f"Undo: {undo}"
    title = title if len(title) <= _TITLE_LENGTH else f"{title[: _TITLE_LENGTH - 1]}…"
    position = document.position(command.span.start)
    argument = {
        "uri": document.uri,
        "position": {"line": position.line, "character": position.character},
        "executionId": command.output.execution_id,
    }
    action = types.Command(title=title, command=command_ids.UNDO_EXECUTION, arguments=[argument])
    return [types.CodeAction(title=title, kind=types.CodeActionKind.QuickFix, command=action)]


async def undo_execution(session: Session, wanted: UndoExecution) -> dict[str, Any]:
    """Write the inverse command below the one it takes back, and run it if it is confirmed.

    Raises
    ------
    CloudOpsError
        Nothing is known that takes the execution back, or the file has no place for it.
    """
    from cloudops_ls.lsp.arguments import Place, Position
    from cloudops_ls.lsp.editing import Written, write
    from cloudops_ls.lsp.executing import execute_command
    from cloudops_ls.runbook.edits import NoPlace
    from cloudops_ls.runbook.turn_edits import insert_turn

    document = session.require_document(wanted.uri)
    offset = document.offset(types.Position(wanted.position.line, wanted.position.character))
    undo = await _undo_of(session, wanted.execution_id)
    if undo is None:
        raise CloudOpsError("No command is known that takes this back exactly")
    block = document.runbook.command_block_at(offset)
    if block is None:
        raise CloudOpsError("The command is not in the file any more", fix="Copy the undo command")
    anchor = document.anchor(block.span)

    def edits() -> list[TextEdit] | None:
        now = document.runbook.command_block_at(anchor.span.start) if anchor.alive else None
        if now is None:
            return None
        return [insert_turn(document.runbook, now.end, "Taking it back:", command=undo)]

    try:
        written = await write(session.server, document, "Undo command", edits)
    except NoPlace as error:
        raise CloudOpsError(error.reason, fix=f"Run it elsewhere: {undo}") from None
    if written is not Written.DONE:
        raise CloudOpsError("The editor did not take the undo command", fix=f"Run it: {undo}")
    now = document.runbook.command_block_at(anchor.span.start)
    place = document.source.index(undo, now.end if now is not None else 0)
    position = document.position(place)
    return await execute_command(
        session,
        Place(
            uri=document.uri,
            position=Position(line=position.line, character=position.character),
            text=undo,
        ),
    )


def _command_of(document: RunbookDocument, offset: int) -> Command | None:
    """Return the command at ``offset``, or the one whose output is there."""
    runbook = document.runbook
    found = runbook.command_at(offset)
    if found is not None:
        return found
    output = runbook.output_at(offset)
    if output is None:
        return None
    return next((each for each in runbook.commands if each.output == output), None)


async def _undo_of(session: Session, execution_id: str) -> str | None:
    """Return what takes an execution back, None where nothing does or it did not succeed."""
    found: Execution | None = await session.stored(
        lambda store: store.executions.get(execution_id, output=False)
    )
    if found is None or found.status is not ExecutionStatus.SUCCESS:
        return None
    undo = found.metadata.get("undo")
    return undo if isinstance(undo, str) else None

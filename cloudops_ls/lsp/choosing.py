"""Answering a question of the assistant by picking one of the choices that it offered.

What is picked becomes a paragraph below the question, as if it had been typed, and is asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lsprotocol import types

from cloudops_ls.assistant.followup import in_words
from cloudops_ls.assistant.history import chat_turn
from cloudops_ls.errors import CloudOpsError
from cloudops_ls.estate.untrusted import visible
from cloudops_ls.lsp import command_ids
from cloudops_ls.lsp.asking import ask_about, turn_at
from cloudops_ls.lsp.editing import Written, write
from cloudops_ls.lsp.kept_reply import answer_with
from cloudops_ls.lsp.thread import thread_of
from cloudops_ls.runbook.edits import NoPlace
from cloudops_ls.runbook.turn_edits import insert_turn

if TYPE_CHECKING:
    from cloudops_ls.assistant.protocol import Choice
    from cloudops_ls.lsp.arguments import PickChoice
    from cloudops_ls.lsp.documents import RunbookDocument
    from cloudops_ls.lsp.session import Session
    from cloudops_ls.runbook.model import AssistantTurn
    from cloudops_ls.runbook.text import TextEdit

_OFFERED = 10
"""Code actions; what is further down a list can be typed."""
_TITLE_LENGTH = 80


async def choice_actions(
    session: Session, document: RunbookDocument, offset: int
) -> list[types.CodeAction | types.Command]:
    """Return one action for each choice of the question at ``offset``."""
    question = document.runbook.assistant_turn_at(offset)
    if question is None:
        return []
    position = document.position(question.quote.start)
    actions: list[types.CodeAction | types.Command] = []
    choices = await _choices(session, document, question)
    for number, choice in enumerate(choices[:_OFFERED], start=1):
        pick = types.Command(
            title=f"Answer {number}: {visible(choice.label, _TITLE_LENGTH)}",
            command=command_ids.PICK_CHOICE,
            arguments=[
                {
                    "uri": document.uri,
                    "position": {"line": position.line, "character": position.character},
                    "number": number,
                }
            ],
        )
        actions.append(
            types.CodeAction(title=pick.title, kind=types.CodeActionKind.QuickFix, command=pick)
        )
    return actions


async def pick_choice(session: Session, picked: PickChoice) -> dict[str, Any]:
    """Write the choice below its question, and ask on with it.

    Returns
    -------
    dict
        As `send_paragraph`.

    Raises
    ------
    CloudOpsError
        There is no such choice, no place for it, or as `send_paragraph`.
    """
    document = session.require_document(picked.uri)
    offset = document.offset(types.Position(picked.position.line, picked.position.character))
    question = document.runbook.assistant_turn_at(offset)
    choices = await _choices(session, document, question) if question is not None else ()
    if question is None or picked.number > len(choices):
        raise CloudOpsError(
            "There is no such choice there any more", fix="Write your answer as a paragraph"
        )
    words = in_words(choices, picked.number)
    anchor = document.anchor(question.quote)

    def edits() -> list[TextEdit] | None:
        now = document.runbook.assistant_turn_at(anchor.span.start) if anchor.alive else None
        return None if now is None else [insert_turn(document.runbook, now.span.end, words)]

    try:
        written = await write(session.server, document, "Picked answer", edits)
    except NoPlace as problem:
        raise CloudOpsError(problem.reason, fix="Write your answer as a paragraph") from None
    now = document.runbook.assistant_turn_at(anchor.span.start) if anchor.alive else None
    place = document.source.find(words, now.span.end) if now is not None else -1
    if written is not Written.DONE or place < 0:
        raise CloudOpsError(
            "The editor did not take the answer", fix="Write it as a paragraph below the question"
        )
    return await ask_about(session, document, turn_at(document, place))


async def _choices(
    session: Session, document: RunbookDocument, question: AssistantTurn
) -> tuple[Choice, ...]:
    """Return what a question of ours offered; nothing for what the operator wrote."""
    thread = await thread_of(session, document)
    number = answer_with(thread.said, question.digest)
    return chat_turn(thread.said[number]).choices if number is not None else ()

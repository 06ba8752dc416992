"""``cloudops.sendParagraph`` and its like: words of a runbook are asked, the answer is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lsprotocol import types

from cloudops_ls.errors import CloudOpsError
from cloudops_ls.lsp.progress import WorkCancelled, WorkDone
from cloudops_ls.lsp.question import Asked, Question
from cloudops_ls.lsp.replying import ReplyWriter
from cloudops_ls.lsp.thread import is_on_disk, thread_of
from cloudops_ls.runbook.text import Span

if TYPE_CHECKING:
    from cloudops_ls.lsp.arguments import Place, Range, Selection
    from cloudops_ls.lsp.documents import RunbookDocument
    from cloudops_ls.lsp.kept_reply import KeptReply
    from cloudops_ls.lsp.session import Session
    from cloudops_ls.lsp.thread import Thread
    from cloudops_ls.runbook.model import UserTurn


async def send_paragraph(session: Session, place: Place) -> dict[str, Any]:
    """Ask about the paragraph at ``place`` and write the answer below it.

    Returns
    -------
    dict
        ``status`` (``answered``, ``cancelled``, ``kept``) and the reply's ``kind``.

    Raises
    ------
    CloudOpsError
        There is nothing to ask, or the assistant could not answer.
    """
    document = session.require_document(place.uri)
    offset = document.offset(types.Position(place.position.line, place.position.character))
    return await ask_about(session, document, turn_at(document, offset))


async def send_selection(session: Session, chosen: Selection) -> dict[str, Any]:
    """Ask about the selected words alone; the answer stands below the turn that they are in.

    Returns
    -------
    dict
        As `send_paragraph`.

    Raises
    ------
    CloudOpsError
        Nothing is selected, or more than one turn; or as `send_paragraph`.
    """
    document = session.require_document(chosen.uri)
    words = words_in(document, chosen.range)
    return await ask_about(session, document, turn_at(document, words.start), words)


def words_in(document: RunbookDocument, chosen: Range) -> Span:
    """Return the selected words of a range.

    Raises
    ------
    CloudOpsError
        Nothing is selected, or more than one turn.
    """
    start, end = chosen.start, chosen.end
    span = Span(
        document.offset(types.Position(start.line, start.character)),
        document.offset(types.Position(end.line, end.character)),
    )
    words = selected_words(document, span)
    if words is None:
        raise CloudOpsError(
            "The selection is not inside one paragraph, list or table",
            fix="Select words of one of them; a whole one is asked about without a selection",
        )
    return words


def turn_at(document: RunbookDocument, offset: int) -> UserTurn:
    """Return the operator's turn at ``offset``.

    Raises
    ------
    CloudOpsError
        There is none.
    """
    turn = document.runbook.user_turn_at(offset)
    if turn is None:
        raise CloudOpsError(
            "There is no paragraph at the cursor",
            fix="Put the cursor into a paragraph, list or table of the runbook",
        )
    return turn


def selected_words(document: RunbookDocument, span: Span) -> Span | None:
    """Return the selected words without the white space around them.

    None where there are none, or where they are not inside one turn and what belongs to it.
    """
    text = document.source[span.start : span.end]
    start = span.start + len(text) - len(text.lstrip())
    words = Span(start, start + len(text.strip()))
    turn = document.runbook.user_turn_at(words.start) if words.start < words.end else None
    if turn is None or words.start < turn.span.start or words.end > turn.insert_at:
        return None
    return words


async def ask_about(
    session: Session, document: RunbookDocument, turn: UserTurn, words: Span | None = None
) -> dict[str, Any]:
    """Ask about a turn, or about ``words`` of it alone, and write the answer below it."""
    thread = await thread_of(session, document)
    asked = Asked.of(document, turn, thread.digests, words)
    if thread.named is None and _goes_on_from_renamed(session, document, asked.prompt):
        thread = await thread_of(session, document)
    writer = ReplyWriter(session, document, turn, thread, words)
    if not await writer.may_replace(asked.prompt):
        return {"status": "cancelled"}
    kept = session.kept_replies.get((thread.id, asked.prompt))
    if kept is not None:
        return await _deliver(session, thread, kept, writer)
    question = Question(session, document, asked, thread)
    # Shown before it is sent, it is sent as it was shown.
    planned = session.planned_requests.pop((thread.id, asked.prompt), None)
    async with WorkDone(session, "Asking CloudOps") as work:
        cut = False
        try:
            answer = await work.run(question.ask(work, planned))
        except WorkCancelled:
            partial = question.cut()
            if partial is None:
                work.finish("Cancelled")
                return {"status": "cancelled"}
            cut, answer = True, partial
        outcome = await _deliver(session, thread, answer, writer)
        work.finish("Answered" if outcome["status"] == "answered" else "Answer kept")
        return {**outcome, "status": "cancelled"} if cut else outcome


def _goes_on_from_renamed(session: Session, document: RunbookDocument, prompt: str) -> bool:
    """Take over the conversation of a file that is gone, where its answer to ``prompt`` is kept.

    So an answer reaches the file whose name changed before its conversation's id was in it.
    """
    waiting = {thread for thread, kept in session.kept_replies if kept == prompt}
    for (uri, named), conversation in list(session.conversations.items()):
        if conversation not in waiting or named is not None or uri == document.uri:
            continue
        if session.document(uri) is None and not is_on_disk(uri):
            del session.conversations[uri, named]
            session.conversations[document.uri, None] = conversation
            return True
    return False


async def _deliver(
    session: Session, thread: Thread, answer: KeptReply, writer: ReplyWriter
) -> dict[str, Any]:
    """Remember an answer, then write it; kept for the next time where either cannot be."""
    session.kept_replies[thread.id, answer.prompt] = answer
    try:
        await session.stored(lambda store: answer.store(store.chat, thread.id))
    except CloudOpsError as error:
        raise type(error)(
            f"The answer has arrived but cannot be stored: {error.what[:1].lower()}"
            f"{error.what[1:]}",
            where=error.where,
            fix="Ask again when that has passed; the answer is kept and is not asked for twice",
        ) from error
    return await writer.write(answer)

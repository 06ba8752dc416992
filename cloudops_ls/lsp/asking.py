"""``cloudops.sendParagraph``: a paragraph goes to the assistant, its answer into the file."""

from __future__ import annotations

import getpass
import re
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from lsprotocol import types

from cloudops_ls.assistant.base import AssistantBadReply, FinalReply, TextDelta
from cloudops_ls.assistant.protocol import UserContext
from cloudops_ls.assistant.request import NamedResource, RequestBuilder
from cloudops_ls.errors import CloudOpsError
from cloudops_ls.lsp.kept_reply import KeptReply, known_digests
from cloudops_ls.lsp.progress import WorkCancelled, WorkDone
from cloudops_ls.lsp.replying import ReplyWriter
from cloudops_ls.runbook.mentions import find_mentions
from cloudops_ls.runbook.text import Span
from cloudops_ls.storage.records import SearchHit, new_id
from cloudops_ls.worker import wire

if TYPE_CHECKING:
    from cloudops_ls.assistant.base import Assistant
    from cloudops_ls.assistant.protocol import AssistantRequest, Reply
    from cloudops_ls.lsp.arguments import Place
    from cloudops_ls.lsp.documents import RunbookDocument
    from cloudops_ls.lsp.session import Session
    from cloudops_ls.runbook.model import UserTurn
    from cloudops_ls.storage.records import Message

_CONVERSATION_ID = re.compile(r"[\w-]{1,64}")
_CANDIDATES = 10
_PREVIEW = 80


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
    turn = document.runbook.user_turn_at(offset)
    if turn is None:
        raise CloudOpsError(
            "There is no paragraph at the cursor",
            fix="Put the cursor into a paragraph, list or table of the runbook",
        )
    conversation = _conversation(session, document)
    history = await session.stored(lambda store: store.chat.get_history(conversation))
    prompt = _prompt(document, turn, known_digests(history))
    writer = ReplyWriter(session, document, turn, conversation, history)
    if not await writer.may_replace():
        return {"status": "cancelled"}
    kept = session.kept_replies.get((conversation, prompt))
    if kept is not None:
        return await writer.write(kept)
    async with WorkDone(session, "Asking CloudOps") as work:
        try:
            request, reply = await work.run(
                _ask(session, document, turn, prompt, conversation, history, work)
            )
        except WorkCancelled:
            work.finish("Cancelled")
            return {"status": "cancelled"}
        answer = KeptReply.of(prompt, request, reply)
        await session.stored(lambda store: answer.store(store.chat, conversation))
        session.kept_replies[conversation, prompt] = answer
        outcome = await writer.write(answer)
        work.finish("Answered" if outcome["status"] == "answered" else "Answer kept")
        return outcome


def _conversation(session: Session, document: RunbookDocument) -> str:
    """Return the file's conversation, or a new one that goes into it with the answer."""
    known = session.conversation_of(document)
    if known is None:
        known = session.conversations[document.uri] = new_id()
    elif not _CONVERSATION_ID.fullmatch(known):
        raise CloudOpsError(
            "The conversation id in the front matter is damaged",
            where="conversation:",
            fix="Put the old id back, or remove the line to begin a new conversation",
        )
    return known


def _prompt(document: RunbookDocument, turn: UserTurn, ours: frozenset[str]) -> str:
    """Return the turn with what belongs to it.

    An answer below it that this program did not write is the user's text, and sent as such.
    """
    parts = [turn.text, turn.attached]
    answer = document.runbook.assistant_turn_for(turn)
    if answer is not None and answer.digest not in ours:
        parts.append(document.runbook.slice(answer.quote))
    return "\n\n".join(part for part in parts if part)


async def _ask(
    session: Session,
    document: RunbookDocument,
    turn: UserTurn,
    prompt: str,
    conversation: str,
    history: list[Message],
    work: WorkDone,
) -> tuple[AssistantRequest, Reply]:
    work.report("Looking up what the paragraph names")
    storage = await session.storage()
    builder = RequestBuilder(
        storage.estate.get_resource,
        lambda query: _search(session, query),
        session.estate.account,
        history_tokens=session.settings.assistant.history_tokens,
        executor=session.store_thread,
    )
    request = await builder.build(
        prompt,
        _named(session, document, turn),
        history,
        _user_context(session, document),
        conversation_id=conversation,
    )
    assistant = await session.assistant()
    work.report(f"Waiting for the answer; {len(request.identified_resources)} resources sent along")
    return request, await _reply(assistant, request, work)


async def _reply(assistant: Assistant, request: AssistantRequest, work: WorkDone) -> Reply:
    so_far = ""
    async with aclosing(assistant.reply(request)) as events:
        async for event in events:
            match event:
                case TextDelta(text=text):
                    so_far = (so_far + text)[-_PREVIEW:]
                    work.report(" ".join(so_far.split()))
                case FinalReply(reply=reply):
                    return reply
    raise AssistantBadReply("The assistant ended without a reply", fix="Ask again")


def _named(session: Session, document: RunbookDocument, turn: UserTurn) -> list[NamedResource]:
    end = turn.attachments.end if turn.attachments is not None else turn.span.end
    mentions = find_mentions(document.source, session.estate.names, Span(turn.span.start, end))
    return [
        NamedResource(
            mention.text, tuple(entry.arn for entry in session.estate.names.find(mention.target))
        )
        for mention in mentions
    ]


async def _search(session: Session, query: str) -> list[SearchHit]:
    found = await session.worker.request(wire.SEARCH, {"query": query, "limit": _CANDIDATES})
    return [SearchHit.model_validate(hit) for hit in found["hits"]]


def _user_context(session: Session, document: RunbookDocument) -> UserContext:
    profile = session.profile_for(document.runbook)
    account = session.estate.account_of(profile)
    return UserContext(
        user_id=getpass.getuser(),
        profile=profile,
        account_id=account.account_id if account is not None else None,
        account_alias=account.alias if account is not None else None,
        default_region=session.region_for(document.runbook),
    )

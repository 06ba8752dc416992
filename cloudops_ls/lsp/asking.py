"""``cloudops.sendParagraph``: a paragraph goes to the assistant, its answer into the file."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from lsprotocol import types

from cloudops_ls.assistant.base import AssistantBadReply, FinalReply, TextDelta
from cloudops_ls.assistant.protocol import MAX_TEXT, InformationReply, UserContext
from cloudops_ls.assistant.request import NamedResource, RequestBuilder
from cloudops_ls.errors import CloudOpsError
from cloudops_ls.home import user_name
from cloudops_ls.lsp.kept_reply import KeptReply
from cloudops_ls.lsp.progress import WorkCancelled, WorkDone
from cloudops_ls.lsp.replying import ReplyWriter
from cloudops_ls.lsp.thread import thread_of
from cloudops_ls.lsp.understanding import understood
from cloudops_ls.runbook.mentions import find_mentions
from cloudops_ls.runbook.text import Span
from cloudops_ls.storage.records import SearchHit
from cloudops_ls.worker import wire

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cloudops_ls.assistant.protocol import AssistantRequest
    from cloudops_ls.estate.identify.model import Candidate
    from cloudops_ls.lsp.arguments import Place
    from cloudops_ls.lsp.documents import RunbookDocument
    from cloudops_ls.lsp.session import Session
    from cloudops_ls.lsp.thread import Thread
    from cloudops_ls.runbook.model import UserTurn

_CANDIDATES = 10
_PREVIEW = 80
_CUT = "\n\n*(Cut here: the question was cancelled.)*"


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
    thread = await thread_of(session, document)
    prompt = _prompt(document, turn, thread.digests)
    writer = ReplyWriter(session, document, turn, thread)
    if not await writer.may_replace():
        return {"status": "cancelled"}
    kept = session.kept_replies.get((thread.id, prompt))
    if kept is not None:
        return await writer.write(kept)
    question = _Question(session, document, turn, prompt, thread)
    async with WorkDone(session, "Asking CloudOps") as work:
        cut = False
        try:
            answer = await work.run(question.ask(work))
        except WorkCancelled:
            partial = question.cut()
            if partial is None:
                work.finish("Cancelled")
                return {"status": "cancelled"}
            cut, answer = True, partial
        await session.stored(lambda store: answer.store(store.chat, thread.id))
        session.kept_replies[thread.id, prompt] = answer
        outcome = await writer.write(answer)
        work.finish("Answered" if outcome["status"] == "answered" else "Answer kept")
        return {**outcome, "status": "cancelled"} if cut else outcome


def _prompt(document: RunbookDocument, turn: UserTurn, ours: frozenset[str]) -> str:
    """Return the turn with what belongs to it.

    An answer below it that this program did not write is the user's text, and sent as such.
    """
    parts = [turn.text, turn.attached]
    answer = document.runbook.assistant_turn_for(turn)
    if answer is not None and answer.digest not in ours:
        parts.append(document.runbook.slice(answer.quote))
    return "\n\n".join(part for part in parts if part)


class _Question:
    """One prompt on its way to the assistant, and what has come back so far."""

    def __init__(
        self,
        session: Session,
        document: RunbookDocument,
        turn: UserTurn,
        prompt: str,
        thread: Thread,
    ) -> None:
        self._session = session
        self._document = document
        self._turn = turn
        self._prompt = prompt
        self._thread = thread
        self._request: AssistantRequest | None = None
        self._so_far = ""

    async def ask(self, work: WorkDone) -> KeptReply:
        """Build the request, send it, and return the answer."""
        session = self._session
        work.report("Looking up what the paragraph names")
        storage = await session.storage()
        builder = RequestBuilder(
            storage.estate.get_resource,
            lambda query: _search(session, query),
            session.estate.account,
            history_tokens=session.settings.assistant.history_tokens,
            executor=session.store_thread,
            describe=self._describe,
            load_resources=storage.estate.load,
        )
        request = self._request = await builder.build(
            self._prompt,
            _named(session, self._document, self._turn),
            self._thread.history,
            _user_context(session, self._document),
            conversation_id=self._thread.id,
        )
        assistant = await session.assistant()
        count = len(request.identified_resources)
        work.report(f"Waiting for the answer; {count} resources sent along")
        async with aclosing(assistant.reply(request)) as events:
            async for event in events:
                match event:
                    case TextDelta(text=text):
                        self._so_far = (self._so_far + text)[:MAX_TEXT]
                        work.report(" ".join(self._so_far[-_PREVIEW:].split()))
                    case FinalReply(reply=reply):
                        return KeptReply.of(self._prompt, request, reply)
        raise AssistantBadReply("The assistant ended without a reply", fix="Ask again")

    async def _describe(
        self, prompt: str, named: Sequence[NamedResource], previous: Sequence[str]
    ) -> list[Candidate]:
        from cloudops_ls.estate.identify.model import Named

        names = [Named(one.text, one.arns) for one in named]
        return await understood(self._session, self._document, prompt, names, previous)

    def cut(self) -> KeptReply | None:
        """Return what had arrived when it was cancelled, marked as cut; None for nothing."""
        said = self._so_far.strip()
        if self._request is None or not said:
            return None
        reply = InformationReply(text=f"{said[: MAX_TEXT - len(_CUT)]}{_CUT}")
        return KeptReply.of(self._prompt, self._request, reply)


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
        user_id=user_name(),
        profile=profile,
        account_id=account.account_id if account is not None else None,
        account_alias=account.alias if account is not None else None,
        default_region=session.region_for(document.runbook),
    )

"""One prompt on its way to the assistant: what is asked, the request, what has come back."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from cloudops_ls.assistant.base import AssistantBadReply, FinalReply, TextDelta
from cloudops_ls.assistant.protocol import MAX_TEXT, InformationReply, UserContext
from cloudops_ls.assistant.request import NamedResource, RequestBuilder
from cloudops_ls.home import user_name
from cloudops_ls.lsp.kept_reply import KeptReply, continued
from cloudops_ls.lsp.understanding import understood
from cloudops_ls.runbook.mentions import find_mentions
from cloudops_ls.runbook.text import Span, normalize_newlines
from cloudops_ls.storage.records import SearchHit
from cloudops_ls.worker import wire

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cloudops_ls.assistant.protocol import AssistantRequest
    from cloudops_ls.estate.identify.model import Candidate
    from cloudops_ls.lsp.backend import Backend
    from cloudops_ls.lsp.documents import RunbookDocument
    from cloudops_ls.lsp.progress import WorkDone
    from cloudops_ls.lsp.thread import Thread
    from cloudops_ls.runbook.model import UserTurn
    from cloudops_ls.storage.records import Message

_CANDIDATES = 10
_PREVIEW = 80
_CUT = "\n\n*(Cut here: the question was cancelled.)*"


@dataclass(frozen=True, slots=True)
class Asked:
    """What the operator asks.

    Attributes
    ----------
    prompt
        What is sent.
    span
        Where names are looked for.
    selected
        Of a part of a turn alone: its words.
    below
        Digest of the answer that the turn stands directly below: it is what the turn goes on
        from, whatever was asked elsewhere since.
    """

    prompt: str
    span: Span
    selected: str | None = None
    below: str | None = None

    @classmethod
    def of(
        cls,
        document: RunbookDocument,
        turn: UserTurn,
        ours: frozenset[str],
        words: Span | None = None,
    ) -> Self:
        """Return a turn with what belongs to it, or selected words of it alone.

        An answer below it whose digest is not among ``ours`` was not written by this program: it
        is the user's text, and sent as such.
        """
        below = answer_above(document, turn)
        if words is not None:
            selected = normalize_newlines(document.runbook.slice(words))
            return cls(selected, words, selected, below)
        parts = [turn.text, turn.attached]
        answer = document.runbook.assistant_turn_for(turn)
        if answer is not None and answer.digest not in ours:
            parts.append(document.runbook.slice(answer.quote))
        end = turn.attachments.end if turn.attachments is not None else turn.span.end
        prompt = "\n\n".join(part for part in parts if part)
        return cls(prompt, Span(turn.span.start, end), below=below)


def answer_above(document: RunbookDocument, turn: UserTurn) -> str | None:
    """Return the digest of the answer that a turn stands directly below, None below none."""
    above = document.runbook.answer_above(turn)
    return above.digest if above is not None else None


class Question:
    """A question, from the runbook to the answer.

    Parameters
    ----------
    backend
        What it is put together from, and who answers.
    document
        Where it is asked.
    asked, thread
        What, and in which conversation.
    """

    def __init__(
        self, backend: Backend, document: RunbookDocument, asked: Asked, thread: Thread
    ) -> None:
        self._backend = backend
        self._document = document
        self._asked = asked
        self._thread = thread
        self._request: AssistantRequest | None = None
        self._so_far = ""

    async def request(self, request_id: str | None = None) -> AssistantRequest:
        """Return the request; see `RequestBuilder.build`."""
        backend, document = self._backend, self._document
        storage = await backend.storage()
        # Who asks right after opening a file means the same resources as who asks later.
        await backend.estate.first_read()
        builder = RequestBuilder(
            storage.estate.get_resource,
            self._search,
            backend.estate.account,
            history_tokens=backend.settings.assistant.history_tokens,
            counter=backend.token_counter,
            executor=backend.store_thread,
            describe=self._describe,
            load_resources=storage.estate.load,
        )
        self._request = await builder.build(
            self._asked.prompt,
            self._named(),
            self._history(),
            user_context(backend, document),
            conversation_id=self._thread.id,
            request_id=request_id,
        )
        return self._request

    async def ask(self, work: WorkDone, request_id: str | None = None) -> KeptReply:
        """Build the request, send it, and return the answer."""
        work.report("Looking up what the paragraph names")
        request = await self.request(request_id)
        assistant = await self._backend.assistant()
        count = len(request.identified_resources)
        work.report(f"Waiting for the answer; {count} resources sent along")
        async with aclosing(assistant.reply(request)) as events:
            async for event in events:
                match event:
                    case TextDelta(text=text):
                        self._so_far = (self._so_far + text)[:MAX_TEXT]
                        work.report(" ".join(self._so_far[-_PREVIEW:].split()))
                    case FinalReply(reply=reply):
                        return KeptReply.of(
                            self._asked.prompt, request, reply, about=self._asked.selected
                        )
        raise AssistantBadReply("The assistant ended without a reply", fix="Ask again")

    def cut(self) -> KeptReply | None:
        """Return what had arrived when it was cancelled, marked as cut; None for nothing."""
        said = self._so_far.strip()
        if self._request is None or not said:
            return None
        reply = InformationReply(text=f"{said[: MAX_TEXT - len(_CUT)]}{_CUT}")
        return KeptReply.of(self._asked.prompt, self._request, reply, about=self._asked.selected)

    async def _describe(
        self, prompt: str, named: Sequence[NamedResource], previous: Sequence[str]
    ) -> list[Candidate]:
        from cloudops_ls.estate.identify.model import Named

        names = [Named(one.text, one.arns) for one in named]
        return await understood(self._backend, self._document, prompt, names, previous)

    def _history(self) -> list[Message]:
        history, below = self._thread.history, self._asked.below
        return (continued(history, below) if below is not None else None) or history

    def _named(self) -> list[NamedResource]:
        names = self._backend.estate.names
        return [
            NamedResource(mention.text, tuple(entry.arn for entry in names.find(mention.target)))
            for mention in find_mentions(self._document.source, names, self._asked.span)
        ]

    async def _search(self, query: str) -> list[SearchHit]:
        given = {"query": query, "limit": _CANDIDATES}
        found = await self._backend.worker.request(wire.SEARCH, given)
        return [SearchHit.model_validate(hit) for hit in found["hits"]]


def user_context(backend: Backend, document: RunbookDocument) -> UserContext:
    """Return who asks, and where the runbook works."""
    profile = backend.profile_for(document.runbook)
    preferred = backend.configuration.preferences
    account = backend.estate.account_of(profile)
    return UserContext(
        user_id=user_name(),
        profile=profile,
        account_id=account.account_id if account is not None else None,
        account_alias=account.alias if account is not None else None,
        default_region=backend.region_for(document.runbook),
        approval=preferred.approval.value if preferred is not None else None,
        plans=preferred.plans.value if preferred is not None else None,
    )

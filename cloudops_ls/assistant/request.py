"""Builds the request for a prompt: identify, enrich, remember (design, "Request flow")."""

from __future__ import annotations

import asyncio
import logging
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from cloudops_ls.assistant.followup import chosen, open_question
from cloudops_ls.assistant.history import RESOURCES, FittedHistory, chat_turn, fit_history
from cloudops_ls.assistant.protocol import (
    MAX_PROMPT,
    MAX_RESOURCES,
    AssistantRequest,
    HowFound,
    IdentifiedResource,
    ResourceRecord,
)
from cloudops_ls.assistant.redaction import redact, redact_text
from cloudops_ls.assistant.tokens import EstimatedTokens
from cloudops_ls.errors import CloudOpsError, RetryableError
from cloudops_ls.storage.records import new_id

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence
    from concurrent.futures import Executor

    from cloudops_ls.assistant.protocol import UserContext
    from cloudops_ls.assistant.tokens import TokenCounter
    from cloudops_ls.estate.identify.model import Candidate
    from cloudops_ls.storage.records import AccountRecord, Message, SearchHit
    from cloudops_ls.storage.resource import Resource

_log = logging.getLogger(__name__)

_NUMBER_ALONE: Final = re.compile(r"\W*(?:number\W+)?\d{0,3}\W*", re.IGNORECASE)

LOWEST_SCORE: Final = 0.35
"""Search hits below are not sent; half of what the best hit of a description gets."""


@dataclass(frozen=True, slots=True)
class NamedResource:
    """A name, id or ARN found in the prompt.

    Attributes
    ----------
    text
        As it stands in the prompt.
    arns
        Everything it may mean; one ARN when it is exact.
    """

    text: str
    arns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Found:
    arn: str
    how: HowFound
    mention: str | None
    score: float = 1.0


class Describe(Protocol):
    """Finds what a prompt means beside the names in it."""

    async def __call__(
        self, prompt: str, named: Sequence[NamedResource], previous: Sequence[str]
    ) -> Sequence[Candidate]:
        """Return the resources, surest first; ``previous`` are those of the turn before."""
        ...


class RequestBuilder:
    """Builds requests from what the store knows.

    Parameters
    ----------
    load_resource
        Returns the stored record of an ARN, None when there is none (any more). May block.
    search
        Finds resources by description, best first.
    account
        Returns what is known of an account id. May block.
    history_tokens
        Budget for earlier turns.
    counter
        Returns what counts their tokens. May block.
    executor
        Where blocking calls run; None for the event loop's own.
    describe
        Finds what the prompt describes or points back at; without it only names count.
    load_resources
        Returns the stored records of many ARNs at once; may block.
    """

    def __init__(
        self,
        load_resource: Callable[[str], Resource | None],
        search: Callable[[str], Awaitable[Sequence[SearchHit]]],
        account: Callable[[str], AccountRecord | None] = lambda _: None,
        *,
        history_tokens: int = 4_000,
        counter: Callable[[], TokenCounter] = EstimatedTokens,
        executor: Executor | None = None,
        describe: Describe | None = None,
        load_resources: Callable[[Sequence[str]], Sequence[Resource]] | None = None,
    ) -> None:
        self._load_resource = load_resource
        self._search = search
        self._account = account
        self._history_tokens = history_tokens
        self._counter = counter
        self._executor = executor
        self._describe = describe
        self._load_resources = load_resources

    async def build(
        self,
        prompt: str,
        named: Sequence[NamedResource],
        history: Sequence[Message],
        context: UserContext,
        *,
        conversation_id: str,
        request_id: str | None = None,
        locale: str | None = None,
    ) -> AssistantRequest:
        """Build the request for one prompt.

        Parameters
        ----------
        prompt
            The user's turn, as it stands in the runbook.
        named
            The names, ids and ARNs in it.
        history
            The conversation before the prompt, oldest first.
        context
            Who asks, and where.
        conversation_id, request_id, locale
            As in the protocol; a new ``request_id`` is made when none is given.

        Raises
        ------
        CloudOpsError
            The prompt is empty or too long, or the store cannot be read.
        """
        if not prompt.strip():
            raise CloudOpsError("There is nothing to ask", fix="Write a question first")
        if len(prompt) > MAX_PROMPT:
            raise CloudOpsError(
                f"The prompt is too long: {len(prompt):,} of {MAX_PROMPT:,} characters",
                fix="Ask about less at once",
            )
        found = identify(prompt, named, history)
        if self._describe is not None and not any(one.how is HowFound.CHOICE for one in found):
            known = {one.arn for one in found}
            found += [
                _Found(one.arn, HowFound(one.how.value), one.words[:256] or None, one.score)
                for one in await self._describe(prompt, named, previously(history))
                if one.arn not in known
            ]
        loop = asyncio.get_running_loop()
        resources = await loop.run_in_executor(self._executor, self._enrich_found, found)
        if not resources:
            hits = await self._described(prompt)
            resources = await loop.run_in_executor(self._executor, self._enrich_hits, hits)
        about = {one.resource.arn for one in resources if one.how is not HowFound.SEARCH}
        sent = await loop.run_in_executor(self._executor, redact_text, prompt)
        fitted = await loop.run_in_executor(self._executor, self._fitted, history, about)
        return AssistantRequest(
            request_id=request_id or new_id(),
            conversation_id=conversation_id,
            prompt=sent[:MAX_PROMPT],
            identified_resources=tuple(resources[:MAX_RESOURCES]),
            resources_omitted=max(len(resources) - MAX_RESOURCES, 0),
            chat_history=fitted.turns,
            history_omitted=fitted.omitted,
            user_context=context,
            locale=locale,
        )

    async def _described(self, prompt: str) -> Sequence[SearchHit]:
        try:
            hits = await self._search(prompt)
        except RetryableError as error:
            # The question can be asked without: whoever answers asks back.
            _log.warning("Resources could not be searched for a prompt: %s", error.what)
            return ()
        return [hit for hit in hits if hit.score >= LOWEST_SCORE]

    def _enrich_found(self, found: Iterable[_Found]) -> list[IdentifiedResource]:
        wanted = list(found)
        return [
            IdentifiedResource(
                how=one.how, score=one.score, mention=one.mention, resource=self._record(resource)
            )
            for one, resource in zip(wanted, self._loaded(wanted), strict=True)
            if resource is not None
        ]

    def _loaded(self, found: Sequence[_Found]) -> list[Resource | None]:
        if self._load_resources is None:
            return [self._load_resource(one.arn) for one in found]
        records = {one.arn: one for one in self._load_resources([one.arn for one in found])}
        return [records.get(one.arn) for one in found]

    def _enrich_hits(self, hits: Sequence[SearchHit]) -> list[IdentifiedResource]:
        return [
            IdentifiedResource(
                how=HowFound.SEARCH, score=min(hit.score, 1), resource=self._record(hit.resource)
            )
            for hit in hits
        ]

    def _fitted(self, history: Sequence[Message], about: set[str]) -> FittedHistory:
        return fit_history(history, about, self._history_tokens, self._counter())

    def _record(self, resource: Resource) -> ResourceRecord:
        return enrich(resource, self._account(resource.account_id))


def identify(
    prompt: str, named: Sequence[NamedResource], history: Sequence[Message]
) -> list[_Found]:
    """Return what the prompt names or picks, each resource once.

    A name that several resources have counts as resolved when one of them is also named
    exactly (``web-1 (i-0abc…)``) or picked from the choices of the last question.
    """
    found: dict[str, _Found] = {}
    for name in named:
        if len(name.arns) == 1:
            found.setdefault(name.arns[0], _Found(name.arns[0], HowFound.EXACT, name.text))
    if not found or _only_names(prompt, named):
        picked = _picked(prompt, history)
        if picked is not None and set(found) <= {picked}:
            found[picked] = _Found(picked, HowFound.CHOICE, prompt.strip()[:256])
    resolved = frozenset(found)
    for name in named:
        if resolved.isdisjoint(name.arns):
            for arn in name.arns:
                found.setdefault(arn, _Found(arn, HowFound.AMBIGUOUS, name.text))
    return list(found.values())


def _only_names(prompt: str, named: Sequence[NamedResource]) -> bool:
    """Tell whether a prompt says nothing beside a name, and perhaps the number of a choice."""
    for name in named:
        for words in (*name.arns, name.text):
            prompt = prompt.replace(words, "")
    return _NUMBER_ALONE.fullmatch(prompt) is not None


def previously(history: Sequence[Message]) -> tuple[str, ...]:
    """Return the ARNs of the last turn that was about any resource."""
    for message in reversed(history):
        arns = message.metadata.get(RESOURCES)
        if isinstance(arns, list) and arns:
            return tuple(arn for arn in arns if isinstance(arn, str))
    return ()


def _picked(prompt: str, history: Sequence[Message]) -> str | None:
    question = open_question([chat_turn(message) for message in history[-1:]])
    choice = chosen(prompt, question.choices) if question else None
    return choice.arn if choice else None


def enrich(resource: Resource, account: AccountRecord | None = None) -> ResourceRecord:
    """Return a resource as it is sent: whole, but without what looks like a secret."""
    stored = resource.model_dump(exclude={"state", "tags", "constraints", "metadata"})
    return ResourceRecord.model_validate(
        {
            **stored,
            "account_alias": account.alias if account else None,
            "profiles": account.profiles if account else (),
            "current_state": resource.state,
            "tags": redact(dict(resource.tags)),
            "constraints": redact(dict(resource.constraints)),
            "metadata": redact(dict(resource.metadata)),
        }
    )

"""The assistant that is always there: a deterministic planner over the catalog, no network.

It knows verbs and resources. Every verb, command, state and note comes from the catalog's data;
a type or action that is added there is understood here.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from cloudops_ls.assistant import reading
from cloudops_ls.assistant.acting import ActionPlanner
from cloudops_ls.assistant.base import FinalReply
from cloudops_ls.assistant.describe import card, joined
from cloudops_ls.assistant.estate_answers import EstateAnswers
from cloudops_ls.assistant.followup import open_question
from cloudops_ls.assistant.helping import help_reply
from cloudops_ls.assistant.imperative import is_question
from cloudops_ls.assistant.protocol import (
    ClarificationReply,
    HowFound,
    InformationReply,
)
from cloudops_ls.assistant.untrusted import code_span
from cloudops_ls.assistant.verbs import VerbLexicon, VerbUse, blanked
from cloudops_ls.storage.records import Role

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence

    from cloudops_ls.assistant.base import AssistantEvent
    from cloudops_ls.assistant.known_estate import KnownEstate
    from cloudops_ls.assistant.protocol import (
        AssistantRequest,
        ChatTurn,
        IdentifiedResource,
        Reply,
    )
    from cloudops_ls.estate.catalog.loader import Catalog

_NAMED: Final = frozenset({HowFound.EXACT, HowFound.AMBIGUOUS, HowFound.CHOICE, HowFound.PREVIOUS})
"""What the operator said; everything else is how it was understood, and is asked about."""
_DESCRIBE: Final = "describe"
_MOST_CARDS: Final = 10
_MOST_WORDS: Final = 5
"""Words that are told not to be understood."""
_MOST_CANDIDATES: Final = 5
"""Search hits offered as choices: beyond the first few they are rarely what was meant."""


class BuiltinAssistant:
    """Answers from the type catalog and the stored estate.

    Parameters
    ----------
    catalog
        The resource types and what can be done to them.
    estate
        What is stored; without it nothing is listed.
    clock
        Timezone-aware UTC now.
    """

    def __init__(
        self,
        catalog: Catalog,
        estate: KnownEstate | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._catalog = catalog
        self._estate = estate
        self._answers = EstateAnswers(catalog, estate) if estate is not None else None
        self._clock = clock
        self._verbs = VerbLexicon(catalog)
        self._actions = ActionPlanner(catalog, estate, clock)

    async def reply(self, request: AssistantRequest) -> AsyncGenerator[AssistantEvent]:
        """Yield the one reply to ``request`` (see ``Assistant.reply``)."""
        if self._estate is None:
            yield FinalReply(self.plan(request))
        else:
            # The store is read.
            yield FinalReply(await asyncio.to_thread(self.plan, request))

    def outgoing(self, request: AssistantRequest) -> None:
        """Nothing: requests are answered in this process."""

    async def aclose(self) -> None:
        """Nothing to free."""

    def plan(self, request: AssistantRequest) -> Reply:
        """Return the reply to ``request``; the same for the same request, catalog and estate."""
        named = self._named(request.identified_resources)
        said = reading.without_missing_tags(request.prompt)
        uses = self._verbs.find(said, _mentions(named))
        verbs = [use for use in uses if not use.negated]
        if uses and not verbs:
            return _nothing_wanted(uses, named)
        looked_up = self._looked_up(request, named, verbs)
        if looked_up is not None:
            return looked_up
        prompt = request.prompt
        if not verbs:
            prompt, verbs = self._asked_before(request.chat_history)
        if not named:
            question = open_question(request.chat_history)
            if question and question.choices and not uses:
                return _not_understood(question)
            if not verbs:
                close = [one.resource for one in request.identified_resources[:_MOST_CANDIDATES]]
                return help_reply(request.prompt, self._catalog, self._actions.title, close)
            return self._actions.many(prompt, verbs, request) or self._actions.which(verbs, request)
        if not verbs:
            return InformationReply(text=self._cards(request.prompt, named))
        return self._actions.act(prompt, verbs, named, request)

    def _looked_up(
        self,
        request: AssistantRequest,
        named: Sequence[IdentifiedResource],
        verbs: Sequence[VerbUse],
    ) -> Reply | None:
        """Answer from the estate what only asks to know; None for everything else."""
        if self._answers is None:
            return None
        text = blanked(request.prompt, _mentions(named))
        wanted = reading.read(text, self._catalog, self._estate)
        resources = [one.resource for one in named]
        orders = [
            use for use in verbs if use.action != _DESCRIBE and not is_question(text, use.start)
        ]
        if reading.asks_for_changes(text) and not orders:
            if resources:
                return self._answers.history(resources)
            moment = reading.since(text, self._clock())
            return self._answers.changes(wanted, moment, reading.kind_of_change(text))
        if orders:
            return None
        own = {resource.resource_type for resource in resources}
        others = [kind for kind in wanted.kinds if kind not in own]
        related = [
            one.resource for one in request.identified_resources if one.how is HowFound.RELATION
        ]
        if resources and related:
            return self._answers.related(resources, related, request.resources_omitted)
        if resources and reading.asks_for_connections(text):
            return self._answers.connections(resources, others)
        if resources and others and not own.intersection(wanted.kinds):
            return self._answers.connections(resources, others)
        asked = reading.asks_for_list(text) or any(use.action == _DESCRIBE for use in verbs)
        narrowed = wanted.states or wanted.regions or wanted.tags or wanted.constraints
        narrowed = narrowed or wanted.not_states or wanted.untagged
        described = any(one.how is HowFound.DESCRIPTION for one in request.identified_resources)
        if not resources and wanted.kinds and (asked or narrowed or (described and not verbs)):
            return self._answers.listing(wanted, text)
        if not resources and asked and self._answers.is_listing(wanted, text):
            return self._answers.listing(wanted, text)
        return None

    def _named(self, found: Sequence[IdentifiedResource]) -> list[IdentifiedResource]:
        """Return what the prompt names, without guesses.

        A resource that is called like a verb ("start") counts only when nothing else is named.
        """
        named = [one for one in found if one.how in _NAMED]
        others = [one for one in named if one.mention is None or one.mention not in self._verbs]
        return others or named

    def _asked_before(self, history: Sequence[ChatTurn]) -> tuple[str, list[VerbUse]]:
        """Return the prompt and verbs that an open question of the assistant is about."""
        turns = list(history)
        while open_question(turns):
            turns.pop()
            while turns and turns[-1].role is not Role.ASSISTANT:
                turn = turns.pop()
                verbs = [use for use in self._verbs.find(turn.content) if not use.negated]
                if turn.role is Role.USER and verbs:
                    return turn.content, verbs
        return "", []

    def _cards(self, prompt: str, named: Sequence[IdentifiedResource]) -> str:
        """Return the cards of resources, and which words about them were not understood."""
        resources = [one.resource for one in named]
        shown = [card(resource, self._catalog) for resource in resources[:_MOST_CARDS]]
        if len(resources) > _MOST_CARDS:
            shown.append(f"… and {len(resources) - _MOST_CARDS} more.")
        cards = "\n\n".join(shown)
        text = blanked(prompt, _mentions(named))
        described = self._estate.described(text) if self._estate is not None else None
        told = cards.casefold()
        unknown = [
            word
            for word in (described.unknown if described is not None else ())
            if word.removesuffix("s") not in told
        ]
        if not unknown:
            return cards
        words = joined([code_span(word) for word in unknown[:_MOST_WORDS]])
        what = "it" if len(resources) == 1 else "them"
        return f"I know nothing of {words}. This is what I know of {what}:\n\n{cards}"


def _nothing_wanted(uses: Sequence[VerbUse], named: Sequence[IdentifiedResource]) -> Reply:
    words = joined([code_span(use.word.lower()) for use in uses])
    about = joined([code_span(one.resource.name) for one in named[:_MOST_CARDS]])
    text = f"I read this as *not* to {words}{f' {about}' if about else ''}, and propose nothing."
    return InformationReply(text=text)


def _not_understood(question: ChatTurn) -> Reply:
    text = "I do not see which of these you mean. Answer with a number, a name or an ARN."
    return ClarificationReply(question=text, choices=question.choices)


def _mentions(named: Sequence[IdentifiedResource]) -> set[str]:
    return {one.mention for one in named if one.mention and one.how is not HowFound.CHOICE}

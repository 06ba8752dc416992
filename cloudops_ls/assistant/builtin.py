"""The assistant that is always there: a deterministic planner over the catalog, no network.

It knows verbs and resources. Every verb, command, state and note comes from the catalog's data;
a type or action that is added there is understood here.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from cloudops_ls.assistant.base import FinalReply
from cloudops_ls.assistant.describe import candidate, card, joined, sentence
from cloudops_ls.assistant.followup import open_question
from cloudops_ls.assistant.plan import Plan, Planned
from cloudops_ls.assistant.protocol import (
    ClarificationReply,
    HowFound,
    InformationReply,
)
from cloudops_ls.assistant.untrusted import code_span
from cloudops_ls.assistant.verbs import VerbLexicon, VerbUse
from cloudops_ls.storage.records import Role

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from cloudops_ls.assistant.base import AssistantEvent
    from cloudops_ls.assistant.protocol import (
        AssistantRequest,
        ChatTurn,
        IdentifiedResource,
        Reply,
        ResourceRecord,
    )
    from cloudops_ls.estate.catalog.loader import Catalog

_NAMED: Final = frozenset({HowFound.EXACT, HowFound.AMBIGUOUS, HowFound.CHOICE, HowFound.PREVIOUS})
"""What the operator said; everything else is how it was understood, and is asked about."""
_DESCRIBE: Final = "describe"
_MOST_CARDS: Final = 10
_MOST_TITLES: Final = 4
_MOST_CANDIDATES: Final = 5
"""Search hits offered as choices: beyond the first few they are rarely what was meant."""


class BuiltinAssistant:
    """Answers from the type catalog alone.

    Parameters
    ----------
    catalog
        The resource types and what can be done to them.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._verbs = VerbLexicon(catalog)

    async def reply(self, request: AssistantRequest) -> AsyncGenerator[AssistantEvent]:
        """Yield the one reply to ``request`` (see ``Assistant.reply``)."""
        yield FinalReply(self.plan(request))

    async def aclose(self) -> None:
        """Nothing to free."""

    def plan(self, request: AssistantRequest) -> Reply:
        """Return the reply to ``request``; the same for the same request and catalog."""
        named = self._named(request.identified_resources)
        uses = self._verbs.find(request.prompt, _mentions(named))
        verbs = [use for use in uses if not use.negated]
        if uses and not verbs:
            return _nothing_wanted(uses, named)
        prompt = request.prompt
        if not verbs:
            prompt, verbs = self._asked_before(request.chat_history)
        if not named:
            question = open_question(request.chat_history)
            if question and question.choices and not uses:
                return _not_understood(question)
            return self._which(verbs, request) if verbs else self._help(request)
        if not verbs:
            return InformationReply(text=self._cards([one.resource for one in named]))
        return self._act(prompt, verbs, named, request)

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

    def _act(
        self,
        prompt: str,
        verbs: Sequence[VerbUse],
        named: Sequence[IdentifiedResource],
        request: AssistantRequest,
    ) -> Reply:
        """Plan each named resource's action; ask first when a name is ambiguous."""
        groups: dict[str, list[IdentifiedResource]] = defaultdict(list)
        for one in named:
            # Only the candidates of an ambiguous name belong together.
            key = one.mention if one.how is HowFound.AMBIGUOUS else None
            groups[key or one.resource.arn].append(one)
        plan = Plan(self._catalog, request.user_context)
        questions: list[tuple[VerbUse, list[ResourceRecord]]] = []
        for group in groups.values():
            resources = [one.resource for one in group]
            verb = _verb_for(_names(group[0]), prompt, verbs)
            able = [one for one in resources if self._can(one, verb)]
            if len(able) > 1:
                questions.append((verb, able))
            else:
                for resource in able or resources:
                    plan.add(Planned(resource, verb.action_for(resource.resource_type)))
        if questions:
            return self._which_of(questions, plan, request)
        used = {planned.action for planned in plan.planned}
        ignored = [
            use.word
            for use in verbs
            if used.isdisjoint({use.action, *use.by_type.values()}) and use.action != _DESCRIBE
        ]
        return plan.reply(ignored)

    def _can(self, resource: ResourceRecord, verb: VerbUse) -> bool:
        kind = self._catalog.get(resource.resource_type)
        return kind is not None and verb.action_for(kind.name) in kind.actions

    def _which_of(
        self,
        questions: Sequence[tuple[VerbUse, list[ResourceRecord]]],
        plan: Plan,
        request: AssistantRequest,
    ) -> Reply:
        verb, resources = questions[0]
        name = code_span(resources[0].name)
        text = [
            f"{len(resources)} resources are called {name}. Which one do you want to "
            f"{self._title(verb.action)}?"
        ]
        if request.resources_omitted:
            text.append(f"{request.resources_omitted} more have names that you wrote.")
        later = [code_span(others[0].name) for _, others in questions[1:]]
        later += [code_span(planned.resource.name) for planned in plan.planned]
        if later:
            text.append(f"Ask again for {joined(later)} once this is clear.")
        choices = tuple(candidate(resource, self._catalog) for resource in resources)
        return ClarificationReply(question=" ".join(text), choices=choices)

    def _which(self, verbs: Sequence[VerbUse], request: AssistantRequest) -> Reply:
        """Ask which resource is meant; offer those that search found and the verb fits."""
        action = verbs[0].action
        fitting = [
            one.resource
            for one in request.identified_resources
            if self._can(one.resource, verbs[0])
        ]
        question = f"Which resource do you want to {self._title(action)}?"
        if fitting:
            question += " These come closest to what you wrote; or write a name, an id or an ARN."
        else:
            question += " Write its name, its id or its ARN."
        return ClarificationReply(
            question=question,
            choices=tuple(
                candidate(resource, self._catalog) for resource in fitting[:_MOST_CANDIDATES]
            ),
        )

    def _title(self, action: str) -> str:
        titles = (kind.actions[action].title for kind in self._catalog if action in kind.actions)
        return self._catalog.action_titles.get(action, next(titles, action)).lower()

    def _cards(self, resources: Sequence[ResourceRecord]) -> str:
        shown = [card(resource, self._catalog) for resource in resources[:_MOST_CARDS]]
        if len(resources) > _MOST_CARDS:
            shown.append(f"… and {len(resources) - _MOST_CARDS} more.")
        return "\n\n".join(shown)

    def _help(self, request: AssistantRequest) -> Reply:
        abilities: dict[str, list[str]] = defaultdict(list)
        for kind in self._catalog:
            for action in kind.actions:
                abilities[action].append(kind.title)
        lines = []
        for action, titles in abilities.items():
            first = sorted(titles)[:_MOST_TITLES]
            if len(titles) == len(self._catalog):
                first = [f"each of the {len(titles)} types of resource I know"]
            elif len(titles) > len(first):
                first.append(f"{len(titles) - len(first)} more types")
            what = joined(first)
            lines.append(f"- **{self._title(action)}**: {what}")
        text = (
            "I am the built-in planner, no language model: I understand a verb and the resources "
            "it is about, named by name, id or ARN. I can propose to\n\n" + "\n".join(lines)
        )
        close = [one.resource for one in request.identified_resources[:_MOST_CANDIDATES]]
        if close:
            found = "\n".join(f"- {sentence(resource, self._catalog)}" for resource in close)
            text += f"\n\nWhat you wrote may be about:\n\n{found}"
        return InformationReply(text=text)


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


def _names(one: IdentifiedResource) -> tuple[str, ...]:
    resource = one.resource
    return tuple(
        name for name in (one.mention, resource.arn, resource.name, resource.identifier) if name
    )


def _verb_for(names: Sequence[str], prompt: str, verbs: Sequence[VerbUse]) -> VerbUse:
    """Return the verb that a resource stands under: the last one before it, else the first."""
    place = next((place for name in names if (place := prompt.find(name)) >= 0), -1)
    before = [use for use in verbs if use.start < place]
    return before[-1] if before else verbs[0]

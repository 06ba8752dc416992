"""Plans what a sentence orders: the action of each resource, or the question that comes first."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from cloudops_ls.assistant import reading
from cloudops_ls.assistant.describe import as_of, candidate, joined, sentence
from cloudops_ls.assistant.estate_answers import EstateAnswers
from cloudops_ls.assistant.imperative import is_order, is_question
from cloudops_ls.assistant.plan import Plan, Planned
from cloudops_ls.assistant.protocol import (
    MAX_CHOICES,
    ClarificationReply,
    HowFound,
    InformationReply,
)
from cloudops_ls.assistant.tables import resources_table
from cloudops_ls.assistant.untrusted import code_span
from cloudops_ls.assistant.verbs import VerbUse, blanked
from cloudops_ls.estate.catalog.model import Access, Input

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from cloudops_ls.assistant.known_estate import KnownEstate
    from cloudops_ls.assistant.protocol import (
        AssistantRequest,
        IdentifiedResource,
        Reply,
        ResourceRecord,
    )
    from cloudops_ls.estate.catalog.loader import Catalog
    from cloudops_ls.estate.catalog.model import Action

_DESCRIBE: Final = "describe"
_MOST_CARDS: Final = 10
_MOST_AT_ONCE: Final = 20
_ALL: Final = re.compile(r"\b(?:all|every|each)\b", re.IGNORECASE)
_CHOSEN_BY_TAG: Final = re.compile(r"\b(?:tagged|labell?ed|where|whose)\b", re.IGNORECASE)
_TAG_TEXT: Final = re.compile(r"[\w.:/+@ -]*").fullmatch
"""Tag values that the CLI's shorthand passes on as they are."""
_MOST_CANDIDATES: Final = 5
"""Search hits offered as choices: beyond the first few they are rarely what was meant."""


class ActionPlanner:
    """Turns verbs and resources into commands, by the catalog.

    Parameters
    ----------
    catalog
        The resource types and what can be done to them.
    estate
        What is stored; without it nothing is planned for "all" of a kind.
    clock
        Timezone-aware UTC now.
    """

    def __init__(
        self, catalog: Catalog, estate: KnownEstate | None, clock: Callable[[], datetime]
    ) -> None:
        self._catalog = catalog
        self._estate = estate
        self._clock = clock
        self._answers = EstateAnswers(catalog, estate) if estate is not None else None

    def act(
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
        text = blanked(prompt, [name for one in named for name in _names(one)])
        questions: list[tuple[VerbUse, list[ResourceRecord]]] = []
        doubtful: list[ResourceRecord] = []
        asked: list[str] = []
        told: list[str] = []
        for group in groups.values():
            resources = [one.resource for one in group]
            verb = _verb_for(_names(group[0]), prompt, verbs)
            able = [one for one in resources if self._can(one, verb)]
            picked = group[0].how is HowFound.CHOICE
            if able and not picked and self._only_asked(text, verb, able[0]):
                told += [self._about(verb, one) for one in able]
            elif able and not picked and self._unsure(text, verb, verbs, able):
                doubtful += able
            elif len(able) > 1:
                questions.append((verb, able))
            else:
                for resource in able or resources:
                    planned, missing = self._planned(resource, verb, text)
                    asked += [missing] if missing else []
                    for step in planned:
                        plan.add(step)
        if doubtful:
            return self._sure(doubtful, plan)
        if questions:
            return self._which_of(questions, plan, request)
        if asked:
            return ClarificationReply(question="\n\n".join(asked))
        if told and not plan.planned:
            return InformationReply(text="\n\n".join(told))
        used = {planned.action for planned in plan.planned}
        ignored = [
            use.word
            for use in verbs
            if used.isdisjoint({use.action, *use.by_type.values()}) and use.action != _DESCRIBE
        ]
        return plan.reply(ignored)

    def many(
        self, prompt: str, verbs: Sequence[VerbUse], request: AssistantRequest
    ) -> Reply | None:
        """Plan an action for all resources that a sentence describes; never a deletion.

        Nothing is planned where a word of the sentence was not understood: it may have been the
        one that was to spare the rest.
        """
        if self._answers is None or not _ALL.search(prompt) or len(verbs) > 1:
            return None
        wanted = reading.read(prompt, self._catalog, self._estate)
        verb = verbs[0]
        told = any(
            not {Input.MOMENT}.issuperset(action.inputs)
            for name in wanted.kinds
            if (action := self._catalog[name].actions.get(verb.action_for(name))) is not None
        )
        if told:
            # Its tags say what to write, not on which resources.
            wanted = replace(wanted, tags=())
        described = self._answers.described(prompt, wanted, ordered=told)
        if not wanted.kinds or described is None or not described.arns:
            return None
        found, total = self._answers.matching(wanted, _MOST_AT_ONCE, described.arns)
        able = [resource for resource in found if self._can(resource, verb)]
        if not able:
            return None
        table = resources_table(found, self._catalog)
        if any(self._action(one, verb).access is Access.DESTRUCTIVE for one in able):
            return InformationReply(
                text=f"I plan deletions only of resources that are named one by one. These are "
                f"{total} that you may mean:\n\n{table}"
            )
        if described.unknown or not described.whole:
            words = joined([code_span(word) for word in described.unknown])
            why = f"I do not understand {words}" if words else "Nothing fits all of what you wrote"
            return InformationReply(
                text=f"{why}, so I plan nothing for the {total} that fit the rest. Say it in "
                f"other words, or name what you mean.\n\n{table}"
            )
        if told and _CHOSEN_BY_TAG.search(prompt):
            return InformationReply(
                text=f"I cannot tell which tags choose the resources and which are to be written, "
                f"so I plan nothing for these {total}. Describe them without tags.\n\n{table}"
            )
        if total > len(found):
            return InformationReply(
                text=f"These are {total:,} resources, and I plan for {_MOST_AT_ONCE} at most at "
                f"once: narrow it by a state, region, account or tag.\n\n{table}"
            )
        if is_question(prompt, verb.start):
            return None
        plan = Plan(self._catalog, request.user_context)
        for resource in able:
            planned, missing = self._planned(resource, verb, prompt)
            if missing:
                return ClarificationReply(question=missing)
            for step in planned:
                plan.add(step)
        return plan.reply()

    def which(self, verbs: Sequence[VerbUse], request: AssistantRequest) -> Reply:
        """Ask which resource is meant; offer those that search found and the verb fits."""
        action = verbs[0].action
        fitting = [
            one.resource
            for one in request.identified_resources
            if self._can(one.resource, verbs[0])
        ]
        question = f"Which resource do you want to {self.title(action)}?"
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

    def title(self, action: str) -> str:
        """Return what an action is called in a sentence."""
        titles = (kind.actions[action].title for kind in self._catalog if action in kind.actions)
        return self._catalog.action_titles.get(action, next(titles, action)).lower()

    def _action(self, resource: ResourceRecord, verb: VerbUse) -> Action:
        kind = self._catalog[resource.resource_type]
        return kind.actions[verb.action_for(kind.name)]

    def _can(self, resource: ResourceRecord, verb: VerbUse) -> bool:
        kind = self._catalog.get(resource.resource_type)
        return kind is not None and verb.action_for(kind.name) in kind.actions

    def _unsure(
        self,
        text: str,
        verb: VerbUse,
        verbs: Sequence[VerbUse],
        resources: Sequence[ResourceRecord],
    ) -> bool:
        """Tell whether a deletion may not be what a sentence orders."""
        if self._action(resources[0], verb).access is not Access.DESTRUCTIVE:
            return False
        known = {use.word.casefold() for use in verbs}
        for resource in resources:
            kind = self._catalog[resource.resource_type]
            phrases = (kind.title, *kind.synonyms, resource.account_alias or "")
            known |= {word for phrase in phrases for word in phrase.casefold().split()}
            known |= {f"{word}s" for word in known} | {resource.region, resource.account_id}
        if self._estate is not None:
            known |= {word for word in text.casefold().split() if self._estate.places(word)}
        return not is_order(text, verb.start, verb.end, known)

    def _only_asked(self, text: str, verb: VerbUse, resource: ResourceRecord) -> bool:
        changes = self._action(resource, verb).access is not Access.READ
        return changes and is_question(text, verb.start)

    def _about(self, verb: VerbUse, resource: ResourceRecord) -> str:
        """Say what an action would do, for a question about it."""
        action = self._action(resource, verb)
        obstacle = action.obstacle(resource.current_state, resource.constraints)
        facts = [f"- {fact}" for fact in ([obstacle] if obstacle else action.notes)]
        order = code_span(f"{action.title.lower()} {resource.name}")
        return "\n".join(
            [
                f"{sentence(resource, self._catalog)} ({as_of(resource)}).",
                "",
                *facts,
                f"- Nothing is planned; {order} is the order.",
            ]
        )

    def _planned(
        self, resource: ResourceRecord, verb: VerbUse, text: str
    ) -> tuple[list[Planned], str | None]:
        """Return an action with what it is told, or the question for what it is not."""
        name = verb.action_for(resource.resource_type)
        if not self._can(resource, verb):
            return [Planned(resource, name, word=verb.word.lower())], None
        action = self._action(resource, verb)
        called = code_span(resource.name)
        if Input.MOMENT in action.inputs:
            moment = f"{self._clock():%Y%m%d-%H%M}"
            return [Planned(resource, name, ((Input.MOMENT.value, moment),))], None
        if Input.COUNT in action.inputs:
            number = reading.count(text)
            if number is None:
                has = resource.metadata.get("desired") or resource.metadata.get("open_shards")
                now = f" It is at {has} now." if isinstance(has, int) else ""
                return [], (
                    f"To how many do you want to {action.title.lower()} {called}?{now} Write it as "
                    f"{code_span(f'{action.title.lower()} {resource.name} to 3')}."
                )
            return [Planned(resource, name, (("count", str(number)),))], None
        if Input.VALUE in action.inputs:
            pairs = [(key, value) for key, value in reading.tag_pairs(text) if _TAG_TEXT(value)]
            if not pairs:
                example = code_span(f"tag {resource.name} team=payments")
                return [], f"With what do you want to tag {called}? Write it as {example}."
            return [
                Planned(resource, name, (("key", key), ("value", value))) for key, value in pairs
            ], None
        if Input.KEY in action.inputs:
            keys = reading.tag_keys(text)
            if not keys:
                example = code_span(f"remove the tag team from {resource.name}")
                return [], f"Which tag do you want to remove from {called}? Write it as {example}."
            return [Planned(resource, name, (("key", key),)) for key in keys], None
        return [Planned(resource, name)], None

    def _sure(self, resources: Sequence[ResourceRecord], plan: Plan) -> Reply:
        """Ask whether a deletion is meant, where the sentence says more or something else."""
        names = joined([code_span(one.name) for one in resources[:_MOST_CARDS]])
        text = (
            f"Do you want to delete {names}? Your sentence says more than that order alone, so "
            "nothing is planned. Pick what is to be deleted, or say it in other words."
        )
        if plan.planned:
            later = joined([code_span(planned.resource.name) for planned in plan.planned])
            text += f" Ask again for {later} once this is clear."
        return ClarificationReply(
            question=text,
            choices=tuple(candidate(one, self._catalog) for one in resources[:MAX_CHOICES]),
        )

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
            f"{self.title(verb.action)}?"
        ]
        if request.resources_omitted:
            text.append(f"{request.resources_omitted} more have names that you wrote.")
        later = [code_span(others[0].name) for _, others in questions[1:]]
        later += [code_span(planned.resource.name) for planned in plan.planned]
        if later:
            text.append(f"Ask again for {joined(later)} once this is clear.")
        choices = tuple(candidate(resource, self._catalog) for resource in resources)
        return ClarificationReply(question=" ".join(text), choices=choices)


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

"""Turns wanted actions into one reply: commands where they are possible, reasons where not."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from pydantic import ValidationError

from cloudops_ls.assistant.describe import as_of, card, joined, sentence, type_title
from cloudops_ls.assistant.protocol import (
    MAX_STEPS,
    MAX_TEXT,
    CommandsReply,
    InformationReply,
    Step,
)
from cloudops_ls.assistant.untrusted import code_span
from cloudops_ls.estate.catalog.model import Access, Input
from cloudops_ls.estate.mapping import template_values

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cloudops_ls.assistant.protocol import Reply, ResourceRecord, UserContext
    from cloudops_ls.estate.catalog.loader import Catalog
    from cloudops_ls.estate.catalog.model import Action

_GLOBAL: Final = "global"
_MOST_CARDS: Final = 10


@dataclass(frozen=True, slots=True)
class Planned:
    """Something to do to a resource.

    Attributes
    ----------
    resource
        What it is done to.
    action
        Name of the catalog's action.
    inputs
        What it is told beside the resource: values by the names of the action's inputs.
    word
        What it was called, for a type that has no such action.
    """

    resource: ResourceRecord
    action: str
    inputs: tuple[tuple[str, str], ...] = ()
    word: str = ""


@dataclass(slots=True)
class Plan:
    """Collects what is wanted and words the reply.

    Attributes
    ----------
    catalog
        Says what is possible, and how.
    context
        Where commands run that name no profile.
    """

    catalog: Catalog
    context: UserContext
    planned: list[Planned] = field(default_factory=list)

    def add(self, planned: Planned) -> None:
        """Add one action; the same action on the same resource counts once."""
        if planned not in self.planned:
            self.planned.append(planned)

    def reply(self, ignored: Sequence[str] = ()) -> Reply:
        """Return commands for what is possible, information where nothing is.

        Parameters
        ----------
        ignored
            Verbs of the prompt that nothing was planned for.
        """
        steps: list[Step] = []
        told: list[str] = []
        noted: set[str] = set()
        for planned in self.planned:
            resource = planned.resource
            step = self._step(planned)
            if isinstance(step, str):
                told.append(f"{sentence(resource, self.catalog)} ({as_of(resource)}). {step}")
            elif len(steps) == MAX_STEPS:
                told.append(f"{code_span(resource.name)} is left for a second request.")
            else:
                steps.append(step)
                told.append(self._explain(planned, noted))
        if ignored and steps:
            words = joined([code_span(word.lower()) for word in ignored])
            told.append(f"I planned nothing for {words}: I did not see what it is about.")
        text = "\n\n".join(told)[:MAX_TEXT]
        return (
            CommandsReply(text=text, steps=tuple(steps)) if steps else InformationReply(text=text)
        )

    def _step(self, planned: Planned) -> Step | str:
        """Return the command for one action, or the sentence that says why there is none."""
        resource = planned.resource
        action = self._action(resource, planned.action)
        if action is None:
            title = type_title(resource, self.catalog)
            return f"I know no way to {planned.word or planned.action} a resource of type {title}."
        obstacle = action.obstacle(resource.current_state, resource.constraints)
        if obstacle is not None:
            return obstacle
        if not _reachable(resource, self.context):
            return "None of the known profiles reaches its account, so no command of mine would."
        try:
            command = self._command(resource, action, dict(planned.inputs))
            return Step(command=command, reason=_reason(resource, action, planned.inputs))
        except KeyError as missing:
            field = str(missing.args[0]).replace("_", " ")
            return f"Its {field} is not known, which the command needs: scan the estate again."
        except ValidationError:
            # The estate is not trusted: a name may hold what no command may show.
            return "Its name or identifier holds characters that cannot stand in a command."

    def _action(self, resource: ResourceRecord, name: str) -> Action | None:
        kind = self.catalog.get(resource.resource_type)
        return kind.actions.get(name) if kind is not None else None

    def _explain(self, planned: Planned, noted: set[str]) -> str:
        """Say what the resource is, what the action does to it, and what undoes it.

        Notes are told once and then stand in ``noted``.
        """
        resource = planned.resource
        action = self._action(resource, planned.action)
        if action is None or action.access is Access.READ:
            few = len(self.planned) <= _MOST_CARDS
            return card(resource, self.catalog) if few else sentence(resource, self.catalog)
        facts = [note for note in action.notes if note not in noted]
        noted.update(facts)
        inverse = self._action(resource, action.inverse) if action.inverse else None
        if inverse is not None:
            facts.append(f"Undone by {code_span(self._command(resource, inverse))}.")
        lines = [f"{sentence(resource, self.catalog)} ({as_of(resource)})."]
        if facts:
            lines += ["", *(f"- {fact}" for fact in facts)]
        return "\n".join(lines)

    def _command(
        self, resource: ResourceRecord, action: Action, inputs: Mapping[str, str] | None = None
    ) -> str:
        argv = action.argv({**template_values(resource), **(inputs or {})})
        region = () if resource.region == _GLOBAL else ("--region", resource.region)
        profile = _profile(resource, self.context)
        return shlex.join((*argv, *region, *(("--profile", profile) if profile else ())))


def _reachable(resource: ResourceRecord, context: UserContext) -> bool:
    """Whether some command can reach the resource's account, as far as is known."""
    return context.account_id in {None, resource.account_id} or bool(resource.profiles)


def _profile(resource: ResourceRecord, context: UserContext) -> str | None:
    """Return the profile a command must name, None where the request's own reaches the account."""
    if context.account_id == resource.account_id or context.profile in resource.profiles:
        return None
    return next(iter(resource.profiles), None)


def _reason(
    resource: ResourceRecord, action: Action, inputs: Sequence[tuple[str, str]] = ()
) -> str:
    name = code_span(resource.name)
    said = [(key, value) for key, value in inputs if key != Input.MOMENT]
    if said:
        told = ", ".join(f"{key} {code_span(value)}" for key, value in said)
        return f"{action.title} {name}: {told}."
    if action.access is Access.READ:
        return f"{action.title} {name} as AWS sees it now."
    if action.to_state is None:
        return f"{action.title} {name}."
    if resource.current_state in {None, action.to_state}:
        return f"{action.title} {name}."
    before, after = code_span(str(resource.current_state)), code_span(action.to_state)
    return f"{action.title} {name}: {before} becomes {after}."

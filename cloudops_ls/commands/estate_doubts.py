"""What the estate says against a command: names it does not know, states that make it pointless."""

from __future__ import annotations

import re
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from cloudops_ls.commands.model import AccessLevel, Problem, ProblemKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pydantic import JsonValue

    from cloudops_ls.commands.affected import Find
    from cloudops_ls.commands.classify import Classification
    from cloudops_ls.commands.parsed import ParsedCommand
    from cloudops_ls.estate.catalog.loader import Catalog
    from cloudops_ls.estate.catalog.model import ResourceType
    from cloudops_ls.storage.resource import Resource

    Listed = Callable[[str, str, str], bool]

_MAKES = re.compile(
    r"(Batch)?(Create|Run|Register|Restore|Import|Copy|Allocate|Put|Clone|Request|Purchase|Launch)"
    r"(?=[A-Z0-9])"
)
_PLACEHOLDER = re.compile(r"\{(identifier|name|arn)\}")
_PLAIN = re.compile(r"[\w.-]+")
"""Values that can only be a name or id; others may hold qualifiers, paths or patterns."""


class _Naming(NamedTuple):
    """An option that names resources of a type."""

    kind: ResourceType
    by: str


class EstateDoubts:
    """Compares commands with the estate as of the last scan; thread-safe, changes nothing.

    Which parameters name resources of which type is taken from the commands of the catalog:
    ``aws rds stop-db-instance --db-instance-identifier {identifier}``.

    Parameters
    ----------
    catalog
        The resource types.
    find
        Returns the resources of the estate with a name, id or ARN.
    listed
        Whether a type was ever listed to its end, by account, region and type.
    """

    def __init__(self, catalog: Catalog, find: Find, listed: Listed) -> None:
        self._catalog = catalog
        self._find = find
        self._listed = listed

    def of_states(
        self, command: ParsedCommand, classification: Classification, resources: Sequence[Resource]
    ) -> Iterator[Problem]:
        """Yield why a change is pointless or impossible for the resources as they are."""
        if classification.access is AccessLevel.READ or command.custom or command.dry_run:
            return
        for resource in resources:
            kind = self._catalog.get(resource.resource_type)
            if kind is None or kind.service != command.service:
                continue
            for action in kind.actions.values():
                if action.operation != command.operation:
                    continue
                obstacle = action.obstacle(resource.state, resource.constraints)
                if obstacle is not None:
                    yield Problem(
                        kind=ProblemKind.POINTLESS,
                        what=f"{resource.name}: {obstacle.rstrip('.')}",
                        fix=f"This is as of {resource.last_synced:%Y-%m-%d %H:%M} UTC",
                        token=_as_written(command, resource),
                    )
                    break

    def of_names(
        self, command: ParsedCommand, account_id: str | None, region: str | None
    ) -> Iterator[tuple[Problem | None, str | None]]:
        """Yield problems with values that should name resources, and the values not known.

        A value is not known when no resource of the type has it as name, id or ARN. That is a
        problem only where the type was listed completely, and the command makes nothing new.
        """
        if _MAKES.match(command.operation):
            return
        for member, value in command.parameters.items():
            naming = self._namings.get((command.service, _folded(member)))
            if naming is None:
                continue
            for token in _texts(value):
                if _PLAIN.fullmatch(token):
                    yield from self._of_name(token, naming, account_id, region)

    def _of_name(
        self, token: str, naming: _Naming, account_id: str | None, region: str | None
    ) -> Iterator[tuple[Problem | None, str | None]]:
        kind = naming.kind
        found = [each for each in self._find(token) if each.resource_type == kind.name]
        if not found:
            place = "global" if kind.is_global else region
            problem = None
            if account_id and place and self._listed(account_id, place, kind.name):
                problem = Problem(
                    kind=ProblemKind.NOT_IN_ESTATE,
                    what=f"The last scan found no {kind.title} {token} in {account_id} {place}",
                    fix="Scan again if it is new",
                    token=token,
                )
            yield problem, token
        elif naming.by == "identifier" and all(each.identifier != token for each in found):
            only = found[0].identifier if len(found) == 1 else None
            yield (
                Problem(
                    kind=ProblemKind.NAME_FOR_ID,
                    what=f"{token} is the name of {kind.title} "
                    f"{' and '.join(each.identifier for each in found[:3])}; AWS takes the id here",
                    fix=f"Write {only}" if only else None,
                    replacement=only,
                    token=token,
                ),
                None,
            )

    @cached_property
    def _namings(self) -> dict[tuple[str, str], _Naming]:
        namings: dict[tuple[str, str], _Naming] = {}
        for kind in self._catalog:
            templates = [kind.describe.command, *(each.command for each in kind.actions.values())]
            for words in (template.split() for template in templates):
                for option, value in pairwise(words):
                    placeholder = _PLACEHOLDER.fullmatch(value)
                    if placeholder and option.startswith("--"):
                        key = kind.service, _folded(option)
                        namings.setdefault(key, _Naming(kind, placeholder[1]))
        return namings


def _folded(name: str) -> str:
    """Return what ``--instance-ids``, ``InstanceIds`` and ``instanceId`` have in common."""
    return name.replace("-", "").casefold().removesuffix("s")


def _texts(value: JsonValue) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            if isinstance(item, str):
                yield item


def _as_written(command: ParsedCommand, resource: Resource) -> str | None:
    """Return the way in which a command names a resource."""
    names = (resource.arn, resource.identifier, resource.name)
    return next((name for name in names if any(name in word for word in command.argv)), None)

"""Which known resources a command names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pydantic import JsonValue

    from cloudops_ls.commands.parsed import ParsedCommand
    from cloudops_ls.storage.resource import Resource

    Find = Callable[[str], Sequence[Resource]]

MOST_TOKENS = 500
_LONGEST = 2048
_PROSE = frozenset({"tags", "taglist", "tagset", "tagspecifications", "description", "comment"})


@dataclass(frozen=True, slots=True)
class Affected:
    """What the estate knows about a command's values.

    Attributes
    ----------
    resources
        Those that are meant, in the order of the values.
    elsewhere
        Values that name resources, but only in another account or region, with these resources.
    """

    resources: tuple[Resource, ...]
    elsewhere: tuple[tuple[str, tuple[Resource, ...]], ...]


def affected(
    command: ParsedCommand, find: Find, *, account_id: str | None, region: str | None
) -> Affected:
    """Look up every value of a command that may name a resource.

    A bare name counts only for a resource of the command's own service: a tag value or a path may
    well be called like some bucket. Ids and ARNs count everywhere.

    Parameters
    ----------
    find
        Returns the resources with this name, id or ARN.
    account_id, region
        Where the command runs; None leaves that unchecked.
    """
    chosen: dict[str, Resource] = {}
    elsewhere: list[tuple[str, tuple[Resource, ...]]] = []
    for token in _tokens(command):
        named = [
            resource for resource in find(token) if _means(token, resource, command.arn_services)
        ]
        here = [resource for resource in named if _is_here(resource, account_id, region)]
        chosen.update((resource.arn, resource) for resource in here)
        if named and not here:
            elsewhere.append((token, tuple(named)))
    return Affected(tuple(chosen.values()), tuple(elsewhere))


def _means(token: str, resource: Resource, services: frozenset[str]) -> bool:
    if token == resource.arn:
        return True
    if token == resource.identifier and resource.identifier != resource.name:
        return True
    return token in (resource.identifier, resource.name) and _arn_service(resource) in services


def _arn_service(resource: Resource) -> str:
    parts = resource.arn.split(":", 3)
    return parts[2] if len(parts) > 3 else ""


def _is_here(resource: Resource, account_id: str | None, region: str | None) -> bool:
    if account_id is not None and resource.account_id != account_id:
        return False
    # S3 finds a bucket from any region.
    return region is None or resource.region in (region, "global") or _arn_service(resource) == "s3"


def _tokens(command: ParsedCommand) -> Iterator[str]:
    seen: set[str] = set()
    for name, value in command.parameters.items():
        if name.casefold() in _PROSE:
            continue
        for text in _texts(value):
            for token in _candidates(text):
                if token and len(token) <= _LONGEST and token not in seen:
                    if len(seen) == MOST_TOKENS:
                        return
                    seen.add(token)
                    yield token


def _candidates(text: str) -> Iterator[str]:
    if text.startswith("s3://"):
        yield text[5:].partition("/")[0]
        return
    yield text
    if not text.startswith("arn:") and "/" in text:
        # A queue's URL ends with its name; a copy source begins with its bucket.
        yield text.rpartition("/")[2]
        if "://" not in text:
            yield text.partition("/")[0]


def _texts(value: JsonValue) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key.casefold() not in _PROSE:
                yield from _texts(item)

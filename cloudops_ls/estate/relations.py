"""Which resources hang together, by the catalog's relations, in both directions.

A relation is a field of a record that holds identifiers or ARNs of another type: an instance names
its subnet. So the instance refers to the subnet, and the subnet has the instance depending on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import JsonValue

    from cloudops_ls.estate.catalog.loader import Catalog
    from cloudops_ls.storage.estate import EstateStorage
    from cloudops_ls.storage.resource import Resource


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A resource at the other end of a relation.

    Attributes
    ----------
    field
        The relation, as the catalog names it: ``security_groups``.
    """

    resource: Resource
    field: str


def referred_to(resource: Resource, catalog: Catalog, estate: EstateStorage) -> list[Neighbour]:
    """Return the known resources that ``resource`` names in its relations."""
    kind = catalog.get(resource.resource_type)
    found: dict[str, Neighbour] = {}
    for field, target in (kind.relations if kind is not None else {}).items():
        for text in _texts(resource.metadata.get(field)):
            for other in estate.find(text):
                if other.resource_type == target and _names(text, other) and _near(resource, other):
                    found.setdefault(other.arn, Neighbour(other, field))
    found.pop(resource.arn, None)
    return list(found.values())


def dependents(resource: Resource, catalog: Catalog, estate: EstateStorage) -> list[Neighbour]:
    """Return the known resources whose relations name ``resource``."""
    fields = {
        kind.name: [
            field for field, target in kind.relations.items() if target == resource.resource_type
        ]
        for kind in catalog
    }
    types = [name for name, relations in fields.items() if relations]
    candidates = estate.mentioning(
        {resource.identifier, resource.arn}, types=types, account_id=resource.account_id
    )
    found = []
    for other in candidates:
        if other.arn == resource.arn or not _near(resource, other):
            continue
        for field in fields[other.resource_type]:
            if any(_names(text, resource) for text in _texts(other.metadata.get(field))):
                found.append(Neighbour(other, field))
                break
    return found


def _names(text: str, resource: Resource) -> bool:
    return text in (resource.identifier, resource.arn)


def _near(one: Resource, other: Resource) -> bool:
    """Whether an identifier of one can mean the other: identifiers repeat between regions."""
    regions = {one.region, other.region}
    return one.account_id == other.account_id and (len(regions) == 1 or "global" in regions)


def _texts(value: JsonValue) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)

"""Resources by any part of their name, in memory: no index of the database can do that."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple

from cloudops_ls.storage.resource_rows import name_key

if TYPE_CHECKING:
    from cloudops_ls.storage.records import ResourceFilter
    from cloudops_ls.storage.resource import Resource


class _Named(NamedTuple):
    """What the search needs of a resource."""

    text: str
    arn: str
    account_id: str
    region: str
    resource_type: str
    state: str | None


class NameSearch:
    """Names and identifiers by ARN. One thread writes at a time; any number may read meanwhile."""

    def __init__(self) -> None:
        self._names: dict[str, _Named] = {}

    def __len__(self) -> int:
        return len(self._names)

    def arns(self) -> set[str]:
        """Return the ARNs of all resources in it."""
        return set(self._names)

    def put(self, resource: Resource) -> None:
        """Add or replace a resource."""
        state = resource.state
        # Interned: a hundred thousand resources share a handful of these.
        self._names[resource.arn] = _Named(
            name_key(f"{resource.name}\n{resource.identifier}"),
            resource.arn,
            sys.intern(resource.account_id),
            sys.intern(resource.region),
            sys.intern(resource.resource_type),
            None if state is None else sys.intern(state),
        )

    def remove(self, arn: str) -> None:
        """Remove a resource; unknown ones are ignored."""
        self._names.pop(arn, None)

    def containing(self, text: str, filters: ResourceFilter) -> list[str]:
        """Return the ARNs of resources whose name or identifier contains ``text``, by name.

        Case does not count. Tags are left to the caller.
        """
        key = name_key(text)
        # A copy: a dictionary must not change while it is walked.
        found = [each for each in list(self._names.values()) if key in each.text]
        return [
            each.arn
            for each in sorted(found, key=lambda each: (each.text, each.arn))
            if filters.admits(each.account_id, each.region, each.resource_type, each.state)
        ]

"""The estate as entries to be found, a filter as conditions on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select

from cloudops_ls.storage.indexing.source import Changes, Entry
from cloudops_ls.storage.resource_rows import (
    current_revision,
    digest_of,
    loading,
    resource_of,
)
from cloudops_ls.storage.search_text import search_text
from cloudops_ls.storage.tables import ResourceRow
from cloudops_ls.storage.vectors.index import AWS_RESOURCES, Condition

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from collections.abc import Set as AbstractSet

    from sqlalchemy import Connection

    from cloudops_ls.storage.records import ResourceFilter
    from cloudops_ls.storage.resource import Resource

_LOOKUP = 500
_STREAMED = 1000


class EstateSource:
    """All resources, by ARN.

    Parameters
    ----------
    words
        What else a resource is called.
    """

    collection = AWS_RESOURCES
    keyword_fields = ("account_id", "region", "resource_type", "state", "tags")
    tenant_field = "account_id"

    def __init__(self, words: Callable[[Resource], Iterable[str]]) -> None:
        self._words = words

    def state(self, connection: Connection) -> int:
        """Return the estate's revision."""
        return current_revision(connection)

    def count(self, connection: Connection) -> int:
        """Return how many resources there are."""
        return connection.execute(select(func.count(ResourceRow.arn))).scalar_one()

    def keys_after(self, connection: Connection, key: str, limit: int) -> list[str]:
        """Return the first ARNs behind ``key``."""
        query = (
            select(ResourceRow.arn)
            .where(ResourceRow.arn > key)
            .order_by(ResourceRow.arn)
            .limit(limit)
        )
        return list(connection.execute(query).scalars())

    def changes(self, connection: Connection, since: object, known: AbstractSet[str]) -> Changes:
        """Return the resources written after revision ``since``, and those that are gone."""
        every = select(ResourceRow.arn)
        # Older than what was known: another state of the store was put in its place.
        replaced = not isinstance(since, int) or current_revision(connection) < since
        query = every if replaced else every.where(ResourceRow.revision > since)
        written = list(connection.execute(query).scalars())
        added = sum(1 for arn in written if arn not in known)
        if self.count(connection) == len(known) + added:
            return Changes(written, ())
        there = set(connection.execute(every).scalars())
        return Changes(written, known - there)

    def entries(self, connection: Connection, keys: Sequence[str]) -> list[Entry]:
        """Return the entries of those ARNs that exist."""
        found: list[Entry] = []
        for start in range(0, len(keys), _LOOKUP):
            chunk = keys[start : start + _LOOKUP]
            rows = connection.execute(loading().where(ResourceRow.arn.in_(chunk)))
            found += (self._entry(resource_of(row), digest_of(row.document)) for row in rows)
        return found

    def digests(self, connection: Connection) -> Iterator[tuple[str, bytes]]:
        """Stream ARN and digest of every resource."""
        query = select(ResourceRow.arn, ResourceRow.digest)
        for row in connection.execute(query.execution_options(yield_per=_STREAMED)):
            yield row.arn, row.digest

    def _entry(self, resource: Resource, digest: bytes) -> Entry:
        payload: dict[str, str | list[str]] = {
            "account_id": resource.account_id,
            "region": resource.region,
            "resource_type": resource.resource_type,
            "tags": [_tag(key, value) for key, value in resource.tags.items()],
        }
        if resource.state is not None:
            payload["state"] = resource.state
        text = search_text(resource, self._words(resource))
        return Entry(resource.arn, text, payload, digest)


def conditions_of(filters: ResourceFilter) -> list[Condition]:
    """Return what a point must meet for its resource to pass ``filters``."""
    anys = (
        Condition("account_id", filters.accounts),
        Condition("region", filters.regions),
        Condition("resource_type", filters.types),
        Condition("state", filters.states),
    )
    return [
        *(each for each in anys if each.any_of),
        *(Condition("tags", (_tag(key, value),)) for key, value in filters.tags.items()),
    ]


def _tag(key: str, value: str) -> str:
    return f"{key}={value}"

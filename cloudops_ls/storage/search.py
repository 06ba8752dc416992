"""Searching the estate: exact, then by name, then by likeness."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from sqlalchemy import ColumnElement, Connection, Integer, and_, cast, or_, select

from cloudops_ls.storage.records import Match, ResourceFilter, SearchHit
from cloudops_ls.storage.resource_rows import load, loading, name_key, resource_of
from cloudops_ls.storage.tables import ResourceRow

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from sqlalchemy.orm import InstrumentedAttribute

    from cloudops_ls.storage.database import Database
    from cloudops_ls.storage.resource import Resource

EXACT_SCORE = 1.0
PREFIX_SCORE = 0.9
SUBSTRING_SCORE = 0.8
ALIKE_SCORE = 0.7
"""Score of the best hit that is only alike."""
MAX_WORDS = 12
"""Words of a query that text matching looks at."""
MAX_LIMIT = 1000
FEW = 5000
"""Resources up to which an index is asked for these alone: 3 ms of 100,000 (decision 3)."""
_BEYOND = 8
"""How many times more are asked for where some will be left out."""
_CHUNK = 100
_LAST_CHARACTER = "\U0010ffff"


class Alike(NamedTuple):
    """Something that the index finds alike."""

    key: str
    score: float
    """Greater is better; comparable within one answer only."""
    how: Match


class Similarity(Protocol):
    """What the index adds to a search."""

    def alike(
        self,
        query: str,
        limit: int,
        filters: ResourceFilter | None = None,
        among: Collection[str] | None = None,
    ) -> Sequence[Alike] | None:
        """Return the resources most alike to ``query``, best first; None if it cannot tell.

        Only those that pass ``filters`` count, and of those with the ARNs ``among`` if given: a
        few thousand, not more.
        """
        ...


class EstateSearch:
    """Search over the database, and over an index where there is one."""

    def __init__(self, database: Database, index: Similarity | None) -> None:
        self._database = database
        self._index = index

    def search(self, query: str, filters: ResourceFilter, limit: int) -> list[SearchHit]:
        """Return hits, best first, each resource once."""
        query = query.strip()
        limit = min(limit, MAX_LIMIT)
        if not query or limit < 1:
            return []
        # Before the transaction: the index may itself read the database to catch up.
        alike = self._index.alike(query, limit, filters) if self._index is not None else None
        with self._database.read() as connection:
            return _first(self._candidates(connection, query, filters, alike), filters, limit)

    def similar(self, query: str, among: Collection[str] | None, limit: int) -> list[SearchHit]:
        """Return hits by likeness alone, best first, of those ``among`` if given."""
        query = query.strip()
        limit = min(limit, MAX_LIMIT)
        if not query or limit < 1 or (among is not None and not among):
            return []
        alike = self._alike_among(query, among, limit)
        everything = ResourceFilter()
        with self._database.read() as connection:
            hits = _similar(connection, query, everything, alike, among)
            return _first(hits, everything, limit)

    def _alike_among(
        self, query: str, among: Collection[str] | None, limit: int
    ) -> Sequence[Alike] | None:
        if self._index is None:
            return None
        if among is None or len(among) <= FEW:
            return self._index.alike(query, limit, among=among)
        # Naming them all would take long. So more are asked for, and most often enough of them
        # are the right ones.
        asked = limit * _BEYOND
        found = self._index.alike(query, asked)
        if found is None:
            return None
        right = [each for each in found if each.key in among]
        if len(right) >= limit or len(found) < asked:
            return right[:limit]
        return self._index.alike(query, limit, among=among)

    def _candidates(
        self,
        connection: Connection,
        query: str,
        filters: ResourceFilter,
        alike: Sequence[Alike] | None,
    ) -> Iterator[SearchHit]:
        for resource in find(connection, query):
            yield SearchHit(resource=resource, score=EXACT_SCORE, how=Match.EXACT)
        key = name_key(query)
        starts = or_(
            ResourceRow.name_key.between(key, key + _LAST_CHARACTER),
            ResourceRow.identifier.between(query, query + _LAST_CHARACTER),
        )
        for resource in _named(connection, starts, filters):
            yield SearchHit(resource=resource, score=PREFIX_SCORE, how=Match.PREFIX)
        contains = or_(
            ResourceRow.name_key.contains(key, autoescape=True),
            ResourceRow.identifier.contains(query, autoescape=True),
        )
        for resource in _named(connection, contains, filters):
            yield SearchHit(resource=resource, score=SUBSTRING_SCORE, how=Match.SUBSTRING)
        yield from _similar(connection, query, filters, alike)


def find(connection: Connection, token: str) -> list[Resource]:
    """Return the resources whose name, identifier or ARN is ``token``."""
    if not token:
        return []
    query = (
        loading()
        .where(
            or_(
                ResourceRow.arn == token,
                ResourceRow.identifier == token,
                ResourceRow.name_key == name_key(token),
            )
        )
        .order_by(ResourceRow.arn)
    )
    found = [resource_of(row) for row in connection.execute(query)]
    exact = [each for each in found if token in (each.arn, each.identifier, each.name)]
    return exact or found


def _named(
    connection: Connection, condition: ColumnElement[bool], filters: ResourceFilter
) -> Iterator[Resource]:
    # Columns of the covering index alone; whole records are read only for what is returned.
    # Filtered here: in SQL, the planner would rather walk all records of a region.
    query = (
        select(
            ResourceRow.arn,
            ResourceRow.account_id,
            ResourceRow.region,
            ResourceRow.resource_type,
            ResourceRow.state,
        )
        .where(condition)
        .order_by(ResourceRow.name_key, ResourceRow.arn)
    )
    rows = connection.execute(query.execution_options(yield_per=_CHUNK))
    for chunk in rows.partitions():
        yield from load(connection, [row.arn for row in chunk if filters.admits(*row[1:])])


def _first(hits: Iterator[SearchHit], filters: ResourceFilter, limit: int) -> list[SearchHit]:
    """Return the first ``limit`` hits that pass, each resource once."""
    found: dict[str, SearchHit] = {}
    for hit in hits:
        if filters.matches(hit.resource):
            found.setdefault(hit.resource.arn, hit)
        if len(found) == limit:
            break
    return list(found.values())


def _similar(
    connection: Connection,
    query: str,
    filters: ResourceFilter,
    alike: Sequence[Alike] | None,
    among: Collection[str] | None = None,
) -> Iterator[SearchHit]:
    if alike is None:
        yield from _by_words(connection, query, filters, among)
    else:
        yield from _from_index(connection, alike)


def _from_index(connection: Connection, alike: Sequence[Alike]) -> Iterator[SearchHit]:
    best = max((each.score for each in alike), default=0.0)
    by_arn = {each.key: each for each in alike}
    for resource in load(connection, by_arn):
        found = by_arn[resource.arn]
        share = found.score / best if best > 0 else 1.0
        yield SearchHit(resource=resource, score=ALIKE_SCORE * max(share, 0.01), how=found.how)


def _by_words(
    connection: Connection,
    query: str,
    filters: ResourceFilter,
    among: Collection[str] | None,
) -> Iterator[SearchHit]:
    words = list(dict.fromkeys(query.casefold().split()))[:MAX_WORDS]
    matched: ColumnElement[int] = sum(
        (cast(ResourceRow.document.icontains(word, autoescape=True), Integer) for word in words),
        start=cast(False, Integer),
    )
    ranked = (
        select(ResourceRow.arn, matched.label("matched"))
        .where(matched > 0, _hot(filters))
        .order_by(matched.desc(), ResourceRow.name_key, ResourceRow.arn)
    )
    if among is not None and len(among) <= FEW:
        ranked = ranked.where(ResourceRow.arn.in_(among))
    rows = connection.execute(ranked.execution_options(yield_per=_CHUNK))
    for chunk in rows.partitions():
        counts = {row.arn: row.matched for row in chunk if among is None or row.arn in among}
        for resource in load(connection, counts):
            score = ALIKE_SCORE * counts[resource.arn] / len(words)
            yield SearchHit(resource=resource, score=score, how=Match.KEYWORDS)


def _hot(filters: ResourceFilter) -> ColumnElement[bool]:
    """Return what SQL can check of ``filters``; tags are checked on the record."""
    wanted: tuple[tuple[InstrumentedAttribute[Any], tuple[str, ...]], ...] = (
        (ResourceRow.account_id, filters.accounts),
        (ResourceRow.region, filters.regions),
        (ResourceRow.resource_type, filters.types),
        (ResourceRow.state, filters.states),
    )
    return and_(True, *(column.in_(values) for column, values in wanted if values))

"""What the built-in planner may ask of the estate as it is stored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

from cloudops_ls.assistant.request import enrich
from cloudops_ls.estate import relations

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from datetime import datetime

    from cloudops_ls.assistant.protocol import ResourceRecord
    from cloudops_ls.estate.catalog.loader import Catalog
    from cloudops_ls.estate.identify.identifier import Identifier
    from cloudops_ls.estate.identify.model import Description
    from cloudops_ls.estate.search.finder import Finder
    from cloudops_ls.estate.search.query import SearchQuery
    from cloudops_ls.storage.estate import EstateStorage
    from cloudops_ls.storage.records import AccountRecord, Change, ResourceFilter
    from cloudops_ls.storage.resource import Resource


@dataclass(frozen=True, slots=True)
class Listing:
    """Resources that fulfil conditions.

    Attributes
    ----------
    resources
        The first of them.
    total
        How many there are.
    """

    resources: tuple[ResourceRecord, ...]
    total: int


@dataclass(frozen=True, slots=True)
class Connection:
    """A resource at the other end of a relation; ``field`` is what the catalog calls it."""

    resource: ResourceRecord
    field: str


class EstateSources(NamedTuple):
    """Where a :class:`StoredEstate` looks things up.

    Attributes
    ----------
    estate
        The store.
    finder
        Returns the present search by names and filters.
    accounts
        Returns the accounts known now.
    identifier
        Returns what reads descriptions, None before there is one.
    """

    estate: EstateStorage
    finder: Callable[[], Finder]
    accounts: Callable[[], Sequence[AccountRecord]]
    identifier: Callable[[], Identifier | None]


class KnownEstate(Protocol):
    """Questions to the stored estate. Every one may block."""

    def states(self) -> frozenset[str]:
        """Return every state that some resource is in."""
        ...

    def regions(self) -> frozenset[str]:
        """Return every region that holds something."""
        ...

    def places(self, name: str) -> frozenset[str]:
        """Return the region codes that a place's name means."""
        ...

    def accounts(self) -> Sequence[AccountRecord]:
        """Return the accounts that are known."""
        ...

    def described(self, text: str) -> Description | None:
        """Return all that a text without names describes; None where nothing can read it yet."""
        ...

    def listing(
        self,
        query: SearchQuery,
        limit: int,
        constraints: Sequence[tuple[str, bool]] = (),
        among: Collection[str] | None = None,
    ) -> Listing:
        """Return what passes a query's filters and has, or has not, these constraints.

        Parameters
        ----------
        among
            ARNs outside which nothing counts; None for no such limit.
        """
        ...

    def dependents(self, arn: str) -> Sequence[Connection]:
        """Return what names a resource in its relations."""
        ...

    def referred_to(self, arn: str) -> Sequence[Connection]:
        """Return what a resource names in its relations."""
        ...

    def changes(self, since: datetime, wanted: ResourceFilter, limit: int) -> Sequence[Change]:
        """Return what happened since a moment, newest first."""
        ...

    def history(self, arn: str, limit: int) -> Sequence[Change]:
        """Return what happened to one resource, newest first."""
        ...


_MOST_LOOKED_AT = 20_000
"""Resources whose constraints are looked at for one question."""


class StoredEstate:
    """The estate of a store, with the names in memory that completion uses. Thread-safe."""

    def __init__(self, sources: EstateSources, catalog: Catalog) -> None:
        self._estate, self._finder, self._accounts, self._identifier = sources
        self._catalog = catalog

    def states(self) -> frozenset[str]:
        """Return every state that some resource is in."""
        return frozenset(text for text in self._finder().index.states.texts if text)

    def regions(self) -> frozenset[str]:
        """Return every region that holds something."""
        return frozenset(region for _, region in self._finder().index.places)

    def places(self, name: str) -> frozenset[str]:
        """Return the region codes that a place's name means."""
        from cloudops_ls.estate.search.places import Places

        return Places.load().called(name)

    def accounts(self) -> Sequence[AccountRecord]:
        """Return the accounts that are known."""
        return self._accounts()

    def described(self, text: str) -> Description | None:
        """Return all that a text without names describes; None where nothing can read it yet."""
        identifier = self._identifier()
        return identifier.describe(text) if identifier is not None else None

    def listing(
        self,
        query: SearchQuery,
        limit: int,
        constraints: Sequence[tuple[str, bool]] = (),
        among: Collection[str] | None = None,
    ) -> Listing:
        """Return what passes a query's filters and has, or has not, these constraints."""
        finder = self._finder()
        passing = finder.select(query.filters)
        if among is None:
            hits = finder.find(query, _MOST_LOOKED_AT if constraints else limit).hits
            total, arns = passing.count, [hit.entry.arn for hit in hits]
        else:
            names = finder.index.names
            numbers = [n for arn in among if (n := finder.index.number_of(arn)) is not None]
            fitting = sorted(
                (n for n in numbers if passing.mask[n]), key=lambda n: names[n].lower()
            )
            total, arns = len(fitting), [finder.index.arns[n] for n in fitting[:_MOST_LOOKED_AT]]
        if not constraints:
            return Listing(self._records(arns[:limit]), total)
        having = [
            resource
            for resource in self._estate.load(arns)
            if all(bool(resource.constraints.get(name)) is want for name, want in constraints)
        ]
        return Listing(tuple(map(self._record, having[:limit])), len(having))

    def dependents(self, arn: str) -> Sequence[Connection]:
        """Return what names a resource in its relations."""
        return self._neighbours(arn, relations.dependents)

    def referred_to(self, arn: str) -> Sequence[Connection]:
        """Return what a resource names in its relations."""
        return self._neighbours(arn, relations.referred_to)

    def changes(self, since: datetime, wanted: ResourceFilter, limit: int) -> Sequence[Change]:
        """Return what happened since a moment, newest first."""
        return self._estate.changes_since(since, wanted, limit)

    def history(self, arn: str, limit: int) -> Sequence[Change]:
        """Return what happened to one resource, newest first."""
        return self._estate.history(arn, limit)

    def _neighbours(
        self,
        arn: str,
        ask: Callable[[Resource, Catalog, EstateStorage], list[relations.Neighbour]],
    ) -> list[Connection]:
        resource = self._estate.get_resource(arn)
        if resource is None:
            return []
        found = ask(resource, self._catalog, self._estate)
        return [Connection(self._record(one.resource), one.field) for one in found]

    def _records(self, arns: Sequence[str]) -> tuple[ResourceRecord, ...]:
        loaded = {resource.arn: resource for resource in self._estate.load(arns)}
        return tuple(self._record(loaded[arn]) for arn in arns if arn in loaded)

    def _record(self, resource: Resource) -> ResourceRecord:
        known = {account.account_id: account for account in self._accounts()}
        return enrich(resource, known.get(resource.account_id))

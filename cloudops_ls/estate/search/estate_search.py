"""The whole search: names and filters from memory, meaning from the store's index."""

from __future__ import annotations

from collections.abc import Collection
from concurrent.futures import Executor, wait
from typing import TYPE_CHECKING, Final, NamedTuple

from cloudops_ls.estate.search.finder import Finder, Hit, Quality, Where
from cloudops_ls.storage.records import Match, SearchHit

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cloudops_ls.estate.search.current import CurrentNames
    from cloudops_ls.estate.search.names import NameIndex
    from cloudops_ls.estate.search.query import Filter, SearchQuery
    from cloudops_ls.estate.search.selection import Selection
    from cloudops_ls.storage.estate import EstateStorage

_PATIENCE: Final = 0.3
"""Seconds a search waits for newer names; then the ones it has must do."""
_HOW: Final = {
    Quality.EXACT: (Match.EXACT, 1.0),
    Quality.PREFIX: (Match.PREFIX, 0.9),
    Quality.WORD: (Match.SUBSTRING, 0.8),
    Quality.ANYWHERE: (Match.SUBSTRING, 0.75),
    Quality.MISSPELLED: (Match.FUZZY, 0.73),
    Quality.LISTED: (Match.FILTERS, 1.0),
}
_EACH_EDIT: Final = 0.01


class Results(NamedTuple):
    """What a search found.

    Attributes
    ----------
    hits
        Best first, each resource once.
    unmatched
        Filters that nothing in the estate fulfils.
    """

    hits: list[SearchHit]
    unmatched: tuple[Filter, ...]


class EstateSearch:
    """Searches all resources of the store. Thread-safe.

    Parameters
    ----------
    estate
        The stored resources, with or without an index of their meaning.
    names
        Kept in step with ``estate`` by searching.
    executor
        Where names are read again when many have changed.
    """

    def __init__(self, estate: EstateStorage, names: CurrentNames, executor: Executor) -> None:
        self._estate = estate
        self._names = names
        self._executor = executor

    def search(self, query: SearchQuery, limit: int, where: Where | None = None) -> Results:
        """Return the best ``limit`` resources: by name first, then by likeness to the words."""
        finder = self.finder()
        found = finder.find(query, limit, where or Where())
        hits = self._stored(found.hits)
        if query.text and len(hits) < limit and not found.unmatched:
            selection = finder.select(query.filters) if query.filters else None
            among = None if selection is None else Selected(finder.index, selection)
            for hit in self._estate.similar(query.text, among, limit):
                hits.setdefault(hit.resource.arn, hit)
        return Results(list(hits.values())[:limit], found.unmatched)

    def finder(self) -> Finder:
        """Return the search by names, as new as can be had without waiting long."""
        if self._names.current(self._estate):
            return self._names.finder
        reading = self._executor.submit(self._names.catch_up, self._estate)
        if not self._names.loaded or not wait([reading], timeout=_PATIENCE).not_done:
            reading.result()
        return self._names.finder

    def _stored(self, hits: Sequence[Hit]) -> dict[str, SearchHit]:
        resources = {
            resource.arn: resource
            for resource in self._estate.load([hit.entry.arn for hit in hits])
        }
        found = {}
        for hit in hits:
            resource = resources.get(hit.entry.arn)
            if resource is not None:
                how, score = _HOW[hit.quality]
                score -= _EACH_EDIT * hit.edits
                found[resource.arn] = SearchHit(resource=resource, score=score, how=how)
        return found


class Selected(Collection[str]):
    """The ARNs of the resources that pass some filters."""

    def __init__(self, index: NameIndex, selection: Selection) -> None:
        self._index = index
        self._selection = selection
        self._count = selection.count

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[str]:
        return map(self._index.arns.__getitem__, self._selection)

    def __contains__(self, arn: object) -> bool:
        number = self._index.number_of(arn) if isinstance(arn, str) else None
        return number is not None and bool(self._selection.mask[number])

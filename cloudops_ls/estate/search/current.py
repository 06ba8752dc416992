"""The search of one process, kept in step with the store and swapped whole."""

from __future__ import annotations

import gc
import json
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cloudops_ls.estate.search import snapshot
from cloudops_ls.estate.search.finder import Finder
from cloudops_ls.estate.search.names import NameEntry, NameIndex
from cloudops_ls.storage.records import ChangeKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cloudops_ls.estate.search.vocabulary import Vocabulary
    from cloudops_ls.storage.estate import EstateStorage
    from cloudops_ls.storage.records import NameChanges, NameRow

_REMEMBERED = timedelta(days=7)
"""How long a runbook that names something deleted is told so."""
_FEW = 200
"""Changed resources up to which the index is updated instead of built again."""


class CurrentNames:
    """The finder over the estate as it was last read.

    Parameters
    ----------
    vocabulary
        What types, regions and accounts are called in filters.

    Attributes
    ----------
    finder
        Never changes in itself: whoever took it may go on using it.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._generation = -1
        self._gone: set[str] = set()
        self._catching_up = threading.Lock()
        self.finder = Finder(NameIndex.build(()), vocabulary)

    @property
    def loaded(self) -> bool:
        """Whether the estate was read at all."""
        return self._generation >= 0

    def current(self, estate: EstateStorage) -> bool:
        """Whether :meth:`catch_up` would change nothing. Blocking, for well under a millisecond."""
        return self.loaded and estate.generation() == self._generation

    def lost(self, arns: Iterable[str]) -> None:
        """Take note of resources that were deleted from the store.

        Without being told, the next :meth:`catch_up` sees only that there are fewer, and builds
        the index anew.
        """
        self._gone.update(arns)

    def catch_up(self, estate: EstateStorage) -> bool:
        """Read what has changed in the store; return whether anything had. Blocking.

        A few resources whose state has changed or that are gone cost next to nothing; anything
        else builds the index anew: first the names, then the tags.
        """
        with self._catching_up:
            restored = not self.loaded and self._restore(estate)
            if estate.generation() == self._generation:
                return restored
            changes = estate.names_since(self._generation, _FEW) if self.loaded else None
            if changes is None or not self._update(changes):
                self._build(estate)
            return True

    def _restore(self, estate: EstateStorage) -> bool:
        """Begin with what another process kept; return whether there was anything."""
        kept = snapshot.load(estate)
        if kept is None:
            return False
        with _without_collections():
            self.finder = finder = Finder(kept.index, self._vocabulary)
            self._generation = kept.generation
            self.finder = finder.prepare().over(kept.index.with_details(estate.details()))
        return True

    def _update(self, changes: NameChanges) -> bool:
        index = self.finder.index
        for row, tags in changes.rows:
            number = index.number_of(row.arn)
            if number is None:
                return False
            known = index.entry(number)
            if NameEntry(*row)._replace(state=None) != known._replace(state=None):
                return False
            if json.loads(tags or "{}") != index.tags.of(number):
                return False
        present = {row.arn for row, _ in changes.rows}
        gone = self._gone - present
        updated = index.updated({row.arn: row.state for row, _ in changes.rows}, gone)
        if len(updated) != changes.total:
            return False
        self._gone = gone
        self.finder = self.finder.over(updated)
        self._generation = changes.revision
        return True

    def _build(self, estate: EstateStorage) -> None:
        generation = estate.generation()
        removed = {
            change.arn: (
                NameEntry(
                    change.name,
                    change.name,
                    change.arn,
                    change.resource_type,
                    change.account_id,
                    change.region,
                    None,
                )
            )
            for change in estate.changes_since(datetime.now(UTC) - _REMEMBERED)
            if change.kind is ChangeKind.REMOVED
        }
        with _without_collections():
            index = NameIndex.build(_with_removed(estate.names(), removed))
            finder = Finder(index.updated({}, removed), self._vocabulary)
            self.finder = finder
            self._generation = generation
            self._gone.clear()
            finder = finder.prepare()
            self.finder = finder.over(finder.index.with_details(estate.details()))
        snapshot.save(estate, finder.index, generation)


def _with_removed(
    rows: Iterable[NameRow], removed: dict[str, NameEntry]
) -> Iterator[NameRow | NameEntry]:
    """Yield what is there, then what was removed and has not come back; leave only that."""
    for row in rows:
        if removed:
            removed.pop(row.arn, None)
        yield row
    yield from removed.values()


@contextmanager
def _without_collections() -> Iterator[None]:
    """Keep the garbage collector from looking through the index, now and later.

    A look over a hundred thousand names stops every thread for 150 ms. Nothing in an index refers
    back to it, so it goes away by itself.
    """
    gc.disable()
    try:
        yield
    finally:
        # What is young and dead should not be kept for ever.
        gc.collect(1)
        gc.freeze()
        gc.enable()

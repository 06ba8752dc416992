"""The estate as the search index holds it: filled from the database and kept in step with it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Protocol

from sqlalchemy import func, select

from cloudops_ls.storage.name_search import NameSearch
from cloudops_ls.storage.resource_points import point_of
from cloudops_ls.storage.resource_rows import current_revision, load
from cloudops_ls.storage.search_text import search_text
from cloudops_ls.storage.tables import ResourceRow
from cloudops_ls.storage.vectors.index import IndexUnusableError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from sqlalchemy import Connection

    from cloudops_ls.storage.database import Database
    from cloudops_ls.storage.resource import Resource
    from cloudops_ls.storage.text_vectors import TextVectors
    from cloudops_ls.storage.vectors.index import VectorIndex
    from cloudops_ls.storage.vectors.sparse import SparseEncoder

BATCH = 200
"""Resources per step: the engine holds the GIL for about 10 ms of it."""
EMBED_BATCH = 32
"""Texts per inference: long enough to be worth a call, short enough to be cancelled."""


class Progress(Protocol):
    """Told how far a long task is."""

    def __call__(self, done: int, total: int) -> None:
        """Take note of ``done`` steps out of ``total``."""
        ...


class EstateProjection:
    """One index and the names beside it, both made from the database; thread-safe.

    It belongs to one engine: when that becomes unusable, the projection is closed and another one
    begun. Every method that writes raises `IndexUnusableError` then, and after `close`.

    Parameters
    ----------
    database
        The truth.
    index
        The engine's collection, empty.
    encoder
        Makes sparse vectors of texts.
    vectors
        Makes dense ones.
    words
        What else a resource is called.

    Attributes
    ----------
    names
        The resources in the index, by parts of their names.
    """

    def __init__(
        self,
        database: Database,
        index: VectorIndex,
        encoder: SparseEncoder,
        vectors: TextVectors,
        words: Callable[[Resource], Iterable[str]],
    ) -> None:
        self._database = database
        self._index = index
        self._encoder = encoder
        self._vectors = vectors
        self._words = words
        # Held while rows are read and their points written, so that points never go back in time.
        self._writing = threading.RLock()
        self._unembedded: set[str] = set()
        self._revision = 0
        self._complete = False
        self._closed = False
        self.names = NameSearch()

    @property
    def complete(self) -> bool:
        """Whether `fill` has seen the whole database."""
        return self._complete

    @property
    def unembedded(self) -> int:
        """How many resources lack a vector that a model could compute."""
        return len(self._unembedded)

    def follow(self, changed: Sequence[Resource], deleted: Sequence[str], revision: int) -> None:
        """Follow a committed change, which made the estate's revision ``revision``."""
        with self._writing:
            self._require_open()
            self._remove(deleted)
            for start in range(0, len(changed), BATCH):
                # Read again: another thread may have committed something newer.
                self._refresh([each.arn for each in changed[start : start + BATCH]])
            if revision == self._revision + 1:
                self._revision = revision

    def fill(self, progress: Progress | None, cancelled: Callable[[], bool]) -> bool:
        """Take in the whole database; return whether it came to its end.

        Parameters
        ----------
        progress
            Called after every batch.
        cancelled
            Asked before every batch.
        """
        with self._database.read() as connection:
            revision = current_revision(connection)
            total = count_stored(connection)
        seen: set[str] = set()
        last = ""
        while True:
            with self._writing:
                self._require_open()
                if cancelled():
                    return False
                arns = self._stored_after(last)
                if not arns:
                    break
                self._refresh(arns)
            seen.update(arns)
            last = arns[-1]
            if progress is not None:
                progress(len(seen), max(total, len(seen)))
        with self._writing:
            self._require_open()
            # What was deleted by others, or added while this went on, is told by asking again.
            doubtful = list(self.names.arns() - seen)
            for start in range(0, len(doubtful), BATCH):
                self._refresh(doubtful[start : start + BATCH])
            self._revision = max(self._revision, revision)
            self._complete = True
        return True

    def catch_up(self) -> None:
        """Follow what other processes changed, unless a writer is at work here anyway."""
        if not self._complete or not self._writing.acquire(blocking=False):
            return
        try:
            self._require_open()
            with self._database.read() as connection:
                revision = current_revision(connection)
                if revision == self._revision:
                    return
                arns = list(
                    connection.execute(
                        select(ResourceRow.arn).where(ResourceRow.revision > self._revision)
                    ).scalars()
                )
                count = count_stored(connection)
            for start in range(0, len(arns), BATCH):
                self._refresh(arns[start : start + BATCH])
            if count != len(self.names):
                with self._database.read() as connection:
                    there = set(connection.execute(select(ResourceRow.arn)).scalars())
                self._remove(self.names.arns() - there)
            self._revision = revision
        finally:
            self._writing.release()

    def embed(self, progress: Progress | None, cancelled: Callable[[], bool]) -> bool:
        """Compute the vectors that are missing; return whether none is left.

        Parameters
        ----------
        progress, cancelled
            As for `fill`.
        """
        done = 0
        while self._vectors.dim is not None:
            with self._writing:
                self._require_open()
                if cancelled():
                    return False
                arns = [arn for arn, _ in zip(self._unembedded, range(EMBED_BATCH), strict=False)]
                total = done + len(self._unembedded)
            if not arns:
                return True
            # Not while writing: inference takes its time.
            if not self._vectors.compute([text for _, text in self._texts(arns)]):
                return False
            with self._writing:
                self._require_open()
                self._unembedded.difference_update(arns)
                self._refresh(arns)
            done += len(arns)
            if progress is not None:
                progress(done, total)
        return True

    def close(self) -> None:
        """Drop the index when the batch under way is done; harmless when repeated."""
        with self._writing:
            self._closed = True
            self._index.close()

    def _require_open(self) -> None:
        if self._closed:
            raise IndexUnusableError("the projection is closed")

    def _stored_after(self, arn: str) -> list[str]:
        query = (
            select(ResourceRow.arn)
            .where(ResourceRow.arn > arn)
            .order_by(ResourceRow.arn)
            .limit(BATCH)
        )
        with self._database.read() as connection:
            return list(connection.execute(query).scalars())

    def _refresh(self, arns: Sequence[str]) -> None:
        """Make the points of ``arns`` what the database says now."""
        texts = self._texts(arns)
        dense = self._vectors.known([text for _, text in texts])
        self._index.upsert(
            [
                point_of(resource, self._encoder.document(text), dense.get(text))
                for resource, text in texts
            ]
        )
        for resource, text in texts:
            self.names.put(resource)
            if self._vectors.dim is not None and text not in dense:
                self._unembedded.add(resource.arn)
        self._remove(set(arns).difference(resource.arn for resource, _ in texts))

    def _remove(self, arns: Collection[str]) -> None:
        if arns:
            self._index.delete(arns)
            for arn in arns:
                self.names.remove(arn)
                self._unembedded.discard(arn)

    def _texts(self, arns: Sequence[str]) -> list[tuple[Resource, str]]:
        with self._database.read() as connection:
            resources = list(load(connection, arns))
        return [(each, search_text(each, self._words(each))) for each in resources]


def count_stored(connection: Connection) -> int:
    """Return how many resources the database holds."""
    return connection.execute(select(func.count(ResourceRow.arn))).scalar_one()

"""A source as one collection holds it: filled from the database and kept in step with it."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from cloudops_ls.storage.vectors.index import IndexUnusableError, VectorPoint

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from cloudops_ls.storage.database import Database
    from cloudops_ls.storage.indexing.source import Entry, Source
    from cloudops_ls.storage.indexing.text_vectors import TextVectors
    from cloudops_ls.storage.vectors.index import VectorIndex
    from cloudops_ls.storage.vectors.sparse import SparseEncoder

BATCH = 200
"""Entries per step: the engine holds the GIL for about 10 ms of it."""
EMBED_BATCH = 32
"""Texts per inference: long enough to be worth a call, short enough to be cancelled."""
_ATTEMPTS = 3


class Progress(Protocol):
    """Told how far a long task is."""

    def __call__(self, done: int, total: int) -> None:
        """Take note of ``done`` steps out of ``total``."""
        ...


@dataclass(frozen=True, slots=True)
class Differences:
    """How a collection differs from the database.

    Attributes
    ----------
    missing, stale, extra
        Points that are not there, that were made from something else than what is stored now, and
        that nothing stored stands behind.
    """

    missing: int = 0
    stale: int = 0
    extra: int = 0

    @property
    def total(self) -> int:
        """How many points differ."""
        return self.missing + self.stale + self.extra


class Projection:
    """One collection, made from the database; thread-safe.

    It belongs to one engine: when that becomes unusable, the projection is closed and another one
    begun. Every method that uses the engine raises `IndexUnusableError` then, and after `close`;
    `IndexUnavailableError` where a server is out of reach.

    Parameters
    ----------
    database, source
        The truth, and the part of it that is projected.
    index
        The engine's collection.
    encoder
        Makes sparse vectors of texts.
    vectors
        Makes dense ones.
    vocabulary
        Changes when the texts of the source do without the records.
    """

    def __init__(
        self,
        database: Database,
        source: Source,
        index: VectorIndex,
        encoder: SparseEncoder,
        vectors: TextVectors,
        vocabulary: str,
    ) -> None:
        self._database = database
        self._source = source
        self._encoder = encoder
        self._vocabulary = vocabulary.encode()
        # Held while rows are read and their points written, so that points never go back in time.
        self._writing = threading.RLock()
        self._known: set[str] = set()
        self._unembedded: set[str] = set()
        self._state: object = None
        self._complete = False
        self._closed = False
        self.index = index
        self.vectors = vectors

    @property
    def complete(self) -> bool:
        """Whether `fill` has seen the whole database."""
        return self._complete

    @property
    def unembedded(self) -> int:
        """How many entries lack a vector that a model could compute."""
        return len(self._unembedded) if self.vectors.usable else 0

    def __len__(self) -> int:
        """Return how many entries are in it."""
        return len(self._known)

    def follow(
        self, changed: Sequence[str], deleted: Sequence[str], before: object, after: object
    ) -> None:
        """Follow a committed change, which brought the source from ``before`` to ``after``."""
        with self._writing:
            self._require_open()
            self._remove(deleted)
            for start in range(0, len(changed), BATCH):
                # Read again: another thread may have committed something newer.
                self._refresh(changed[start : start + BATCH])
            if before == self._state:
                self._state = after

    def fill(
        self,
        progress: Progress | None,
        cancelled: Callable[[], bool],
        *,
        afresh: bool = False,
    ) -> bool:
        """Take in the whole database; return whether it came to its end.

        Parameters
        ----------
        progress
            Called after every batch.
        cancelled
            Asked before every batch.
        afresh
            Write points that seem to be right already, too.
        """
        with self._database.read() as connection:
            state = self._source.state(connection)
            total = self._source.count(connection)
        there: dict[str, str] = {}
        for key, version in self.index.versions():
            if cancelled():
                return False
            there[key] = version
        seen: set[str] = set()
        last = ""
        while True:
            with self._writing:
                self._require_open()
                if cancelled():
                    return False
                with self._database.read() as connection:
                    keys = self._source.keys_after(connection, last, BATCH)
                if not keys:
                    break
                self._refresh(keys, {} if afresh else there)
            seen.update(keys)
            last = keys[-1]
            if progress is not None:
                progress(len(seen), max(total, len(seen)))
        with self._writing:
            self._require_open()
            # What was deleted by others, or added while this went on, is told by asking again.
            doubtful = list((self._known | there.keys()) - seen)
            for start in range(0, len(doubtful), BATCH):
                self._refresh(doubtful[start : start + BATCH])
            if not self._complete:
                self._state = state
            self._complete = True
        return True

    def catch_up(self) -> None:
        """Follow what other processes changed, unless a writer is at work here anyway."""
        if not self._complete or not self._writing.acquire(blocking=False):
            return
        try:
            self._require_open()
            self._catch_up()
        finally:
            self._writing.release()

    def compare(self) -> Differences:
        """Compare every point with what is stored."""
        with self._writing:
            self._require_open()
            for _ in range(_ATTEMPTS):
                if self._complete:
                    self._catch_up()
                there = dict(self.index.versions())
                missing = stale = 0
                with self._database.read() as connection:
                    steady = self._source.state(connection) == self._state
                    for key, digest in self._source.digests(connection):
                        found = there.pop(key, None)
                        if found is None:
                            missing += 1
                        elif found not in self._versions(digest):
                            stale += 1
                if steady or not self._complete:
                    break
            return Differences(missing, stale, len(there))

    def embed(self, progress: Progress | None, cancelled: Callable[[], bool]) -> bool:
        """Compute the vectors that are missing; return whether none is left.

        Parameters
        ----------
        progress, cancelled
            As for `fill`.
        """
        done = 0
        while self.vectors.usable:
            with self._writing:
                self._require_open()
                if cancelled():
                    return False
                keys = [key for key, _ in zip(self._unembedded, range(EMBED_BATCH), strict=False)]
                total = done + len(self._unembedded)
            # Not while writing: inference takes its time. Without keys the model is loaded.
            if not self.vectors.compute([entry.text for entry in self._entries(keys)]):
                return False
            if not keys:
                return True
            with self._writing:
                self._require_open()
                self._unembedded.difference_update(keys)
                self._refresh(keys)
            done += len(keys)
            if progress is not None:
                progress(done, total)
        return True

    def doubt(self) -> None:
        """Forget that it is complete, because the engine may have missed something."""
        with self._writing:
            self._complete = False

    def close(self) -> None:
        """Let go of the engine when the batch under way is done; harmless when repeated."""
        with self._writing:
            self._closed = True
            self.index.close()

    def _require_open(self) -> None:
        if self._closed:
            raise IndexUnusableError("the projection is closed")

    def _catch_up(self) -> None:
        with self._database.read() as connection:
            state = self._source.state(connection)
            if state == self._state:
                return
            changes = self._source.changes(connection, self._state, self._known)
        for start in range(0, len(changes.changed), BATCH):
            self._refresh(changes.changed[start : start + BATCH])
        self._remove(changes.gone)
        self._state = state

    def _refresh(self, keys: Sequence[str], there: dict[str, str] | None = None) -> None:
        """Make the points of ``keys`` what the database says now.

        Points that ``there`` knows in the version that they should have are left alone.
        """
        entries = self._entries(keys)
        dense = self.vectors.known([entry.text for entry in entries])
        points = []
        for entry in entries:
            vector = dense.get(entry.text)
            version = self._version(entry.digest, embedded=vector is not None)
            if there is None or there.get(entry.key) != version:
                points.append(
                    VectorPoint(
                        entry.key,
                        self._encoder.document(entry.text),
                        None if vector is None else vector.tolist(),
                        entry.payload,
                        version,
                    )
                )
            self._known.add(entry.key)
            if vector is None and self.vectors.usable:
                self._unembedded.add(entry.key)
        if points:
            self.index.upsert(points)
        self._remove(set(keys).difference(entry.key for entry in entries))

    def _remove(self, keys: Collection[str]) -> None:
        if keys:
            self.index.delete(keys)
            for key in keys:
                self._known.discard(key)
                self._unembedded.discard(key)

    def _entries(self, keys: Sequence[str]) -> list[Entry]:
        with self._database.read() as connection:
            return self._source.entries(connection, keys)

    def _version(self, digest: bytes, *, embedded: bool) -> str:
        return self._versions(digest)[embedded]

    def _versions(self, digest: bytes) -> tuple[str, str]:
        """Return the version of a point without and with a vector."""
        model = (self.vectors.name or "").encode()
        made = (digest, self._vocabulary)
        return _hash(*made, b""), _hash(*made, model or b"-")


def _hash(*parts: bytes) -> str:
    digest = hashlib.blake2b(digest_size=8)
    for part in parts:
        digest.update(len(part).to_bytes(4, "little") + part)
    return digest.hexdigest()

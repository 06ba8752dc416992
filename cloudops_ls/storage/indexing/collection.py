"""One collection of the search index, whatever becomes of its engine."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from cloudops_ls.logs import logger
from cloudops_ls.storage.indexing.collection_state import CollectionState
from cloudops_ls.storage.indexing.estate_source import conditions_of
from cloudops_ls.storage.indexing.projection import Differences, Projection
from cloudops_ls.storage.records import Match
from cloudops_ls.storage.search import Alike
from cloudops_ls.storage.vectors.engines import Engine, OpenedIndex, open_index
from cloudops_ls.storage.vectors.index import (
    CollectionSpec,
    IndexFullError,
    IndexUnavailableError,
    IndexUnusableError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from collections.abc import Collection as KeyCollection

    from cloudops_ls.storage.database import Database
    from cloudops_ls.storage.indexing.projection import Progress
    from cloudops_ls.storage.indexing.settings import VectorSettings
    from cloudops_ls.storage.indexing.source import Source
    from cloudops_ls.storage.indexing.text_vectors import TextVectors
    from cloudops_ls.storage.records import ResourceFilter
    from cloudops_ls.storage.resource import Resource
    from cloudops_ls.storage.vectors.index import Condition
    from cloudops_ls.storage.vectors.server import QdrantServer
    from cloudops_ls.storage.vectors.sparse import SparseEncoder

MOST_REPAIRS = 3
"""Damages of one engine after which another one is used."""
_EMBED_PAGE = 32


class Collection:
    """A collection that follows its source in the database, and is made anew when it is damaged.

    Parameters
    ----------
    database, source
        What it is made from.
    settings
        How to search.
    encoder
        Makes sparse vectors of texts.
    vectors
        Makes dense ones.
    server
        The Qdrant server, where there is one.
    """

    def __init__(
        self,
        database: Database,
        source: Source,
        settings: VectorSettings,
        encoder: SparseEncoder,
        vectors: TextVectors,
        server: QdrantServer | None,
    ) -> None:
        self._database = database
        self._source = source
        self._settings = settings
        self._encoder = encoder
        self._server = server
        # Held while one engine takes the place of another.
        self._replacing = threading.Lock()
        self._closing = threading.Event()
        self._absent: IndexUnavailableError | None = None
        self._repairs = 0
        opened = self._open(settings.engine, vectors)
        self._note = opened.note
        self._projection = self._project(opened, vectors)

    @property
    def name(self) -> str:
        """Name of the collection."""
        return self._source.collection

    @property
    def complete(self) -> bool:
        """Whether every record is in it."""
        return self._projection.complete

    @property
    def vectors(self) -> TextVectors:
        """The model whose vectors it holds."""
        return self._projection.vectors

    def follow(
        self, changed: Sequence[str], deleted: Sequence[str], before: object, after: object
    ) -> None:
        """Follow a committed change, which brought the source from ``before`` to ``after``."""
        if self._absent is not None:
            # Whoever fills it once it is back sees this too.
            return
        projection = self._projection
        try:
            projection.follow(changed, deleted, before, after)
        except (IndexUnusableError, IndexUnavailableError) as error:
            self._lost(projection, error)

    def fill(self, progress: Progress | None, cancelled: Callable[[], bool]) -> bool:
        """Bring it in line with the database; return whether it came to its end."""
        while True:
            projection = self._projection
            try:
                done = projection.fill(progress, cancelled)
            except (IndexUnusableError, IndexUnavailableError) as error:
                if self._lost(projection, error):
                    continue
                return False
            self._absent = None
            return done

    def embed(self, progress: Progress | None, cancelled: Callable[[], bool]) -> bool:
        """Compute the vectors that are missing; return whether none is left."""
        projection = self._projection
        try:
            return projection.embed(progress, cancelled)
        except (IndexUnusableError, IndexUnavailableError) as error:
            self._lost(projection, error)
            return False

    def embed_with(
        self, vectors: TextVectors, progress: Progress | None, cancelled: Callable[[], bool]
    ) -> bool:
        """Compute the vectors of all texts by another model, beside those that serve.

        Returns
        -------
        bool
            Whether none is left.
        """
        with self._database.read() as connection:
            total = self._source.count(connection)
        done, last = 0, ""
        while not cancelled():
            with self._database.read() as connection:
                keys = self._source.keys_after(connection, last, _EMBED_PAGE)
                texts = [entry.text for entry in self._source.entries(connection, keys)]
            if not keys:
                return True
            known = vectors.known(texts)
            missing = [text for text in dict.fromkeys(texts) if text not in known]
            if missing and not vectors.compute(missing):
                return False
            last = keys[-1]
            done += len(keys)
            if progress is not None:
                progress(done, max(total, done))
        return False

    def renew(
        self,
        vectors: TextVectors,
        progress: Progress | None,
        cancelled: Callable[[], bool],
    ) -> bool:
        """Make the collection anew, aside; it takes over when it is complete.

        Where there is no room for two, the old one goes first, and search goes by text meanwhile.

        Parameters
        ----------
        vectors
            The model whose vectors the new one holds.
        """
        opened = self._open(self._settings.engine, vectors)
        old = self._projection
        if opened.note is not None and old.index.name != opened.index.name:
            opened.index.close()
            with self._replacing:
                if self._closing.is_set() or old is not self._projection:
                    return False
                old.close()
                opened = self._open(self._settings.engine, vectors)
                self._projection = self._project(opened, vectors)
                self._note = opened.note
            return self.fill(progress, cancelled)
        aside = self._project(opened, vectors)
        try:
            done = aside.fill(progress, cancelled, afresh=True)
        except (IndexUnusableError, IndexUnavailableError) as error:
            aside.close()
            if isinstance(error, IndexUnavailableError):
                self._lost(self._projection, error)
            return False
        with self._replacing:
            if not done or self._closing.is_set() or self._projection is not old:
                aside.close()
                return False
            self._projection, self._note, self._absent = aside, opened.note, None
        if old.vectors.name != vectors.name:
            self._discard(old)
        old.close()
        return True

    # Asking

    def search(
        self,
        query: str,
        limit: int,
        conditions: Sequence[Condition] = (),
        keys: KeyCollection[str] | None = None,
    ) -> list[Alike] | None:
        """Return the keys of the entries most alike to ``query``; None while it cannot tell.

        Half an index would hide what it does not hold yet.
        """
        projection = self._projection
        if not projection.complete:
            return None
        try:
            projection.catch_up()
            dense = projection.vectors.of_query(query)
            hits = projection.index.query(
                sparse=self._encoder.query(query),
                dense=dense,
                conditions=conditions,
                keys=keys,
                limit=limit,
            )
        except (IndexUnusableError, IndexUnavailableError) as error:
            self._lost(projection, error)
            return None
        how = Match.KEYWORDS if dense is None else Match.HYBRID
        return [Alike(hit.key, hit.score, how) for hit in hits]

    def compare(self) -> Differences | None:
        """Compare every point with what is stored; None where that cannot be told."""
        projection = self._projection
        try:
            return projection.compare()
        except (IndexUnusableError, IndexUnavailableError) as error:
            self._lost(projection, error)
            return None

    def doubt(self) -> None:
        """Have it brought in line with the database by the next `fill`."""
        self._projection.doubt()

    def state(self) -> CollectionState:
        """Return how it is."""
        projection = self._projection
        points: int | None = None
        if self._absent is None:
            try:
                points = projection.index.count()
            except (IndexUnusableError, IndexUnavailableError) as error:
                self._lost(projection, error)
                projection = self._projection
        return CollectionState(
            collection=self._source.collection,
            engine=projection.index.name,
            points=points,
            complete=projection.complete,
            unembedded=projection.unembedded,
            note=self._note,
            absent=self._absent,
            repairs=self._repairs,
        )

    def close(self) -> None:
        """Drop it; a fill under way ends at its next batch."""
        self._closing.set()
        with self._replacing:
            self._projection.close()

    # Inside

    def _lost(
        self, projection: Projection, error: IndexUnusableError | IndexUnavailableError
    ) -> bool:
        """Deal with an engine that failed; return whether there is one to be filled now.

        One that is out of reach stays, to be brought in line when it is back. One that is damaged
        or full is replaced by an empty one: its owner's next `fill` fills it, and until then the
        database alone answers.
        """
        if isinstance(error, IndexUnavailableError):
            logger.warning("the search index is out of reach")
            projection.doubt()
            self._absent = error
            return False
        with self._replacing:
            if self._closing.is_set():
                return False
            if projection is not self._projection:
                # Another thread met the same and was faster.
                return True
            full = isinstance(error, IndexFullError)
            if projection.index.name == Engine.MEMORY and full:
                return False
            self._repairs += 1
            logger.warning("the search index was %s", "full" if full else "damaged")
            projection.close()
            give_up = full or self._repairs > MOST_REPAIRS
            engine = Engine.MEMORY if give_up else self._settings.engine
            opened = self._open(engine, projection.vectors)
            self._projection = self._project(opened, projection.vectors)
            self._note = opened.note
            if give_up:
                self._note = (
                    "the memory-backed directory filled up" if full else "it was damaged repeatedly"
                )
            return True

    def _discard(self, old: Projection) -> None:
        """Remove what a server keeps of a collection that nobody searches any more."""
        try:
            old.index.clear()
        except (IndexUnusableError, IndexUnavailableError):
            logger.warning("an old collection could not be cleared")

    def _open(self, engine: Engine, vectors: TextVectors) -> OpenedIndex:
        with self._database.read() as connection:
            expected = self._source.count(connection)
        source = self._source
        return open_index(
            engine,
            CollectionSpec(
                source.collection,
                vectors.dim,
                source.keyword_fields,
                source.tenant_field,
                vectors.name,
            ),
            expected=expected,
            places=self._settings.places,
            reserve=self._settings.reserve,
            server=self._server,
        )

    def _project(self, opened: OpenedIndex, vectors: TextVectors) -> Projection:
        return Projection(
            self._database,
            self._source,
            opened.index,
            self._encoder,
            vectors,
            self._settings.vocabulary,
        )


class EstateCollection(Collection):
    """The collection of the estate, with what `EstateStorage` asks of an index."""

    def apply(self, changed: Sequence[Resource], deleted: Sequence[str], revision: int) -> None:
        """Follow a committed change, which made the estate's revision ``revision``."""
        self.follow([each.arn for each in changed], deleted, revision - 1, revision)

    def alike(
        self,
        query: str,
        limit: int,
        filters: ResourceFilter | None = None,
        among: KeyCollection[str] | None = None,
    ) -> list[Alike] | None:
        """Return the resources most alike to ``query``; None while it cannot tell."""
        return self.search(query, limit, conditions_of(filters) if filters else (), among)

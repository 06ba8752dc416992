"""The search index over the estate: built from the database, never the only copy of anything."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cloudops_ls.storage.estate_projection import EstateProjection, count_stored
from cloudops_ls.storage.health import HealthPart, PartState
from cloudops_ls.storage.records import Match, ResourceFilter
from cloudops_ls.storage.resource_points import KEYWORD_FIELDS, conditions_of
from cloudops_ls.storage.search import Alike
from cloudops_ls.storage.text_vectors import TextVectors
from cloudops_ls.storage.vectors.engines import RESERVE, Engine, OpenedIndex, open_index
from cloudops_ls.storage.vectors.index import AWS_RESOURCES, CollectionSpec, IndexUnusableError
from cloudops_ls.storage.vectors.sparse import load_encoder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from cloudops_ls.storage.database import Database
    from cloudops_ls.storage.estate_projection import Progress
    from cloudops_ls.storage.resource import Resource
    from cloudops_ls.storage.vectors.index import VectorIndex


def _no_words(_resource: Resource) -> Iterable[str]:
    return ()


@dataclass(frozen=True, slots=True)
class VectorSettings:
    """How to search.

    Attributes
    ----------
    engine
        Which engine to use where the machine can.
    model
        Directory name of the embedding model; None for whichever is installed.
    words
        What else a resource is called: its type's title and synonyms.
    places
        Where to look for memory-backed directories; None for the usual places.
    reserve
        Bytes to leave free there.
    threads
        Threads for embedding; None leaves it to ONNX Runtime.
    """

    engine: Engine = Engine.AUTO
    model: str | None = None
    words: Callable[[Resource], Iterable[str]] = _no_words
    places: tuple[Path, ...] | None = None
    reserve: int = RESERVE
    threads: int | None = None


class EstateIndex:
    """Hybrid search over all resources.

    Empty when opened: `rebuild` fills it, in a background thread if its owner likes; searches
    answer with what is there meanwhile.

    Parameters
    ----------
    database
        The truth.
    models
        Directory of the embedding models.
    settings
        How to search.
    """

    def __init__(self, database: Database, models: Path, settings: VectorSettings) -> None:
        self._database = database
        self._settings = settings
        self._encoder = load_encoder()
        self._vectors = TextVectors(database, models, settings.model, settings.threads)
        # Held while one engine takes the place of another.
        self._replacing = threading.Lock()
        self._closing = threading.Event()
        opened = self._open(settings.engine)
        self._index, self._note = opened.index, opened.note
        self._projection = self._project(self._index)

    # Following the database

    def apply(self, changed: Sequence[Resource], deleted: Sequence[str], revision: int) -> None:
        """Follow a committed change, which made the estate's revision ``revision``."""
        projection = self._projection
        try:
            projection.follow(changed, deleted, revision)
        except IndexUnusableError:
            self._fall_back(projection)

    def rebuild(
        self,
        progress: Progress | None = None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> bool:
        """Bring the index in line with the database, then compute missing embeddings.

        Parameters
        ----------
        progress
            Called after every batch, once for the records and again for the embeddings.
        cancelled
            Asked before every batch.

        Returns
        -------
        bool
            Whether it came to its end; False when cancelled or closed.
        """
        while True:
            projection = self._projection
            try:
                done = projection.fill(progress, cancelled)
            except IndexUnusableError:
                # The memory engine has no such limits, so this happens once.
                if self._fall_back(projection):
                    continue
                return False
            return done and self.embed_pending(progress, cancelled)

    def embed_pending(
        self,
        progress: Progress | None = None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> bool:
        """Compute the embeddings that are missing; return whether none is left.

        Resources written in bulk are found by their words at once, by their meaning after this.
        """
        projection = self._projection
        try:
            return projection.embed(progress, cancelled)
        except IndexUnusableError:
            self._fall_back(projection)
            return False

    # Searching

    @property
    def complete(self) -> bool:
        """Whether every resource is in the index; without that, search goes by text alone."""
        return self._projection.complete

    def search(self, query: str, filters: ResourceFilter, limit: int) -> list[Alike] | None:
        """Return the resources most alike to ``query``; None until `rebuild` has seen them all.

        Half an index would hide what it does not hold yet.
        """
        projection = self._projection
        if not projection.complete:
            return None
        try:
            projection.catch_up()
            dense = self._vectors.of_query(query)
            hits = self._index.query(
                sparse=self._encoder.query(query),
                dense=dense,
                conditions=conditions_of(filters),
                limit=limit,
            )
        except IndexUnusableError:
            self._fall_back(projection)
            return []
        how = Match.KEYWORDS if dense is None else Match.HYBRID
        return [Alike(hit.key, hit.score, how) for hit in hits]

    def containing(self, text: str, filters: ResourceFilter) -> list[str] | None:
        """Return the ARNs of resources whose name or identifier contains ``text``, by name.

        Tags are left to the caller. None while the index is being built: then only the database
        knows them all.
        """
        projection = self._projection
        return projection.names.containing(text, filters) if projection.complete else None

    # Life

    def health(self) -> tuple[HealthPart, ...]:
        """Return how the index and the embedding model are."""
        return self._search_health(), self._vectors.health(self._projection.unembedded)

    def close(self) -> None:
        """Drop the index; a rebuild under way ends at its next batch."""
        self._closing.set()
        with self._replacing:
            self._projection.close()

    def _fall_back(self, unusable: EstateProjection) -> bool:
        """Replace an unusable index by an empty one in memory; return whether there is another.

        Its owner's next `rebuild` fills it; until then the database alone answers.
        """
        with self._replacing:
            if self._closing.is_set():
                return False
            if unusable is not self._projection:
                # Another thread met the same and was faster.
                return True
            if self._index.name == Engine.MEMORY:
                return False
            unusable.close()
            index = self._open(Engine.MEMORY).index
            self._projection = self._project(index)
            self._index = index
            self._note = "the memory-backed directory filled up or was damaged"
            return True

    def _search_health(self) -> HealthPart:
        complete = self._projection.complete
        try:
            points = self._index.count()
        except IndexUnusableError:
            return HealthPart(
                name="search", state=PartState.FAILED, detail="The search index is unusable."
            )
        detail = f"Engine {self._index.name}, {points:,} resources"
        if not complete:
            detail += ", still being built"
        if self._note:
            return HealthPart(
                name="search",
                state=PartState.DEGRADED,
                detail=f"{detail}; slower, because {self._note}.",
                fix="Give /dev/shm or XDG_RUNTIME_DIR more memory",
            )
        state = PartState.OK if complete else PartState.DEGRADED
        return HealthPart(name="search", state=state, detail=f"{detail}.")

    def _open(self, engine: Engine) -> OpenedIndex:
        with self._database.read() as connection:
            expected = count_stored(connection)
        return open_index(
            engine,
            CollectionSpec(AWS_RESOURCES, self._vectors.dim, KEYWORD_FIELDS),
            expected=expected,
            places=self._settings.places,
            reserve=self._settings.reserve,
        )

    def _project(self, index: VectorIndex) -> EstateProjection:
        return EstateProjection(
            self._database, index, self._encoder, self._vectors, self._settings.words
        )

"""The search index over the estate: built from the database, never the only copy of anything."""

from __future__ import annotations

import sys
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

from sqlalchemy import func, select

from cloudops_ls.errors import CloudOpsError
from cloudops_ls.storage.health import HealthPart, PartState
from cloudops_ls.storage.records import Match, ResourceFilter
from cloudops_ls.storage.resource_rows import (
    current_revision,
    load,
    name_key,
)
from cloudops_ls.storage.search import Alike
from cloudops_ls.storage.search_text import search_text
from cloudops_ls.storage.tables import ResourceRow
from cloudops_ls.storage.vectors.cache import VectorCache
from cloudops_ls.storage.vectors.embeddings import EmbeddingModel, find_model
from cloudops_ls.storage.vectors.engines import RESERVE, Engine, OpenedIndex, open_index
from cloudops_ls.storage.vectors.index import (
    AWS_RESOURCES,
    CollectionSpec,
    Condition,
    IndexUnusableError,
    VectorPoint,
)
from cloudops_ls.storage.vectors.sparse import load_encoder

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray
    from sqlalchemy.sql.functions import Function

    from cloudops_ls.storage.database import Database
    from cloudops_ls.storage.resource import Resource

BATCH = 200
"""Resources per step: the engine holds the GIL for about 10 ms of it."""
EMBED_BATCH = 32
"""Texts per inference: long enough to be worth a call, short enough to be cancelled."""
KEYWORD_FIELDS = ("account_id", "region", "resource_type", "state", "tags")


class Progress(Protocol):
    """Told how far a long task is."""

    def __call__(self, done: int, total: int) -> None:
        """Take note of ``done`` steps out of ``total``."""
        ...


class _Named(NamedTuple):
    """What a search by a part of the name needs of a resource, in memory."""

    text: str
    arn: str
    account_id: str
    region: str
    resource_type: str
    state: str | None


def _named(resource: Resource) -> _Named:
    # Interned: a hundred thousand resources share a handful of these.
    state = resource.state
    return _Named(
        name_key(f"{resource.name}\n{resource.identifier}"),
        resource.arn,
        sys.intern(resource.account_id),
        sys.intern(resource.region),
        sys.intern(resource.resource_type),
        None if state is None else sys.intern(state),
    )


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
        self._model_problem: CloudOpsError | None = None
        self._model = self._find_model(models)
        self._cache = (
            VectorCache(database, self._model.name, self._model.dim) if self._model else None
        )
        # Held while rows are read and their points written, so that points never go back in time.
        self._writing = threading.RLock()
        self._names: dict[str, _Named] = {}
        self._unembedded: set[str] = set()
        self._revision = 0
        self._complete = False
        self._closing = threading.Event()
        opened = self._open(settings.engine)
        self._index, self._note = opened.index, opened.note

    # Following the database

    def apply(self, changed: Sequence[Resource], deleted: Sequence[str], revision: int) -> None:
        """Follow a committed change, which made the estate's revision ``revision``."""
        with self._writing:
            if self._closing.is_set():
                return
            try:
                self._remove(deleted)
                for start in range(0, len(changed), BATCH):
                    # Read again: another thread may have committed something newer.
                    self._refresh([each.arn for each in changed[start : start + BATCH]])
            except IndexUnusableError:
                self._fall_back()
                return
            if revision == self._revision + 1:
                self._revision = revision

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
            try:
                done = self._index_all(progress, cancelled)
            except IndexUnusableError:
                # The memory engine has no such limits, so this happens once.
                if self._fall_back():
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
        if self._model is None or self._cache is None:
            return True
        done = 0
        while True:
            with self._writing:
                if self._closing.is_set() or cancelled():
                    return False
                arns = [arn for arn, _ in zip(self._unembedded, range(EMBED_BATCH), strict=False)]
                total = done + len(self._unembedded)
            if not arns:
                return True
            texts = [text for _, text in self._texts(arns)]
            try:
                if texts:
                    self._cache.put(dict(zip(texts, self._model.embed(texts), strict=True)))
            except CloudOpsError as error:
                self._model_problem = error
                self._model = None
                return False
            with self._writing:
                if self._closing.is_set():
                    return False
                self._unembedded.difference_update(arns)
                try:
                    self._refresh(arns)
                except IndexUnusableError:
                    self._fall_back()
                    return False
            done += len(arns)
            if progress is not None:
                progress(done, total)

    def _index_all(self, progress: Progress | None, cancelled: Callable[[], bool]) -> bool:
        with self._database.read() as connection:
            revision = current_revision(connection)
            total = connection.execute(select(_count())).scalar_one()
        seen: set[str] = set()
        last = ""
        while True:
            with self._writing:
                if self._closing.is_set() or cancelled():
                    return False
                with self._database.read() as connection:
                    arns = list(
                        connection.execute(
                            select(ResourceRow.arn)
                            .where(ResourceRow.arn > last)
                            .order_by(ResourceRow.arn)
                            .limit(BATCH)
                        ).scalars()
                    )
                if not arns:
                    break
                self._refresh(arns)
            seen.update(arns)
            last = arns[-1]
            if progress is not None:
                progress(len(seen), max(total, len(seen)))
        with self._writing:
            if self._closing.is_set():
                return False
            # What was deleted by others, or added while this went on, is told by asking again.
            doubtful = [arn for arn in self._names if arn not in seen]
            for start in range(0, len(doubtful), BATCH):
                self._refresh(doubtful[start : start + BATCH])
            self._revision = max(self._revision, revision)
            self._complete = True
        return True

    def _catch_up(self) -> None:
        """Follow what other processes changed."""
        if not self._complete or not self._writing.acquire(blocking=False):
            return
        try:
            with self._database.read() as connection:
                revision = current_revision(connection)
                if revision == self._revision:
                    return
                arns = list(
                    connection.execute(
                        select(ResourceRow.arn).where(ResourceRow.revision > self._revision)
                    ).scalars()
                )
                count = connection.execute(select(_count())).scalar_one()
            for start in range(0, len(arns), BATCH):
                self._refresh(arns[start : start + BATCH])
            if count != len(self._names):
                with self._database.read() as connection:
                    there = set(connection.execute(select(ResourceRow.arn)).scalars())
                self._remove(self._names.keys() - there)
            self._revision = revision
        finally:
            self._writing.release()

    def _refresh(self, arns: Sequence[str]) -> None:
        """Make the points of ``arns`` what the database says now."""
        texts = list(self._texts(arns))
        dense = self._cache.get([text for _, text in texts]) if self._cache else {}
        self._index.upsert(
            [self._point(resource, text, dense.get(text)) for resource, text in texts]
        )
        for resource, text in texts:
            self._names[resource.arn] = _named(resource)
            if self._model is not None and text not in dense:
                self._unembedded.add(resource.arn)
        self._remove(set(arns).difference(resource.arn for resource, _ in texts))

    def _remove(self, arns: Collection[str]) -> None:
        if arns:
            self._index.delete(arns)
            for arn in arns:
                self._names.pop(arn, None)
                self._unembedded.discard(arn)

    def _texts(self, arns: Sequence[str]) -> Iterator[tuple[Resource, str]]:
        with self._database.read() as connection:
            resources = list(load(connection, arns))
        for resource in resources:
            yield resource, search_text(resource, self._settings.words(resource))

    def _point(
        self, resource: Resource, text: str, dense: NDArray[np.float32] | None
    ) -> VectorPoint:
        payload: dict[str, str | list[str]] = {
            "account_id": resource.account_id,
            "region": resource.region,
            "resource_type": resource.resource_type,
            "tags": [_tag(key, value) for key, value in resource.tags.items()],
        }
        if resource.state is not None:
            payload["state"] = resource.state
        return VectorPoint(
            key=resource.arn,
            sparse=self._encoder.document(text),
            dense=None if dense is None else dense.tolist(),
            payload=payload,
        )

    # Searching

    def search(self, query: str, filters: ResourceFilter, limit: int) -> list[Alike] | None:
        """Return the resources most alike to ``query``; None until `rebuild` has seen them all.

        Half an index would hide what it does not hold yet.
        """
        if not self._complete:
            return None
        try:
            self._catch_up()
            dense = self._embed_query(query)
            hits = self._index.query(
                sparse=self._encoder.query(query),
                dense=dense,
                conditions=_conditions(filters),
                limit=limit,
            )
        except IndexUnusableError:
            self._fall_back()
            return []
        how = Match.KEYWORDS if dense is None else Match.HYBRID
        return [Alike(hit.key, hit.score, how) for hit in hits]

    def containing(self, text: str, filters: ResourceFilter) -> list[str] | None:
        """Return the ARNs of resources whose name or identifier contains ``text``, by name.

        Tags are left to the caller. None while the index is being built: then only the database
        knows them all.
        """
        if not self._complete:
            return None
        key = name_key(text)
        # A copy: a dictionary must not change while it is walked.
        found = [each for each in list(self._names.values()) if key in each[0]]
        return [
            each.arn
            for each in sorted(found, key=lambda each: each[:2])
            if filters.admits(each.account_id, each.region, each.resource_type, each.state)
        ]

    def _embed_query(self, query: str) -> list[float] | None:
        # Until it is loaded, no search waits for the model.
        if self._model is None or not self._model.ready:
            return None
        vector: list[float] = self._model.embed([query])[0].tolist()
        return vector

    # Life

    def health(self) -> tuple[HealthPart, ...]:
        """Return how the index and the embedding model are."""
        return self._index_health(), self._model_health()

    def close(self) -> None:
        """Drop the index; a rebuild under way ends at its next batch."""
        with self._writing:
            self._closing.set()
            self._index.close()

    def _fall_back(self) -> bool:
        """Replace an unusable index by an empty one in memory; return whether that was done.

        Its owner's next `rebuild` fills it; until then the database alone answers.
        """
        with self._writing:
            if self._closing.is_set() or self._index.name == Engine.MEMORY:
                return False
            self._index.close()
            self._complete = False
            self._names.clear()
            self._unembedded.clear()
            opened = self._open(Engine.MEMORY)
            self._index = opened.index
            self._note = "the memory-backed directory filled up or was damaged"
            return True

    def _index_health(self) -> HealthPart:
        try:
            points = self._index.count()
        except IndexUnusableError:
            return HealthPart(
                name="search", state=PartState.FAILED, detail="The search index is unusable."
            )
        detail = f"Engine {self._index.name}, {points:,} resources"
        if not self._complete:
            detail += ", still being built"
        if self._note:
            return HealthPart(
                name="search",
                state=PartState.DEGRADED,
                detail=f"{detail}; slower, because {self._note}.",
                fix="Give /dev/shm or XDG_RUNTIME_DIR more memory",
            )
        state = PartState.OK if self._complete else PartState.DEGRADED
        return HealthPart(name="search", state=state, detail=f"{detail}.")

    def _model_health(self) -> HealthPart:
        name = "embeddings"
        if self._model_problem is not None:
            return HealthPart(
                name=name,
                state=PartState.DEGRADED,
                detail=f"{self._model_problem.what}: exact and keyword search only.",
                fix=self._model_problem.fix,
            )
        if self._model is None:
            return HealthPart(
                name=name,
                state=PartState.DEGRADED,
                detail="No embedding model: exact and keyword search only.",
                fix="Install a model to search by meaning",
            )
        pending = len(self._unembedded)
        detail = f"Model {self._model.name}, {self._model.dim} dimensions"
        if pending:
            return HealthPart(
                name=name,
                state=PartState.DEGRADED,
                detail=f"{detail}, {pending:,} resources still to embed.",
            )
        return HealthPart(name=name, state=PartState.OK, detail=f"{detail}.")

    def _find_model(self, models: Path) -> EmbeddingModel | None:
        try:
            return find_model(models, self._settings.model, threads=self._settings.threads)
        except CloudOpsError as error:
            self._model_problem = error
            return None

    def _open(self, engine: Engine) -> OpenedIndex:
        spec = CollectionSpec(
            AWS_RESOURCES, self._model.dim if self._model else None, KEYWORD_FIELDS
        )
        with self._database.read() as connection:
            expected = connection.execute(select(_count())).scalar_one()
        return open_index(
            engine,
            spec,
            expected=expected,
            places=self._settings.places,
            reserve=self._settings.reserve,
        )


def _count() -> Function[int]:
    return func.count(ResourceRow.arn)


def _tag(key: str, value: str) -> str:
    return f"{key}={value}"


def _conditions(filters: ResourceFilter) -> list[Condition]:
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

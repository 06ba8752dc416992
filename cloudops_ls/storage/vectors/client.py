"""One collection behind qdrant-client's interface, be it a server or Python's memory."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, TypeVar

from qdrant_client import models

from cloudops_ls.storage.vectors.index import (
    DENSE,
    KEY_FIELD,
    PAGE,
    RRF_K,
    SPARSE,
    VERSION_FIELD,
    CollectionSpec,
    Condition,
    IndexUnusableError,
    SparseVector,
    VectorHit,
    VectorPoint,
    point_id,
    prefetch_limit,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from qdrant_client import QdrantClient

T = TypeVar("T")
BATCH = 200
"""Points per request."""


class ClientIndex(ABC):
    """What the engines that are spoken to through qdrant-client have in common.

    Parameters
    ----------
    spec
        What the collection holds.
    client
        Closed with the index.
    name
        Of the collection where the engine keeps it.
    owned
        What every point carries and every request is restricted to, by payload field: several
        stores may share one collection.
    """

    def __init__(
        self, spec: CollectionSpec, client: QdrantClient, *, name: str, owned: dict[str, str]
    ) -> None:
        self._spec = spec
        self._client = client
        self._name = name
        self._owned = owned
        self._closed = False

    def upsert(self, points: Sequence[VectorPoint]) -> None:
        """Add or replace points."""
        for start in range(0, len(points), BATCH):
            batch = [self._point(point) for point in points[start : start + BATCH]]
            self._call(lambda batch=batch: self._client.upsert(self._name, batch))  # type: ignore[misc]

    def delete(self, keys: Collection[str]) -> None:
        """Remove points."""
        ids: list[models.ExtendedPointId] = [self._id(key) for key in keys]
        if ids:
            self._call(lambda: self._client.delete(self._name, models.PointIdsList(points=ids)))

    def query(
        self,
        *,
        sparse: SparseVector | None,
        dense: Sequence[float] | None,
        conditions: Sequence[Condition] = (),
        keys: Collection[str] | None = None,
        limit: int,
    ) -> list[VectorHit]:
        """Return the best points."""
        if keys is not None and not keys:
            return []
        wanted = self._filter(conditions, keys)
        queries: list[tuple[models.SparseVector | list[float], str]] = []
        if sparse is not None:
            queries.append(
                (models.SparseVector(indices=sparse.indices, values=sparse.values), SPARSE)
            )
        if dense is not None and self._spec.dim:
            queries.append((list(dense), DENSE))
        if not queries:
            return []
        if len(queries) == 1:
            vector, using = queries[0]
            answer = self._call(
                lambda: self._client.query_points(
                    self._name,
                    query=vector,
                    using=using,
                    query_filter=wanted,
                    limit=limit,
                    with_payload=[KEY_FIELD],
                )
            )
        else:
            depth = prefetch_limit(limit)
            answer = self._call(
                lambda: self._client.query_points(
                    self._name,
                    query=models.RrfQuery(rrf=models.Rrf(k=RRF_K)),
                    prefetch=[
                        models.Prefetch(query=vector, using=using, filter=wanted, limit=depth)
                        for vector, using in queries
                    ],
                    limit=limit,
                    with_payload=[KEY_FIELD],
                )
            )
        return [
            VectorHit(each.payload[KEY_FIELD], each.score) for each in answer.points if each.payload
        ]

    def count(self) -> int:
        """Return the number of points."""
        wanted = self._filter(())
        return self._call(
            lambda: self._client.count(self._name, count_filter=wanted, exact=True)
        ).count

    def versions(self) -> Iterator[tuple[str, str]]:
        """Stream key and version of every point."""
        wanted = self._filter(())
        offset = None
        while True:
            found, offset = self._call(
                lambda offset=offset: self._client.scroll(  # type: ignore[misc]
                    self._name,
                    scroll_filter=wanted,
                    limit=PAGE,
                    offset=offset,
                    with_payload=[KEY_FIELD, VERSION_FIELD],
                    with_vectors=False,
                )
            )
            for each in found:
                if each.payload:
                    yield each.payload[KEY_FIELD], each.payload.get(VERSION_FIELD, "")
            if offset is None:
                return

    def clear(self) -> None:
        """Remove all points."""
        every = models.FilterSelector(filter=self._filter(()) or models.Filter())
        self._call(lambda: self._client.delete(self._name, every))

    def close(self) -> None:
        """Let go of the collection."""
        if not self._closed:
            self._closed = True
            self._client.close()

    @abstractmethod
    def _call(self, request: Callable[[], T]) -> T:
        """Make a request; each engine has its own ways of failing."""

    def _require_open(self) -> None:
        if self._closed:
            raise IndexUnusableError("the index is closed")

    def _create(self) -> None:
        dense = models.VectorParams(size=self._spec.dim or 0, distance=models.Distance.COSINE)
        self._client.create_collection(
            self._name,
            vectors_config={DENSE: dense} if self._spec.dim else {},
            sparse_vectors_config={SPARSE: models.SparseVectorParams(modifier=models.Modifier.IDF)},
        )

    def _filter(
        self, conditions: Sequence[Condition], keys: Collection[str] | None = None
    ) -> models.Filter | None:
        must: list[models.Condition] = [
            models.FieldCondition(key=field, match=models.MatchValue(value=value))
            for field, value in self._owned.items()
        ]
        must += [
            models.FieldCondition(key=each.field, match=models.MatchAny(any=list(each.any_of)))
            for each in conditions
        ]
        if keys is not None:
            must.append(models.HasIdCondition(has_id=[self._id(key) for key in keys]))
        return models.Filter(must=must) if must else None

    def _id(self, key: str) -> str:
        return point_id("\n".join([*self._owned.values(), key]))

    def _point(self, point: VectorPoint) -> models.PointStruct:
        vectors: dict[str, models.SparseVector | list[float]] = {
            SPARSE: models.SparseVector(indices=point.sparse.indices, values=point.sparse.values)
        }
        if point.dense is not None:
            vectors[DENSE] = list(point.dense)
        payload = {
            **point.payload,
            **self._owned,
            KEY_FIELD: point.key,
            VERSION_FIELD: point.version,
        }
        return models.PointStruct(id=self._id(point.key), vector=vectors, payload=payload)

"""The ``memory`` engine: qdrant-client's local mode, where ``edge`` cannot be."""

from __future__ import annotations

import threading
import warnings
from typing import TYPE_CHECKING

from qdrant_client import QdrantClient, models

from cloudops_ls.storage.vectors.index import (
    DENSE,
    KEY_FIELD,
    RRF_K,
    SPARSE,
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
    from collections.abc import Collection, Sequence

BATCH = 200
# It recommends a server from 20,000 points on; health says which engine runs and why.
warnings.filterwarnings("ignore", message="Local mode is not recommended")


class MemoryIndex:
    """One collection in Python's memory; slower than ``edge``, with the same answers.

    Parameters
    ----------
    spec
        What it holds.
    """

    name = "memory"

    def __init__(self, spec: CollectionSpec) -> None:
        self._spec = spec
        self._lock = threading.Lock()
        self._closed = False
        self._client = QdrantClient(":memory:")
        self._client.create_collection(
            spec.name,
            vectors_config=(
                {DENSE: models.VectorParams(size=spec.dim, distance=models.Distance.COSINE)}
                if spec.dim
                else {}
            ),
            sparse_vectors_config={SPARSE: models.SparseVectorParams(modifier=models.Modifier.IDF)},
        )

    def upsert(self, points: Sequence[VectorPoint]) -> None:
        """Add or replace points."""
        for start in range(0, len(points), BATCH):
            batch = [_point(point) for point in points[start : start + BATCH]]
            with self._lock:
                self._require_open()
                self._client.upsert(self._spec.name, batch)

    def delete(self, keys: Collection[str]) -> None:
        """Remove points."""
        ids: list[models.ExtendedPointId] = [point_id(key) for key in keys]
        with self._lock:
            self._require_open()
            self._client.delete(self._spec.name, models.PointIdsList(points=ids))

    def query(
        self,
        *,
        sparse: SparseVector | None,
        dense: Sequence[float] | None,
        conditions: Sequence[Condition] = (),
        limit: int,
    ) -> list[VectorHit]:
        """Return the best points."""
        wanted = (
            models.Filter(
                must=[
                    models.FieldCondition(
                        key=each.field, match=models.MatchAny(any=list(each.any_of))
                    )
                    for each in conditions
                ]
            )
            if conditions
            else None
        )
        queries: list[tuple[models.SparseVector | list[float], str]] = []
        if sparse is not None:
            queries.append(
                (models.SparseVector(indices=sparse.indices, values=sparse.values), SPARSE)
            )
        if dense is not None and self._spec.dim:
            queries.append((list(dense), DENSE))
        if not queries:
            return []
        with self._lock:
            self._require_open()
            if len(queries) == 1:
                vector, using = queries[0]
                answer = self._client.query_points(
                    self._spec.name,
                    query=vector,
                    using=using,
                    query_filter=wanted,
                    limit=limit,
                    with_payload=[KEY_FIELD],
                )
            else:
                depth = prefetch_limit(limit)
                answer = self._client.query_points(
                    self._spec.name,
                    query=models.RrfQuery(rrf=models.Rrf(k=RRF_K)),
                    prefetch=[
                        models.Prefetch(query=vector, using=using, filter=wanted, limit=depth)
                        for vector, using in queries
                    ],
                    limit=limit,
                    with_payload=[KEY_FIELD],
                )
        return [
            VectorHit(each.payload[KEY_FIELD], each.score) for each in answer.points if each.payload
        ]

    def count(self) -> int:
        """Return the number of points."""
        with self._lock:
            self._require_open()
            return self._client.count(self._spec.name).count

    def close(self) -> None:
        """Drop the collection."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._client.close()

    def _require_open(self) -> None:
        if self._closed:
            raise IndexUnusableError("the index is closed")


def _point(point: VectorPoint) -> models.PointStruct:
    vectors: dict[str, models.SparseVector | list[float]] = {
        SPARSE: models.SparseVector(indices=point.sparse.indices, values=point.sparse.values)
    }
    if point.dense is not None:
        vectors[DENSE] = list(point.dense)
    return models.PointStruct(
        id=point_id(point.key), vector=vectors, payload={**point.payload, KEY_FIELD: point.key}
    )

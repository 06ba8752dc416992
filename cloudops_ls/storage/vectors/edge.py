"""The ``edge`` engine: Qdrant's own engine in process, on a memory-backed directory."""

from __future__ import annotations

import itertools
import threading
from typing import TYPE_CHECKING, TypeVar

from qdrant_edge import (
    CountRequest,
    Distance,
    EdgeConfig,
    EdgeOptimizersConfig,
    EdgeShard,
    EdgeSparseVectorParams,
    EdgeVectorParams,
    FieldCondition,
    Filter,
    Fusion,
    HasIdCondition,
    MatchAny,
    Modifier,
    PayloadSchemaType,
    Point,
    Prefetch,
    Query,
    QueryRequest,
    ScrollRequest,
    UpdateOperation,
)
from qdrant_edge import SparseVector as EdgeSparseVector

from cloudops_ls.storage.vectors.index import (
    DENSE,
    KEY_FIELD,
    PAGE,
    RRF_K,
    SPARSE,
    VERSION_FIELD,
    CollectionSpec,
    Condition,
    IndexFullError,
    IndexUnusableError,
    SparseVector,
    VectorHit,
    VectorPoint,
    prefetch_limit,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from qdrant_edge import NamedVector

    from cloudops_ls.storage.vectors.directory import MemoryDirectory

T = TypeVar("T")
BATCH = 200
"""Points per call: the engine holds the GIL, and this is about 10 ms."""
NEVER = 2**40
"""An indexing threshold (KB) no collection reaches: building an HNSW graph blocks for seconds."""


def bytes_per_point(dim: int | None) -> int:
    """Return how much of the directory one point needs, generously (measured: decision 0003)."""
    return 2048 + (5 * dim if dim else 0)


class EdgeIndex:
    """One collection in a shard of its own.

    There is no write-ahead log: the shard lives in memory and is rebuilt from the database.

    Parameters
    ----------
    spec
        What it holds.
    directory
        Where; closed with the index.
    reserve
        Bytes to leave free there. The engine maps its files into memory, so that writing to a
        full file system would end the process (SIGBUS): space is checked before every batch.
    """

    name = "edge"

    def __init__(self, spec: CollectionSpec, directory: MemoryDirectory, *, reserve: int) -> None:
        self._spec = spec
        self._directory = directory
        self._reserve = reserve
        self._lock = threading.Lock()
        self._closed = False
        # The shard is this process's own, so its points may go by numbers: asking for a few
        # thousand of them is several times quicker than by UUIDs.
        self._numbers: dict[str, int] = {}
        self._next = itertools.count()
        self._require(BATCH)
        vectors = {DENSE: EdgeVectorParams(spec.dim, Distance.Cosine)} if spec.dim else None
        config = EdgeConfig(
            vectors=vectors,
            sparse_vectors={SPARSE: EdgeSparseVectorParams(modifier=Modifier.Idf)},
            optimizers=EdgeOptimizersConfig(indexing_threshold=NEVER),
            wal_enabled=False,
        )
        self._shard = EdgeShard.create(str(directory.new(spec.name)), config)
        for field in spec.keyword_fields:
            self._update(UpdateOperation.create_field_index(field, PayloadSchemaType.Keyword))

    def upsert(self, points: Sequence[VectorPoint]) -> None:
        """Add or replace points."""
        for start in range(0, len(points), BATCH):
            batch = points[start : start + BATCH]
            # Built before the lock is taken; a waiting query gets in between two batches.
            operation = UpdateOperation.upsert_points([self._point(point) for point in batch])
            self._require(len(batch))
            self._update(operation)

    def delete(self, keys: Collection[str]) -> None:
        """Remove points."""
        ids = [number for key in keys if (number := self._numbers.pop(key, None)) is not None]
        for start in range(0, len(ids), BATCH):
            self._update(UpdateOperation.delete_points([*ids[start : start + BATCH]]))

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
        must: list[FieldCondition | HasIdCondition] = [
            FieldCondition(each.field, match=MatchAny(list(each.any_of))) for each in conditions
        ]
        if keys is not None:
            known = self._numbers.get
            numbers = {number for key in keys if (number := known(key)) is not None}
            if not numbers:
                return []
            must.append(HasIdCondition({*numbers}))
        wanted = Filter(must=[*must]) if must else None
        queries = []
        if sparse is not None:
            queries.append(Query.Nearest(EdgeSparseVector(*sparse), using=SPARSE))
        if dense is not None and self._spec.dim:
            queries.append(Query.Nearest(list(dense), using=DENSE))
        if not queries:
            return []
        if len(queries) == 1:
            request = QueryRequest(
                limit=limit, query=queries[0], filter=wanted, with_payload=[KEY_FIELD]
            )
        else:
            depth = prefetch_limit(limit)
            request = QueryRequest(
                limit=limit,
                query=Fusion.Rrf(RRF_K),  # type: ignore[arg-type] # a gap in its stubs
                prefetches=[Prefetch(depth, query=query, filter=wanted) for query in queries],
                with_payload=[KEY_FIELD],
            )
        found = self._call(lambda: self._shard.query(request))
        return [VectorHit(each.payload[KEY_FIELD], each.score) for each in found if each.payload]

    def count(self) -> int:
        """Return the number of points."""
        return self._call(lambda: self._shard.count(CountRequest(exact=True)))

    def versions(self) -> Iterator[tuple[str, str]]:
        """Stream key and version of every point."""
        offset = None
        while True:
            page = ScrollRequest(
                offset=offset,
                limit=PAGE,
                with_payload=[KEY_FIELD, VERSION_FIELD],
                with_vector=False,
            )
            found, offset = self._call(lambda page=page: self._shard.scroll(page))  # type: ignore[misc]
            for each in found:
                if each.payload:
                    yield each.payload[KEY_FIELD], each.payload.get(VERSION_FIELD, "")
            if offset is None:
                return

    def clear(self) -> None:
        """Remove all points."""
        self.delete([key for key, _ in list(self.versions())])

    def close(self) -> None:
        """Drop the shard and its directory."""
        with self._lock:
            if not self._closed:
                self._closed = True
                try:
                    self._shard.close()
                except BaseException as error:
                    # Its files are damaged, and about to go.
                    if isinstance(error, KeyboardInterrupt | SystemExit):
                        raise
                finally:
                    self._directory.close()

    def _update(self, operation: UpdateOperation) -> None:
        self._call(lambda: self._shard.update(operation))

    def _call(self, request: Callable[[], T]) -> T:
        with self._lock:
            self._require_open()
            try:
                return request()
            except (KeyboardInterrupt, SystemExit):
                raise
            except BaseException as error:
                # The engine raises nothing narrower than Exception, and where it panics over
                # damaged files, PyO3's PanicException, which is not even one of those.
                raise IndexUnusableError("the engine failed") from error

    def _require_open(self) -> None:
        if self._closed:
            raise IndexUnusableError("the index is closed")

    def _require(self, points: int) -> None:
        needed = self._reserve + points * bytes_per_point(self._spec.dim)
        if self._directory.free() < needed:
            raise IndexFullError("the memory-backed directory is full")

    def _point(self, point: VectorPoint) -> Point:
        vectors: dict[str, NamedVector] = {SPARSE: EdgeSparseVector(*point.sparse)}
        if point.dense is not None:
            vectors[DENSE] = list(point.dense)
        payload = {**point.payload, KEY_FIELD: point.key, VERSION_FIELD: point.version}
        number = self._numbers.get(point.key)
        if number is None:
            number = self._numbers.setdefault(point.key, next(self._next))
        return Point(number, vectors, payload)

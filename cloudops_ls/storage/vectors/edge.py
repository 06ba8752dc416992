"""The ``edge`` engine: Qdrant's own engine in process, on a memory-backed directory."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from pyroaring import BitMap
from qdrant_edge import (
    CountRequest,
    Distance,
    EdgeConfig,
    EdgeOptimizersConfig,
    EdgeShard,
    EdgeSparseVectorParams,
    EdgeVectorParams,
    Filter,
    Fusion,
    HasIdCondition,
    Modifier,
    Point,
    Prefetch,
    Query,
    QueryRequest,
    ScrollRequest,
    UpdateOperation,
    VectorStorageDatatype,
)
from qdrant_edge import SparseVector as EdgeSparseVector

from cloudops_ls.storage.vectors.index import (
    DENSE,
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
from cloudops_ls.storage.vectors.postings import Postings

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from qdrant_edge import NamedVector, PointId

    from cloudops_ls.storage.vectors.directory import MemoryDirectory

T = TypeVar("T")
BATCH = 200
"""Points per call: the engine holds the GIL, and this is about 10 ms."""
NEVER = 2**40
"""An indexing threshold (KB) no collection reaches: building an HNSW graph blocks for seconds."""
_SHARE = 4
"""Where more than one in so many points passes, looking at all of them is quicker than naming."""
_BEYOND = 8
"""How many times more are asked for then, since some are left out."""
_FEW = 5000
"""Points up to which naming them is quick whatever their share."""


def bytes_per_point(dim: int | None) -> int:
    """Return how much of the directory one point needs, generously (measured: decision 0003)."""
    return 1024 + (3 * dim if dim else 0)


class EdgeIndex:
    """One collection in a shard of its own.

    There is no write-ahead log: the shard lives in memory and is rebuilt from the database. It
    holds the vectors, the dense ones in half precision: the ranking is the same, in half of the
    memory and half of the time. Keywords are in lists beside it, which take a quarter of what the
    engine's payload indexes take, and say several times quicker who passes a filter.

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
        self._keys: list[str] = []
        self._postings = Postings()
        self._require(BATCH)
        dense = EdgeVectorParams(
            spec.dim or 0, Distance.Cosine, datatype=VectorStorageDatatype.Float16
        )
        config = EdgeConfig(
            vectors={DENSE: dense} if spec.dim else None,
            sparse_vectors={SPARSE: EdgeSparseVectorParams(modifier=Modifier.Idf)},
            optimizers=EdgeOptimizersConfig(indexing_threshold=NEVER),
            wal_enabled=False,
        )
        self._shard = EdgeShard.create(str(directory.new(spec.name)), config)

    def upsert(self, points: Sequence[VectorPoint]) -> None:
        """Add or replace points."""
        for start in range(0, len(points), BATCH):
            batch = points[start : start + BATCH]
            self._require(len(batch))
            # A waiting query gets in between two batches.
            self._call(partial(self._put, batch))

    def delete(self, keys: Collection[str]) -> None:
        """Remove points."""
        doomed = [*keys]
        for start in range(0, len(doomed), BATCH):
            self._call(partial(self._remove, doomed[start : start + BATCH]))

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
        queries = []
        if sparse is not None:
            queries.append(Query.Nearest(EdgeSparseVector(*sparse), using=SPARSE))
        if dense is not None and self._spec.dim:
            queries.append(Query.Nearest(list(dense), using=DENSE))
        if not queries:
            return []
        return self._call(lambda: self._best(queries, self._chosen(conditions, keys), limit))

    def count(self) -> int:
        """Return the number of points."""
        return self._call(lambda: self._shard.count(CountRequest(exact=True)))

    def versions(self) -> Iterator[tuple[str, str]]:
        """Stream key and version of every point."""
        offset = None
        while True:
            found, offset = self._call(partial(self._page, offset))
            yield from found
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

    # Inside, with the lock held

    def _put(self, points: Sequence[VectorPoint]) -> None:
        numbers = []
        for point in points:
            number = self._numbers.setdefault(point.key, len(self._keys))
            if number == len(self._keys):
                self._keys.append(point.key)
            numbers.append(number)
        self._shard.update(UpdateOperation.upsert_points([*map(_point, numbers, points)]))
        for number, point in zip(numbers, points, strict=True):
            self._postings.put(number, point.payload)

    def _page(self, offset: PointId | None) -> tuple[list[tuple[str, str]], PointId | None]:
        """Return keys and versions of a few points, and where to go on."""
        page = ScrollRequest(
            offset=offset, limit=PAGE, with_payload=[VERSION_FIELD], with_vector=False
        )
        found, following = self._shard.scroll(page)
        versions = [
            (self._key(each.id), (each.payload or {}).get(VERSION_FIELD, "")) for each in found
        ]
        return versions, following

    def _remove(self, keys: Sequence[str]) -> None:
        numbers = [number for key in keys if (number := self._numbers.pop(key, None)) is not None]
        for number in numbers:
            self._postings.drop(number)
            self._keys[number] = ""
        if numbers:
            self._shard.update(UpdateOperation.delete_points([*numbers]))

    def _key(self, number: PointId) -> str:
        return self._keys[number] if isinstance(number, int) else ""

    def _chosen(
        self, conditions: Sequence[Condition], keys: Collection[str] | None
    ) -> BitMap | None:
        """Return the numbers of the points that count; None for all of them."""
        passing = self._postings.passing(conditions)
        if keys is None:
            return passing
        known = self._numbers.get
        named = BitMap([number for key in keys if (number := known(key)) is not None])
        return named if passing is None else named & passing

    def _best(self, queries: list[Query], chosen: BitMap | None, limit: int) -> list[VectorHit]:
        if chosen is None:
            return self._ask(queries, limit)
        if not chosen:
            return []
        if len(chosen) > max(_FEW, len(self._numbers) // _SHARE):
            found = self._ask(queries, limit * _BEYOND)
            right = [hit for hit in found if self._numbers.get(hit.key, -1) in chosen]
            if len(right) >= limit:
                return right[:limit]
        return self._ask(queries, limit, Filter(must=[HasIdCondition({*chosen})]))

    def _ask(
        self, queries: list[Query], limit: int, wanted: Filter | None = None
    ) -> list[VectorHit]:
        if len(queries) == 1:
            request = QueryRequest(limit=limit, query=queries[0], filter=wanted)
        else:
            depth = prefetch_limit(limit)
            request = QueryRequest(
                limit=limit,
                query=Fusion.Rrf(RRF_K),  # type: ignore[arg-type] # a gap in its stubs
                prefetches=[Prefetch(depth, query=query, filter=wanted) for query in queries],
            )
        return [VectorHit(self._key(each.id), each.score) for each in self._shard.query(request)]


def _point(number: int, point: VectorPoint) -> Point:
    vectors: dict[str, NamedVector] = {SPARSE: EdgeSparseVector(*point.sparse)}
    if point.dense is not None:
        vectors[DENSE] = list(point.dense)
    return Point(number, vectors, {VERSION_FIELD: point.version})

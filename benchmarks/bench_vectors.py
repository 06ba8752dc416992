"""Search in the vector index against brute-force NumPy; through the worker; filling; embedding.

Vectors are 384 wide and made from the words of each text: every word has a fixed random direction,
so that texts which share words are alike, as with a model. The real model is timed apart, where
'make model' has fetched it.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.bench_memory import _Worker
from benchmarks.estate import APPS, REGIONS, ROLES, STAGES, TEAMS, environment, inside, resources
from benchmarks.figures import Budget, Row, show
from benchmarks.machine import resident
from cloudops_ls.composition import connect_worker
from cloudops_ls.estate.search.estate_search import Selected
from cloudops_ls.estate.search.finder import Finder
from cloudops_ls.estate.search.names import NameEntry, NameIndex
from cloudops_ls.estate.search.query import SearchQuery
from cloudops_ls.home import Home
from cloudops_ls.storage.indexing.estate_source import EstateSource, conditions_of
from cloudops_ls.storage.indexing.settings import VectorSettings
from cloudops_ls.storage.records import ResourceFilter
from cloudops_ls.storage.search_text import search_text
from cloudops_ls.storage.service import StorageService
from cloudops_ls.storage.vectors.engines import Engine, open_index
from cloudops_ls.storage.vectors.index import CollectionSpec, VectorPoint
from cloudops_ls.storage.vectors.sparse import load_encoder
from cloudops_ls.worker import wire

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from rich.console import Console

    from benchmarks.options import Options
    from cloudops_ls.storage.resource import Resource

DIM = 384
LIMIT = 20
ROUNDS = 300
TEXTS = 400
MODEL = Path(".cache/all-MiniLM-L6-v2")
LARGE = 50_000
_NAMED = NameEntry._fields
_BUILD_SECONDS = 900


def run(console: Console, options: Options) -> None:
    stored = list(resources(options.resources))
    _engine(console, options, stored)
    _through_the_worker(console, options)
    _filling(console, options)
    _embedding(console, options, stored)


class Meaning:
    """Vectors of texts, by their words."""

    def __init__(self) -> None:
        self._words: dict[str, np.ndarray] = {}

    def of(self, text: str) -> np.ndarray:
        total = np.sum([self._direction(word) for word in text.lower().split()], axis=0)
        return (total / np.linalg.norm(total)).astype(np.float32)

    def _direction(self, word: str) -> np.ndarray:
        if word not in self._words:
            seed = int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "big")
            self._words[word] = np.random.default_rng(seed).normal(size=DIM)
        return self._words[word]


def _filters(chance: random.Random) -> ResourceFilter:
    tags = {"app": chance.choice(APPS), "env": chance.choice(STAGES)}
    return ResourceFilter(regions=(chance.choice(REGIONS),), tags=tags)


def _queries(count: int) -> list[str]:
    chance = random.Random(3)
    words = (APPS, ROLES, STAGES, TEAMS, ("postgres", "running", "instance", "bucket"))
    return [" ".join(chance.choice(each) for each in words) for _ in range(count)]


def _engine(console: Console, options: Options, stored: Sequence[Resource]) -> None:
    meaning, encoder, source = Meaning(), load_encoder(), EstateSource(lambda _: ())
    texts = [search_text(each) for each in stored]
    matrix = np.array([meaning.of(text) for text in texts])
    spec = CollectionSpec("bench", DIM, EstateSource.keyword_fields)
    opened = open_index(Engine.AUTO, spec, expected=len(stored))
    index = opened.index
    begin = time.perf_counter()
    for start in range(0, len(stored), 200):
        index.upsert(
            [
                VectorPoint(
                    each.arn,
                    encoder.document(text),
                    vector.tolist(),
                    source._entry(each, b"").payload,
                    "v",
                )
                for each, text, vector in zip(
                    stored[start : start + 200],
                    texts[start : start + 200],
                    matrix[start : start + 200],
                    strict=True,
                )
            ]
        )
    console.print(
        f"engine {index.name}: {len(stored) / (time.perf_counter() - begin):,.0f} points/s with "
        f"both vectors{f' ({opened.note})' if opened.note else ''}"
    )
    columns = {
        "region": np.array([each.region for each in stored]),
        "app": np.array([each.tags["app"] for each in stored]),
        "env": np.array([each.tags["env"] for each in stored]),
    }

    def mask(filters: ResourceFilter) -> np.ndarray:
        found = columns["region"] == filters.regions[0]
        return (
            found
            & (columns["app"] == filters.tags["app"])
            & (columns["env"] == filters.tags["env"])
        )

    def best(scores: np.ndarray) -> np.ndarray:
        few = min(LIMIT, len(scores))
        top = np.argpartition(-scores, few - 1)[:few]
        return top[np.argsort(-scores[top])]

    timed: dict[str, list[float]] = {}

    def take(what: str, work: Callable[..., Any], *arguments: Any) -> Any:
        # Of all threads of this process: nothing here waits, and neighbours would drown it.
        begin = time.process_time()
        found = work(*arguments)
        timed.setdefault(what, []).append((time.process_time() - begin) * 1000)
        return found

    def everything(vector: np.ndarray, filters: ResourceFilter) -> np.ndarray:
        scores = matrix @ vector
        scores[~mask(filters)] = -1
        return best(scores)

    def subset(vector: np.ndarray, filters: ResourceFilter) -> np.ndarray:
        numbers = np.flatnonzero(mask(filters))
        return numbers[best(matrix[numbers] @ vector)] if len(numbers) else numbers

    finder = _names(stored)

    def passing(filters: ResourceFilter) -> Collection[str]:
        # What the names in memory say, never asked for before: as the worker does it.
        finder._selections.clear()
        query = SearchQuery.parse("").narrowed(regions=filters.regions, tags=filters.tags)
        return Selected(finder.index, finder.select(query.filters))

    def ask(text: str | None, dense: list[float], filters: ResourceFilter | None) -> list[Any]:
        return index.query(
            sparse=encoder.query(text) if text else None,
            dense=dense,
            keys=passing(filters) if filters else None,
            limit=LIMIT,
        )

    def conditional(dense: list[float], filters: ResourceFilter, text: str = "") -> list[Any]:
        return index.query(
            sparse=encoder.query(text) if text else None,
            dense=dense,
            conditions=conditions_of(filters),
            limit=LIMIT,
        )

    # What was kept for the first of them is no part of the others.
    passing(_filters(random.Random(4)))
    chance = random.Random(5)
    count = options.samples(ROUNDS)
    same = 0.0
    for text in _queries(count):
        vector, filters = meaning.of(text), _filters(chance)
        dense = vector.tolist()
        brute = take("numpy", lambda vector: best(matrix @ vector), vector)
        found = take("dense", ask, None, dense, None)
        same += len({stored[number].arn for number in brute} & {hit.key for hit in found}) / LIMIT
        take("hybrid", ask, text, dense, None)
        take("numpy, filtered", everything, vector, filters)
        take("numpy, filter first", subset, vector, filters)
        take("dense, conditions", conditional, dense, filters)
        take("hybrid, conditions", conditional, dense, filters, text)
        narrow = take("dense, filtered", ask, None, dense, filters)
        assert {hit.key for hit in narrow} <= {stored[n].arn for n in np.flatnonzero(mask(filters))}
        take("filters alone", passing, filters)
        take("hybrid, filtered", ask, text, dense, filters)
    index.close()
    plain, filtered = timed["numpy"], timed["numpy, filtered"]
    rows = [
        Row("NumPy, brute force", plain),
        Row("engine, dense", timed["dense"], plain, Budget(p50_ratio=1)),
        Row("engine, dense and sparse fused", timed["hybrid"], plain, Budget(p99=15)),
        Row("NumPy, brute force, region and two tags", filtered),
        Row("NumPy, the same, filter first", timed["numpy, filter first"], filtered),
        Row("engine, dense, filtered", timed["dense, conditions"], filtered, Budget(p50_ratio=0.1)),
        Row("engine, fused, filtered", timed["hybrid, conditions"], filtered, Budget(p99=15)),
        Row("as the worker: filters by names in memory", timed["filters alone"], filtered),
        Row("as the worker: these, dense", timed["dense, filtered"], filtered),
        Row("as the worker: these, fused", timed["hybrid, filtered"], filtered, Budget(p99=15)),
    ]
    title = f"Search in the index, {len(stored):,} resources, {DIM} dimensions, processor time"
    show(console, title, rows)
    console.print(f"the engine's first {LIMIT} are NumPy's: {same / count:.1%}")


def _names(stored: Sequence[Resource]) -> Finder:
    index = NameIndex.build(tuple(getattr(each, field) for field in _NAMED) for each in stored)
    # As the store gives them: names are no tags to filter by.
    tags = ({key: text for key, text in each.tags.items() if key != "Name"} for each in stored)
    details = (
        (each.arn, json.dumps(found), each.engine) for each, found in zip(stored, tags, strict=True)
    )
    return Finder(index.with_details(details))


def _through_the_worker(console: Console, options: Options) -> None:
    chance = random.Random(9)
    texts = _queries(options.samples(ROUNDS))
    with environment(options.resources) as variables, _Worker(variables) as worker:
        with inside(variables):
            plain, filtered, echo, health = asyncio.run(
                _ask(worker.home, [(text, _filters(chance)) for text in texts])
            )
        now, highest = resident(worker.process.pid)
    rows = [
        Row("round trip without work", echo),
        Row("search", plain, echo, Budget(p99=15)),
        Row("search, region and two tags", filtered, echo, Budget(p99=15)),
    ]
    show(console, f"Search through the worker, {options.resources:,} resources, no model", rows)
    large = options.resources >= LARGE
    console.print(
        f"worker: {now:.0f} MB resident, {highest:.0f} MB at most "
        f"(budget {1000 if large else 400} MB); {health}"
    )


async def _ask(
    home: Home, asked: Sequence[tuple[str, ResourceFilter]]
) -> tuple[list[float], list[float], list[float], str]:
    client = connect_worker(home)
    timed: tuple[list[float], list[float], list[float]] = ([], [], [])

    async def take(into: list[float], method: str, params: dict[str, Any]) -> None:
        begin = time.perf_counter()
        await client.request(method, params)
        into.append((time.perf_counter() - begin) * 1000)

    try:
        deadline = time.monotonic() + _BUILD_SECONDS
        while True:
            health = await client.request(wire.HEALTH)
            search = next(part for part in health["parts"] if part["name"] == "search")
            if "being" not in search["detail"]:
                break
            if time.monotonic() > deadline:
                raise RuntimeError("the search index was not built in time")
            await asyncio.sleep(0.5)
        for text, filters in asked:
            await take(timed[2], wire.HELLO, {})
            await take(timed[0], wire.SEARCH, {"query": text, "limit": LIMIT})
            narrowed = {"query": text, "limit": LIMIT, "filters": filters.model_dump()}
            await take(timed[1], wire.SEARCH, narrowed)
        return *timed, str(search["detail"])
    finally:
        await client.close()


def _filling(console: Console, options: Options) -> None:
    rows = []
    with environment(options.resources) as variables, inside(variables):
        source = EstateSource(lambda _: ())
        with StorageService.open(Home.locate(), vectors=VectorSettings()) as storage:
            assert storage.index is not None
            reading, filling, comparing = [], [], []
            for _ in range(1 if options.quick or options.resources >= LARGE else 3):
                begin = time.perf_counter()
                last, database = "", storage._database
                while True:
                    with database.read() as connection:
                        keys = source.keys_after(connection, last, 200)
                        if not keys:
                            break
                        last = keys[-1]
                        source.entries(connection, keys)
                reading.append(time.perf_counter() - begin)
                begin = time.perf_counter()
                if not storage.index.renew():
                    raise RuntimeError("the index was not rebuilt")
                filling.append(time.perf_counter() - begin)
                begin = time.perf_counter()
                storage.index.compare()
                comparing.append(time.perf_counter() - begin)
    rows = [
        Row("reading every record and its text", reading),
        Row("rebuild from the database, no model", filling, reading),
        Row("comparing with the database", comparing, reading),
    ]
    show(console, f"Rebuild, {options.resources:,} resources", rows, unit="s")


def _embedding(console: Console, options: Options, stored: Sequence[Resource]) -> None:
    if not (MODEL / "model.onnx").is_file():
        console.print("embedding: 'make model' fetches the model that this needs")
        return
    from cloudops_ls.storage.vectors.embeddings import find_model
    from cloudops_ls.storage.vectors.model_install import install_from_directory

    with TemporaryDirectory() as directory:
        install_from_directory(Path(directory), MODEL)
        # As the worker has it: one of two processors.
        model = find_model(Path(directory), threads=1)
        assert model is not None
        texts = [search_text(each) for each in stored[: options.samples(TEXTS)]]
        for size in (1, 32):
            begin = time.perf_counter()
            for start in range(0, len(texts), size):
                model.embed(texts[start : start + size])
            rate = len(texts) / (time.perf_counter() - begin)
            console.print(f"embedding, {size} texts a call: {rate:,.0f} texts/s ({MODEL.name})")
        samples = []
        for text in _queries(options.samples(ROUNDS)):
            begin = time.perf_counter()
            model.embed_query(text)
            samples.append((time.perf_counter() - begin) * 1000)
        show(console, f"Embedding a query, {MODEL.name}", [Row("one query", samples)])

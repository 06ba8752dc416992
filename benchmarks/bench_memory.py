"""Resident memory of the language server and of the worker (Linux)."""

from __future__ import annotations

import asyncio
import fcntl
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.bench_requests import URI, runbook
from benchmarks.client import Client, at, open_document
from benchmarks.estate import environment, inside
from benchmarks.figures import Budget, Row, show
from benchmarks.machine import resident
from benchmarks.subjects import OURS, bare
from cloudops_ls.composition import connect_worker
from cloudops_ls.estate.catalog.loader import Catalog
from cloudops_ls.home import Home
from cloudops_ls.storage.records import Match
from cloudops_ls.storage.search_text import search_text
from cloudops_ls.storage.service import StorageService
from cloudops_ls.storage.vectors.cache import VectorCache
from cloudops_ls.storage.vectors.embeddings import find_model
from cloudops_ls.storage.vectors.model_install import install_from_directory
from cloudops_ls.worker import wire

if TYPE_CHECKING:
    from rich.console import Console

    from benchmarks.options import Options

LARGE = 50_000
"""Resources from which on the larger budgets of the design apply."""
RUNS = 3
SEARCHES = ("payments database in production", "web", "team-data reports", "eu-west-1 cache")
MODEL = Path(".cache/all-MiniLM-L6-v2")
_INDEX_SECONDS = 900
_BATCH = 1000


def run(console: Console, options: Options) -> None:
    if not Path("/proc/self/status").exists():
        console.print("memory: only measured on Linux")
        return
    measured: dict[str, list[float]] = {}

    def take(what: str, pid: int) -> None:
        now, highest = resident(pid)
        measured.setdefault(what, []).append(now)
        measured.setdefault(f"{what}, highest", []).append(highest)

    count = options.resources
    for _ in range(options.samples(RUNS) if not options.quick else 1):
        with environment(count) as variables:
            with Client(bare(), variables) as echo:
                _use(echo, count, names=False)
                take("bare pygls server", echo.process.pid)
            with Client(OURS, variables) as ours:
                _use(ours, count, names=True)
                take("language server after completions and hovers", ours.process.pid)
            with _Worker(variables) as worker:
                with inside(variables):
                    health = asyncio.run(_search(worker.home))
                take("worker after searches", worker.process.pid)
    large = count >= LARGE
    budgets = {
        "language server after completions and hovers": Budget(most=300 if large else 200),
        "worker after searches": Budget(most=1000 if large else 400),
    }
    base = measured["bare pygls server"]
    show(
        console,
        f"Resident memory, {count:,} resources",
        [
            Row(what, samples, None if samples is base else base, budgets.get(what))
            for what, samples in measured.items()
        ],
        unit="MB",
    )
    console.print(f"The worker's search index: {health}")
    _with_a_model(console, count)


def _with_a_model(console: Console, count: int) -> None:
    """The worker with a real model loaded, and while it makes its index anew beside the old one.

    The vectors are chance: computing them takes half an hour, and as much memory as any.
    """
    if not (MODEL / "model.onnx").is_file():
        console.print("with a model: 'make model' fetches the one that this needs")
        return
    large = count >= LARGE
    budget = Budget(most=1000 if large else 400)
    with environment(count) as variables:
        with inside(variables):
            _embed_at_random(Home.locate())
        with _Worker(variables) as worker:
            with inside(variables):
                health = asyncio.run(_search(worker.home, by_meaning=True))
            serving, filling = resident(worker.process.pid)
            with inside(variables):
                asyncio.run(_rebuild(worker.home))
            after, rebuilding = resident(worker.process.pid)
    show(
        console,
        f"Resident memory of the worker with {MODEL.name}, {count:,} resources",
        [
            Row("after searches", [serving], budget=budget),
            Row("highest until then", [filling], budget=budget),
            Row("after a rebuild", [after], budget=budget),
            Row("highest during it", [rebuilding], budget=budget),
        ],
        unit="MB",
    )
    console.print(f"The worker's search index: {health}")


def _embed_at_random(home: Home) -> None:
    install_from_directory(home.models, MODEL)
    model = find_model(home.models, threads=1)
    assert model is not None
    chance = np.random.default_rng(1)
    with StorageService.open(home) as storage:
        catalog = Catalog.load()
        cache = VectorCache(storage._database, model.name, model.dim)
        texts = [
            search_text(each, (kind.title, *kind.synonyms))
            for name in {one.resource_type for one in storage.estate.names()}
            if (kind := catalog.get(name)) is not None
            for each in storage.estate.get_by_type(name)
        ]
        for start in range(0, len(texts), _BATCH):
            found = chance.normal(size=(_BATCH, model.dim)).astype(np.float32)
            found /= np.linalg.norm(found, axis=1, keepdims=True)
            cache.put(dict(zip(texts[start : start + _BATCH], found, strict=False)))


async def _rebuild(home: Home) -> None:
    client = connect_worker(home)
    try:
        if not (await client.request(wire.INDEX_REBUILD))["complete"]:
            raise RuntimeError("the index was not rebuilt")
    finally:
        await client.close()


def _use(client: Client, count: int, *, names: bool) -> None:
    text, cases = runbook(count)
    client.initialize()
    client.notify("initialized", {})
    open_document(client, URI, text)
    if names:
        client.wait_for_log("name index loaded")
    for case in cases * 5:
        client.request(case.method, at(URI, case.line, case.character))


class _Worker:
    """A worker of our own, so that its process is known and ends with the measurement."""

    def __init__(self, variables: dict[str, str]) -> None:
        self.home = Home(Path(variables["CLOUDOPS_HOME"]))
        self._variables = variables

    def __enter__(self) -> _Worker:
        deadline = time.monotonic() + 60
        with inside(self._variables):
            lock, sock = wire.lock_path(self.home), wire.socket_path(self.home)
        # A language server may have started one, which leaves when it is idle.
        while _held(lock):
            if time.monotonic() > deadline:
                raise RuntimeError("another worker stays")
            time.sleep(0.1)
        sock.unlink(missing_ok=True)
        self.process = subprocess.Popen(
            [*OURS, "worker", "--home", str(self.home.root)],
            env=dict(self._variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        while not sock.exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the worker did not start")
            time.sleep(0.05)
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(20)


def _held(lock: Path) -> bool:
    """Whether a worker has the lock of its home."""
    if not lock.exists():
        return False
    with lock.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


async def _search(home: Home, *, by_meaning: bool = False) -> str:
    """Search when the index is full, and a few times more; return how the index is.

    Parameters
    ----------
    by_meaning
        Whether to wait until the model is loaded, too.
    """
    client = connect_worker(home)
    try:
        deadline = time.monotonic() + _INDEX_SECONDS
        while True:
            health: dict[str, Any] = await client.request(wire.HEALTH)
            search = next(part for part in health["parts"] if part["name"] == "search")
            if "being" not in search["detail"]:
                break
            if time.monotonic() > deadline:
                raise RuntimeError("the search index was not built in time")
            await asyncio.sleep(0.2)
        while by_meaning:
            hits = (await client.request(wire.SEARCH, {"query": SEARCHES[0]}))["hits"]
            by_meaning = all(hit["how"] != Match.HYBRID for hit in hits)
            if time.monotonic() > deadline:
                raise RuntimeError("the model was not loaded in time")
            await asyncio.sleep(0.2)
        for query in SEARCHES * 5:
            if not (await client.request(wire.SEARCH, {"query": query}))["hits"]:
                raise RuntimeError("a search found nothing")
        return str(search["detail"])
    finally:
        await client.close()

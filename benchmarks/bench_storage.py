"""Writing an estate into the store, against the same rows in plain SQLite; opening a large one."""

from __future__ import annotations

import time
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from sqlalchemy import create_engine, delete, event, insert

from benchmarks.client import Client, at, open_document
from benchmarks.estate import APPS, environment, inside, resources
from benchmarks.figures import Budget, Row, show
from benchmarks.machine import processor_seconds, resident
from benchmarks.subjects import OURS
from cloudops_ls.home import Home
from cloudops_ls.storage.resource_rows import digest_of, document_of, values_of
from cloudops_ls.storage.service import StorageService
from cloudops_ls.storage.tables import Base, NameSnapshotRow, ResourceRow

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console

    from benchmarks.options import Options
    from cloudops_ls.storage.resource import Resource

SIZES = (10_000, 100_000)
RUNS = {10_000: 10, 100_000: 3}
OPENINGS = 10
LARGE = 100_000
_TRANSACTION = 2000
"""As many rows at once as the store takes."""


def run(console: Console, options: Options) -> None:
    for count in SIZES[: 1 if options.quick else None]:
        _writing(console, count, options.samples(RUNS[count]))
    _opening(console, SIZES[0] if options.quick else LARGE, options.samples(OPENINGS))


def _writing(console: Console, count: int, runs: int) -> None:
    found = list(resources(count))
    subjects = {"plain": _plain, "ours": _ours, "again": _again}
    wall: dict[str, list[float]] = {name: [] for name in subjects}
    work: dict[str, list[float]] = {name: [] for name in subjects}
    names = list(subjects)
    for number in range(-1, runs):
        # Whoever comes first in a round changes, so that nobody profits from it.
        for name in names[number % 3 :] + names[: number % 3]:
            seconds, processor = subjects[name](found)
            if number >= 0:
                wall[name].append(seconds * 1000)
                work[name].append(processor * 1000)
    budget = Budget(p50_ratio=1.5)
    show(
        console,
        f"Bulk upsert of {count:,} resources, without embedding",
        [
            Row("plain SQLite through SQLAlchemy, wall clock", wall["plain"]),
            Row("the store, all new, wall clock", wall["ours"], wall["plain"], budget),
            Row("the store, all seen again, wall clock", wall["again"], wall["plain"]),
            Row("plain SQLite through SQLAlchemy, processor", work["plain"]),
            Row("the store, all new, processor", work["ours"], work["plain"]),
            Row("the store, all seen again, processor", work["again"], work["plain"]),
        ],
    )


def _plain(found: Sequence[Resource]) -> tuple[float, float]:
    """The same rows by SQLAlchemy's INSERT of many, as durable, in the same table, unencrypted.

    What the baseline need not do: know what was there before, encrypt, number revisions, keep a
    history of what appeared.
    """
    with TemporaryDirectory(prefix="cloudops-bench-") as root:
        engine = create_engine(f"sqlite+pysqlite:///{root}/plain.db")

        @event.listens_for(engine, "connect")
        def configure(connection: object, _record: object) -> None:
            for pragma in ("journal_mode = WAL", "synchronous = FULL"):
                connection.execute(f"PRAGMA {pragma}")  # type: ignore[attr-defined]

        Base.metadata.create_all(engine)
        began = time.perf_counter(), time.process_time()
        for start in range(0, len(found), _TRANSACTION):
            rows = []
            for resource in found[start : start + _TRANSACTION]:
                document = document_of(resource)
                digest = digest_of(document)
                rows.append(values_of(resource, document, digest, seen=0, revision=1))
            with engine.begin() as connection:
                connection.execute(insert(ResourceRow), rows)
        taken = time.perf_counter() - began[0], time.process_time() - began[1]
        engine.dispose()
    return taken


def _ours(found: Sequence[Resource]) -> tuple[float, float]:
    with (
        environment(None) as variables,
        inside(dict(variables)),
        StorageService.open(Home.locate()) as storage,
    ):
        began = time.perf_counter(), time.process_time()
        storage.estate.bulk_upsert(found)
        return time.perf_counter() - began[0], time.process_time() - began[1]


def _again(found: Sequence[Resource]) -> tuple[float, float]:
    with (
        environment(None) as variables,
        inside(dict(variables)),
        StorageService.open(Home.locate()) as storage,
    ):
        storage.estate.bulk_upsert(found)
        began = time.perf_counter(), time.process_time()
        storage.estate.bulk_upsert(found)
        return time.perf_counter() - began[0], time.process_time() - began[1]


def _opening(console: Console, count: int, runs: int) -> None:
    kinds = ("nothing was kept: the index is built", "usual, also after a reboot: it is there")
    wall: dict[str, list[float]] = {kind: [] for kind in kinds}
    work: dict[str, list[float]] = {kind: [] for kind in kinds}
    memory: list[float] = []
    with environment(count) as variables:
        for number in range(runs):
            for kind in kinds:
                if kind is kinds[0]:
                    _forget_names(variables)
                seconds, processor, highest = _first_completion(variables)
                if number:
                    wall[kind].append(seconds * 1000)
                    work[kind].append(processor * 1000)
                    memory.append(highest)
    budget = Budget(p99=2000)
    show(
        console,
        f"Process start until the first completion, {count:,} resources, passphrase",
        [
            *(Row(f"{kind}, wall clock", wall[kind], budget=budget) for kind in kinds),
            *(Row(f"{kind}, processor", work[kind]) for kind in kinds),
        ],
    )
    show(
        console,
        f"Resident memory of the language server until then, highest, {count:,} resources",
        [Row("all of the above", memory, budget=Budget(most=1000))],
        unit="MB",
    )


def _first_completion(variables: Mapping[str, str]) -> tuple[float, float, float]:
    uri = "file:///first.cloudops.md"
    with Client(OURS, variables) as client:
        taken = client.initialize()
        began = time.perf_counter()
        client.notify("initialized", {})
        open_document(client, uri, f"Stop {APPS[0]}\n")
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            result, _ = client.request("textDocument/completion", at(uri, 0, 5 + len(APPS[0])))
            if result["items"]:
                pid = client.process.pid
                seconds = taken + time.perf_counter() - began
                processor = processor_seconds(pid) or 0.0
                highest = resident(pid)[1]
                # Until it has done everything, what it keeps for the next one included.
                client.wait_for_log("name index loaded")
                return seconds, processor, highest
            # About as fast as somebody types.
            time.sleep(0.05)
    raise RuntimeError("no name was offered")


def _forget_names(variables: Mapping[str, str]) -> None:
    with (
        inside(dict(variables)),
        StorageService.open(Home.locate()) as storage,
        storage._database.write() as connection,
    ):
        connection.execute(delete(NameSnapshotRow))

"""A scan against the same calls by hand, its memory, and what it costs the language server.

The stand-in AWS is one moto process per account, so that it is less of a bottleneck; on two cores
it is one all the same, which is why processor time of the scanning process is a row of its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TYPE_CHECKING, Any

import boto3
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import ClientError

from benchmarks.client import Client
from benchmarks.estate import inside
from benchmarks.figures import Budget, Row, show
from benchmarks.machine import resident
from benchmarks.pages import PagedVolumes
from benchmarks.subjects import OURS
from cloudops_ls.aws.sessions import SessionFactory
from cloudops_ls.demo.cloud import aws_free_environment
from cloudops_ls.estate.catalog.loader import Catalog
from cloudops_ls.estate.scanner import WORKERS, Scanner
from cloudops_ls.home import Home
from cloudops_ls.storage.service import StorageService
from tests.e2e.processes import workers_of
from tests.estate.generated.cloud import PROFILES, GeneratedCloud
from tests.estate.generated.stock import ACCOUNTS, REGIONS, TYPES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from benchmarks.options import Options

ROUNDS = 5
LARGE = 100_000
PASSPHRASE = "only for benchmarks"
_TOKENS = ("token", "marker", "exclusivestart")

Call = tuple[str, str, str, str, dict[str, Any]]
"""Profile, region, service, operation, parameters."""


def run(console: Console, options: Options) -> None:
    with _stand_in(options.resources) as variables:
        _against_by_hand(console, options, variables)
        _blocking(console, options, variables)
    _memory(console, 10_000 if options.quick else LARGE)


# The same calls by hand


def _against_by_hand(console: Console, options: Options, variables: dict[str, str]) -> None:
    ours: list[float] = []
    by_hand: list[float] = []
    ours_cpu: list[float] = []
    by_hand_cpu: list[float] = []
    calls: list[Call] = []
    count = 0
    for number in range(options.samples(ROUNDS) + 1):
        with inside(variables):
            seconds, cpu, count = _scan(variables, None if calls else calls)
            again, cpu_again = _by_hand(calls)
        if number:
            # The first round warmed the stand-in and wrote the calls down.
            ours.append(seconds)
            by_hand.append(again)
            ours_cpu.append(cpu)
            by_hand_cpu.append(cpu_again)
    show(
        console,
        f"Scan of {count:,} resources, {len(calls):,} calls, three accounts, four regions",
        [
            Row("boto3 by hand, the same calls", by_hand),
            Row("scan into an encrypted store", ours, by_hand, Budget(p50_ratio=1.15)),
            Row("boto3 by hand, processor time", by_hand_cpu),
            Row("scan, processor time", ours_cpu, by_hand_cpu),
        ],
        unit="s",
    )


def _scan(variables: dict[str, str], calls: list[Call] | None) -> tuple[float, float, int]:
    """Scan into a new store; return seconds, processor seconds and how many were found."""
    sessions = SessionFactory() if calls is None else _WritingDown(calls)
    with TemporaryDirectory() as folder:
        home = Home(Path(folder) / "home")
        with StorageService.open(home) as store:
            scanner = Scanner(sessions, Catalog.load(), store.estate)
            began, cpu = perf_counter(), time.process_time()
            report = scanner.scan(list(PROFILES), list(REGIONS), list(TYPES))
            took = perf_counter() - began, time.process_time() - cpu
    sessions.close()
    if not report.complete:
        raise RuntimeError(report.problems()[0])
    return *took, report.resources


class _WritingDown(SessionFactory):
    """Sessions that note every call, so that the same can be made by hand."""

    def __init__(self, calls: list[Call]) -> None:
        super().__init__()
        self._calls = calls
        self._noted: set[tuple[str, str, str]] = set()

    def client(self, profile: str, service: str, region: str | None = None) -> Any:
        client = super().client(profile, service, region)
        key = (profile, service, client.meta.region_name)
        if key not in self._noted:
            self._noted.add(key)

            def note(params: dict[str, Any], model: Any, **_event: Any) -> None:
                if not any(name.lower().startswith(_TOKENS) or "Token" in name for name in params):
                    self._calls.append((profile, key[2], service, model.name, dict(params)))

            client.meta.events.register("provide-client-params.*.*", note)
        return client


def _by_hand(calls: list[Call]) -> tuple[float, float]:
    """Make the calls as one would: boto3, sixteen threads, a client per place, paginators."""
    began, cpu = perf_counter(), time.process_time()
    sessions = {name: boto3.Session(profile_name=name) for name in PROFILES}
    config = Config(
        retries={"mode": "adaptive", "total_max_attempts": 6}, max_pool_connections=WORKERS
    )
    clients: dict[tuple[str, str, str], Any] = {}
    making = threading.Lock()

    def call(one: Call) -> int:
        profile, region, service, operation, params = one
        with making:
            key = (profile, region, service)
            if key not in clients:
                clients[key] = sessions[profile].client(service, region, config=config)
        client, method = clients[key], xform_name(operation)
        # A bucket without tags is an error, for the scanner as well.
        with suppress(ClientError):
            if client.can_paginate(method):
                return sum(1 for _ in client.get_paginator(method).paginate(**params))
            getattr(client, method)(**params)
        return 1

    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(call, calls))
    return perf_counter() - began, time.process_time() - cpu


# What a synchronisation costs the language server


def _blocking(console: Console, options: Options, variables: dict[str, str]) -> None:
    """Let an editor ask for a full synchronisation, and watch the server's event loop."""
    with TemporaryDirectory() as folder:
        told = Path(folder) / "gaps.json"
        home = Home(Path(folder) / "home")
        home.root.mkdir(mode=0o700)
        home.config.write_text(
            f"[estate]\nprofiles = {list(PROFILES)}\nregions = {list(REGIONS)}\n"
            f"types = {list(TYPES)}\nsync = false\n"
        )
        changed = {
            **variables,
            "CLOUDOPS_HOME": str(home.root),
            "CLOUDOPS_WATCHED": str(told),
        }
        command = [sys.executable, "-m", "benchmarks.watched_server"]
        try:
            with Client(command, changed) as client:
                client.initialize()
                client.notify("initialized", {})
                # What follows the start: opening the store, importing what requests will need.
                client.wait_for_log("features imported")
                time.sleep(1)
                before = len(json.loads(told.read_text())["wall"])
                result, _ = client.request(
                    "workspace/executeCommand",
                    {"command": "cloudops.triggerSync", "arguments": [{"kind": "full"}]},
                )
                if result.get("status") != "complete":
                    raise RuntimeError(f"the synchronisation was {result}")
                time.sleep(2)
        finally:
            with inside(changed):
                for pid in workers_of(home):
                    os.kill(pid, 15)
        gaps = json.loads(told.read_text())
    show(
        console,
        f"Event loop of the language server during a full synchronisation of "
        f"{result['resources']:,} resources",
        [
            Row("time between two turns", gaps["wall"][before:], None, Budget(most=20)),
            Row(
                "of that, computing in the loop's thread",
                gaps["cpu"][before:],
                None,
                Budget(most=20),
            ),
        ],
    )


# Memory


def _memory(console: Console, count: int) -> None:
    scan = [*OURS, "scan", "--profile", "big", "--type", "ebs_volume"]
    alone = [sys.executable, "-m", "benchmarks.bare_scan"]
    measured = _watched("worker", scan, count, of_worker=True)
    measured |= _watched("the scan alone", alone, count, of_worker=False)
    budgets = {"worker, highest": Budget(most=1000)}
    show(
        console,
        f"Resident memory while {count:,} resources are scanned: the worker's, with its search "
        "index, and a bare scan's",
        [Row(what, samples, None, budgets.get(what)) for what, samples in measured.items()],
        unit="MB",
    )


def _watched(
    what: str, command: list[str], count: int, *, of_worker: bool
) -> dict[str, list[float]]:
    """Run a scan of many volumes; return its resident memory, or its worker's, by progress."""
    measured: dict[str, list[float]] = {}
    with PagedVolumes(count) as volumes, TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "run").mkdir(mode=0o700)
        (root / "config").write_text(
            f"[profile big]\nregion = us-east-1\nendpoint_url = {volumes.endpoint}\n"
        )
        (root / "credentials").write_text(
            "[big]\naws_access_key_id = AKIAMAIN\naws_secret_access_key = x\n"
        )
        variables = _variables(root)
        home = Home(root / "home")
        scanning = subprocess.Popen(command, env=variables, stderr=subprocess.PIPE)
        watched = 0 if of_worker else scanning.pid
        while scanning.poll() is None:
            with inside(variables):
                watched = watched or next(iter(workers_of(home)), 0)
            if watched and volumes.sent:
                tenth = min(10, 10 * volumes.sent // count)
                # It may have ended meanwhile.
                with suppress(OSError, KeyError):
                    now, highest = resident(watched)
                    measured.setdefault(f"{what}, {tenth * 10} % listed", []).append(now)
                    measured[f"{what}, highest"] = [highest]
            time.sleep(0.1)
        if scanning.returncode:
            raise RuntimeError((scanning.stderr.read() if scanning.stderr else b"").decode())
        with inside(variables):
            for pid in workers_of(home):
                os.kill(pid, 15)
    return measured


# Homes


@contextmanager
def _stand_in(total: int) -> Iterator[dict[str, str]]:
    """Three stand-in processes with an account each, and the environment that leads to them."""
    with ExitStack() as stack, TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "run").mkdir(mode=0o700)
        texts = []
        for account in ACCOUNTS:
            cloud = stack.enter_context(GeneratedCloud())
            cloud.fill(total // len(ACCOUNTS), (account,))
            texts.append(cloud.profiles())
        (root / "config").write_text("".join(config for config, _ in texts))
        (root / "credentials").write_text("".join(keys for _, keys in texts))
        yield _variables(root)


def _variables(root: Path) -> dict[str, str]:
    clean = {k: v for k, v in aws_free_environment(os.environ).items() if "CLOUDOPS" not in k}
    return {
        **clean,
        "HOME": str(root),
        "AWS_CONFIG_FILE": str(root / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(root / "credentials"),
        "AWS_EC2_METADATA_DISABLED": "true",
        "CLOUDOPS_HOME": str(root / "home"),
        "CLOUDOPS_PASSPHRASE": PASSPHRASE,
        "XDG_RUNTIME_DIR": str(root / "run"),
    }

"""A generated estate over three accounts and four regions, scanned on good and on bad days.

What the store holds is compared with what the stand-in's backends hold, id by id. Three hundred
resources by default; ``make exact`` makes it as many as the product promises, 10,000.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from cloudops_ls.aws.clients import ClientSettings
from cloudops_ls.aws.sessions import SessionFactory
from cloudops_ls.estate.scanner import Scanner
from cloudops_ls.home import Home
from cloudops_ls.storage.records import ChangeKind, ScopeOutcome
from cloudops_ls.storage.service import StorageService
from tests.e2e.processes import workers_of
from tests.estate.generated.cloud import PROFILES, GeneratedCloud
from tests.estate.generated.stock import REGIONS, TYPES, Seen
from tests.storage.samples import MOMENT, PASSPHRASE, ring

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cloudops_ls.estate.catalog.loader import Catalog
    from cloudops_ls.estate.scan_model import ScanReport

SIZE = int(os.environ.get("CLOUDOPS_TEST_ESTATE", "300"))
CHANGED = 0.05
# A big estate on a busy machine takes minutes.
pytestmark = [pytest.mark.timeout(1800), pytest.mark.xdist_group("generated estate")]


@pytest.fixture(scope="module")
def generated() -> Iterator[GeneratedCloud]:
    with GeneratedCloud() as cloud:
        cloud.fill(SIZE)
        yield cloud


@pytest.fixture
def cloud(generated: GeneratedCloud, aws_folder: Path) -> Iterator[GeneratedCloud]:
    generated.write_profiles(aws_folder)
    yield generated
    generated.weather()


@pytest.fixture
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Home:
    root = tmp_path_factory.mktemp("g")
    (root / "run").mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(root / "run"))
    return Home(root / "home")


@pytest.fixture
def store(home: Home) -> Iterator[StorageService]:
    with StorageService.open(home, keys=ring(home)) as opened:
        yield opened


@pytest.fixture(scope="module")
def patient() -> SessionFactory:
    """One for all tests: it follows the files, and keeps the service models loaded."""
    # Ten attempts: with every tenth call throttled, six all fail once in a million calls.
    return SessionFactory(ClientSettings(connect_timeout=5, read_timeout=60, attempts=10))


@pytest.fixture
def scan(
    cloud: GeneratedCloud, catalog: Catalog, store: StorageService, patient: SessionFactory
) -> Iterator[Scan]:
    yield Scan(Scanner(patient, catalog, store.estate), patient)
    patient.close()


class Scan:
    def __init__(self, scanner: Scanner, sessions: SessionFactory) -> None:
        self._scanner = scanner
        self.sessions = sessions

    def __call__(self) -> ScanReport:
        return self._scanner.scan(list(PROFILES), list(REGIONS), list(TYPES))


def stored(store: StorageService) -> dict[str, dict[str, Seen]]:
    return {
        kind: {one.arn: Seen(one.name, one.state) for one in store.estate.get_by_type(kind)}
        for kind in TYPES
    }


def assert_exact(store: StorageService, expected: dict[str, dict[str, Seen]]) -> None:
    found = stored(store)
    for kind in TYPES:
        assert found[kind].keys() == expected[kind].keys(), kind
        assert found[kind] == expected[kind], kind


def test_a_scan_is_complete_and_exact_and_so_is_the_next_after_changes(
    cloud: GeneratedCloud, store: StorageService, scan: Scan
) -> None:
    before = cloud.inventory()
    assert sum(map(len, before.values())) == pytest.approx(SIZE, rel=0.2)
    report = scan()
    assert report.problems() == []
    assert report.complete
    assert report.resources == store.estate.count() == sum(map(len, before.values()))
    assert_exact(store, before)
    assert store.estate.changes_since(MOMENT) == []

    cloud.change(CHANGED, seed=1)
    after = cloud.inventory()
    assert scan().complete
    assert_exact(store, after)
    _assert_history_is_exact(store, before, after)


def _assert_history_is_exact(
    store: StorageService,
    before: dict[str, dict[str, Seen]],
    after: dict[str, dict[str, Seen]],
) -> None:
    """What is told to have changed is what did."""
    told = store.estate.changes_since(MOMENT, limit=10 * SIZE)
    by_kind = {kind: {change.arn for change in told if change.kind is kind} for kind in ChangeKind}
    old = {arn: seen for kind in TYPES for arn, seen in before[kind].items()}
    new = {arn: seen for kind in TYPES for arn, seen in after[kind].items()}
    assert by_kind[ChangeKind.ADDED] == new.keys() - old.keys()
    assert by_kind[ChangeKind.REMOVED] == old.keys() - new.keys()
    differing = {arn for arn in old.keys() & new.keys() if old[arn] != new[arn]}
    assert differing
    assert differing <= by_kind[ChangeKind.CHANGED]


def test_a_tenth_of_all_calls_throttled_loses_nothing(
    cloud: GeneratedCloud, store: StorageService, scan: Scan
) -> None:
    cloud.weather(throttled=0.1)
    report = scan()
    assert report.problems() == []
    assert_exact(store, cloud.inventory())
    told = cloud.weather()
    assert told["refused"] > told["calls"] / 20


def test_a_service_that_always_fails_costs_nothing_but_its_own_news(
    cloud: GeneratedCloud, store: StorageService, scan: Scan
) -> None:
    scan()
    before = cloud.inventory()
    cloud.change(CHANGED, seed=2)
    after = cloud.inventory()
    # Not the default patience: each call to it fails as often as there are attempts.
    cloud.weather(failing=["rds"])
    report = scan()
    assert not report.complete
    assert {one.resource_type for one in report.scopes if one.error} == {"rds_instance"}
    assert "rds" in report.problems()[0]
    # What could not be listed stays as it was: empty is not the same as absent.
    assert_exact(store, {**after, "rds_instance": before["rds_instance"]})
    cloud.weather()
    assert scan().complete
    assert_exact(store, after)


def test_credentials_that_expire_half_way_delete_nothing(
    cloud: GeneratedCloud, store: StorageService, scan: Scan
) -> None:
    cloud.weather()
    scan()
    calls = cloud.weather()["calls"]
    before = cloud.inventory()
    cloud.change(CHANGED, seed=3)
    after = cloud.inventory()
    cloud.weather(calls_left=calls // 2)
    report = scan()
    outcomes = {one.outcome for one in report.scopes}
    assert outcomes == {ScopeOutcome.COMPLETE, ScopeOutcome.EXPIRED}
    listed = {
        (one.account_id, one.region, one.resource_type)
        for one in report.scopes
        if one.outcome is ScopeOutcome.COMPLETE
    }
    found = stored(store)
    for kind in TYPES:
        for resource in store.estate.get_by_type(kind):
            if (resource.account_id, resource.region, kind) in listed:
                assert resource.arn in after[kind]
        # Of the rest, nothing that was there is gone.
        kept = {arn for arn in before[kind] if arn not in found[kind]}
        assert kept.isdisjoint(after[kind])
    # Once an account's credentials are known to have expired, it is not asked again and again.
    # Under way at most: 16 listings and 16 calls for details, in each of the three accounts.
    assert cloud.weather()["refused"] <= 3 * 32
    scan.sessions.forget_sessions()
    assert scan().complete
    assert_exact(store, after)


def test_killed_in_the_middle_the_next_scan_makes_it_whole(
    cloud: GeneratedCloud, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLOUDOPS_HOME", str(home.root))
    monkeypatch.setenv("CLOUDOPS_PASSPHRASE", PASSPHRASE)
    home.create()
    names = ", ".join(f'"{name}"' for name in TYPES)
    home.config.write_text(
        f"[estate]\nprofiles = [{', '.join(map(repr, PROFILES))}]\nregions = {list(REGIONS)}\n"
        f"types = [{names}]\n[worker]\nidle_seconds = 1\n"
    )
    with StorageService.open(home, keys=ring(home)) as store:
        command = [sys.executable, "-m", "cloudops_ls", "scan"]
        scanning = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        expected = cloud.inventory()
        total = sum(map(len, expected.values()))
        _wait_until(lambda: total / 3 < store.estate.count() or scanning.poll() is not None)
        assert scanning.poll() is None, "it was over before it could be killed"
        (worker,) = workers_of(home)
        os.kill(worker, signal.SIGKILL)
        _, said = scanning.communicate(timeout=60)
        assert scanning.returncode == 1
        assert "background process stopped" in " ".join(said.split())
        assert store.estate.count() < total

        again = subprocess.run(command, capture_output=True, text=True, timeout=900)
        assert again.returncode == 0, again.stderr
        assert_exact(store, expected)
        assert {scope.outcome for scope in store.sync.scopes()} == {ScopeOutcome.COMPLETE}
    _wait_until(lambda: not workers_of(home))


def _wait_until(condition) -> None:  # type: ignore[no-untyped-def]
    deadline = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)

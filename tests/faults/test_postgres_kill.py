"""kill -9 of a process that writes into a real PostgreSQL: nothing acknowledged is lost."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.storage.postgres_server import PostgresServer, find_binaries

from .harness import POINTS, Tally, campaign, points
from .postgres_workloads import SERVER, ChatInPostgres, ExecutionInPostgres, SyncInPostgres
from .workload import ACKNOWLEDGE_FIRST

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from .workload import Workload

pytestmark = pytest.mark.timeout(1800)


@pytest.fixture(scope="module", autouse=True)
def server() -> Iterator[None]:
    binaries = find_binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL to test with: postgres is not installed")
    with PostgresServer(binaries) as running:
        os.environ[SERVER] = running.url("postgres")
        yield
        del os.environ[SERVER]


@pytest.mark.parametrize(
    ("workload", "share"),
    [(SyncInPostgres(), 25), (ChatInPostgres(), 15), (ExecutionInPostgres(), 20)],
    ids=lambda value: getattr(value, "name", None),
)
def test_nothing_acknowledged_is_lost(
    workload: Workload, share: int, tmp_path: Path, record: Callable[[Tally], None]
) -> None:
    # Each point is a database of its own: few of them in every test run.
    record(campaign(workload, tmp_path, points(share) if POINTS else 2))


def test_an_early_acknowledgement_is_noticed(tmp_path: Path) -> None:
    switches = [ACKNOWLEDGE_FIRST]
    tally = campaign(SyncInPostgres(), tmp_path, 40, switches=switches, until_red=True)
    assert tally.lost, str(tally)

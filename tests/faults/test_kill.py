"""kill -9 and power cuts at random points: nothing acknowledged is lost."""

from __future__ import annotations

import random
import shutil
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from cloudops_ls.home import Home
from tests.storage.test_vector_index import needs_memory

from .executor_workload import ExecutorWorkload
from .harness import Nursery, Tally, campaign, judge, points
from .index_workload import IndexWorkload
from .store_workloads import (
    ChatWorkload,
    ExecutionWorkload,
    MigrationWorkload,
    RotationWorkload,
    SyncWorkload,
)
from .workload import CLOCK_JUMPS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .workload import Workload

pytestmark = pytest.mark.timeout(1800)


@pytest.mark.parametrize(
    ("workload", "share"),
    [
        (SyncWorkload(), 40),
        (ChatWorkload(), 25),
        (ExecutionWorkload(), 25),
        (ExecutorWorkload(), 100),
        (MigrationWorkload(), 20),
        (RotationWorkload(), 30),
        pytest.param(IndexWorkload(), 20, marks=needs_memory),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_nothing_acknowledged_is_lost(
    workload: Workload, share: int, tmp_path: Path, record: Callable[[Tally], None]
) -> None:
    record(campaign(workload, tmp_path, points(share)))


def test_a_clock_that_jumps_loses_nothing(tmp_path: Path, record: Callable[[Tally], None]) -> None:
    record(campaign(ChatWorkload(), tmp_path, points(10), switches=[CLOCK_JUMPS]))


def test_two_writers_are_killed_in_the_middle(
    tmp_path: Path, record: Callable[[Tally], None]
) -> None:
    tally = Tally("two writers killed")
    workload, dice = ChatWorkload(), random.Random(5)
    template = Home(tmp_path / "template")
    workload.prepare(template)
    with Nursery() as first, Nursery() as second, ThreadPoolExecutor(2) as pool:
        for number in range(points(20)):
            home = Home(tmp_path / f"point-{number}")
            shutil.copytree(template.root, home.root)
            both = [
                pool.submit(
                    nursery.run, workload, home, attempt=attempt, after=dice.uniform(0.02, 0.4)
                )
                for attempt, nursery in enumerate((first, second))
            ]
            runs = [each.result() for each in both]
            acknowledged = [value for run in runs for value in run.acknowledged]
            tally.points += 1
            tally.hit += any(run.killed for run in runs)
            tally.acknowledged += len(acknowledged)
            tally.unnamed += [run.error for run in runs if run.error is not None]
            judge(tally, f"point {number}", lambda: workload.check(home, acknowledged))  # noqa: B023
    record(tally)

"""kill -9 and power cuts at random points: nothing acknowledged is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .executor_workload import ExecutorWorkload
from .harness import Tally, campaign, points
from .store_workloads import ChatWorkload, ExecutionWorkload, SyncWorkload

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
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_nothing_acknowledged_is_lost(
    workload: Workload, share: int, tmp_path: Path, record: Callable[[Tally], None]
) -> None:
    record(campaign(workload, tmp_path, points(share)))

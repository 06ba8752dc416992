"""kill -9 and power cuts while backups are made, pruned and restored."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .backup_cloud import ENDPOINT
from .backup_workloads import MakingWorkload, PruningWorkload, RestoringWorkload
from .harness import POINTS, Tally, campaign, points

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .workload import Workload

pytestmark = pytest.mark.timeout(3600)


@pytest.fixture(autouse=True)
def told(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The processes that are killed know where S3 is."""
    monkeypatch.setenv(ENDPOINT, endpoint)


@pytest.mark.parametrize(
    ("workload", "share"),
    [(MakingWorkload(), 25), (PruningWorkload(), 25), (RestoringWorkload(), 20)],
    ids=lambda value: getattr(value, "name", None),
)
def test_no_acknowledged_backup_is_lost(
    workload: Workload, share: int, tmp_path: Path, record: Callable[[Tally], None]
) -> None:
    # Each point costs a dozen restores: few of them in every test run.
    record(campaign(workload, tmp_path, points(share) if POINTS else 2))

"""The suite proves itself: with a fault put in on purpose it turns red."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .executor_workload import RUN_UNRECORDED, ExecutorWorkload
from .harness import campaign
from .store import SYNCHRONOUS_OFF
from .store_workloads import (
    EXCHANGE_EARLY,
    ChatWorkload,
    ExecutionWorkload,
    MigrationWorkload,
    RotationWorkload,
    SyncWorkload,
)
from .workload import ACKNOWLEDGE_FIRST, IN_THE_CLEAR

if TYPE_CHECKING:
    from pathlib import Path

    from .workload import Workload


pytestmark = pytest.mark.timeout(900)


@pytest.mark.parametrize(
    ("workload", "switch"),
    [
        (SyncWorkload(), ACKNOWLEDGE_FIRST),
        (ExecutionWorkload(), ACKNOWLEDGE_FIRST),
        (MigrationWorkload(), ACKNOWLEDGE_FIRST),
        (ChatWorkload(), SYNCHRONOUS_OFF),
        (RotationWorkload(), EXCHANGE_EARLY),
        (ExecutionWorkload(), IN_THE_CLEAR),
    ],
    ids=lambda value: getattr(value, "name", value),
)
def test_a_fault_on_purpose_is_noticed(workload: Workload, switch: str, tmp_path: Path) -> None:
    tally = campaign(workload, tmp_path, 40, switches=[switch], until_red=True)
    assert tally.red, str(tally)


def test_a_command_that_runs_unrecorded_is_noticed(tmp_path: Path) -> None:
    tally = campaign(ExecutorWorkload(), tmp_path, 20, switches=[RUN_UNRECORDED], until_red=True)
    assert tally.lost, str(tally)

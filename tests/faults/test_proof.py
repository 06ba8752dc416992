"""The suite proves itself: with a fault put in on purpose it turns red."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .executor_workload import RUN_UNRECORDED, ExecutorWorkload
from .harness import campaign
from .store import SYNCHRONOUS_OFF
from .store_workloads import ChatWorkload, ExecutionWorkload, SyncWorkload
from .workload import ACKNOWLEDGE_FIRST

if TYPE_CHECKING:
    from pathlib import Path

    from .workload import Workload


@pytest.mark.parametrize("workload", [SyncWorkload(), ChatWorkload(), ExecutionWorkload()])
@pytest.mark.parametrize("switch", [ACKNOWLEDGE_FIRST, SYNCHRONOUS_OFF])
def test_a_fault_on_purpose_is_noticed(workload: Workload, switch: str, tmp_path: Path) -> None:
    tally = campaign(workload, tmp_path, 20, switches=[switch], until_red=True)
    assert tally.lost, str(tally)


def test_a_command_that_runs_unrecorded_is_noticed(tmp_path: Path) -> None:
    tally = campaign(ExecutorWorkload(), tmp_path, 20, switches=[RUN_UNRECORDED], until_red=True)
    assert tally.lost, str(tally)

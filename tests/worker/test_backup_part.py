"""The schedule of backups: one for all, over restarts, and what is said when it fails."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from cloudops_ls.storage.backup.layout import Layout
from cloudops_ls.storage.backup.records import BackupPlan
from cloudops_ls.storage.backup.s3 import S3ObjectStore
from cloudops_ls.storage.health import PartState
from cloudops_ls.storage.recovery_key import RecoveryKey
from cloudops_ls.storage.service import StorageService
from cloudops_ls.worker import wire
from cloudops_ls.worker.backup_part import BackupPart
from tests.storage.backup.cloud import BUCKET, make_bucket, s3, serving
from tests.storage.samples import ring

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cloudops_ls.home import Home


@pytest.fixture(scope="module")
def plan() -> Iterator[BackupPlan]:
    with serving() as endpoint:
        client = s3(endpoint)
        make_bucket(client)
        yield BackupPlan(S3ObjectStore(lambda: client, BUCKET), Layout("", "ana"), enabled=True)


class Told:
    """What clients were told, and a way to wait for it."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        self.said = threading.Event()

    def __call__(self, method: str, params: dict[str, Any]) -> None:
        if method == wire.WORKER_MESSAGE:
            self.messages.append(params["message"])
            self.said.set()


def wait_until(true: Any) -> None:
    ticks = threading.Event()
    for _ in range(2400):
        if true():
            return
        ticks.wait(0.05)
    raise AssertionError("it did not happen in two minutes")


def test_the_schedule_survives_restarts_and_makes_one_an_interval(
    home: Home, plan: BackupPlan
) -> None:
    for _ in range(3):
        with StorageService.open(home, keys=ring(home), backup=lambda: plan) as storage:
            storage.backup.state.keep_recipient(RecoveryKey.generate().recipient)
            part = BackupPart(storage, Told(), poll_seconds=0.05)
            part.start()
            wait_until(lambda: storage.backup.state.last_done() is not None)
            wait_until(lambda: not part.busy)  # noqa: B023
            part.close()
            assert len(storage.backup.list_backups()) == 1
            assert storage.backup.health().state is PartState.OK
    # A day later, as the clock of the plan has it.
    due = replace(plan, interval=timedelta(0))
    with StorageService.open(home, keys=ring(home), backup=lambda: due) as storage:
        assert storage.backup.run_if_due() is not None
        assert len(storage.backup.list_backups()) == 2
        storage.backup.auto_backup(False)
        assert storage.backup.run_if_due() is None


def test_a_failure_is_said_once_and_shown_in_health(home: Home, plan: BackupPlan) -> None:
    nowhere = replace(plan, layout=Layout("", "bob"), interval=timedelta(0))
    told = Told()
    with StorageService.open(home, keys=ring(home), backup=lambda: nowhere) as storage:
        assert "recovery key" in str(storage.backup.health().detail)
        part = BackupPart(storage, told, poll_seconds=0.01)
        part.start()
        assert told.said.wait(120)
        first = storage.backup.state.last_tried()
        # It was tried again, and not said again.
        wait_until(lambda: storage.backup.state.last_tried() != first)
        part.close()
        assert len(told.messages) == 1
        assert "no recovery key yet" in told.messages[0]
        assert "no recovery key yet" in str(storage.backup.schedule().problem)
        storage.backup.state.keep_recipient(RecoveryKey.generate().recipient)
        assert storage.backup.health().state is PartState.DEGRADED


def test_without_a_bucket_nothing_is_wrong(home: Home) -> None:
    with StorageService.open(home, keys=ring(home), backup=lambda: None) as storage:
        assert storage.health().part("backup").state is PartState.OK
        assert storage.backup.run_if_due() is None

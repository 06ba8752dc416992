"""One clock for all windows: the worker synchronises by itself, once, while an editor is there."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from cloudops_ls.config import EstateSettings
from cloudops_ls.storage.records import SyncKind
from cloudops_ls.storage.service import StorageService
from cloudops_ls.worker import wire
from cloudops_ls.worker.client import WorkerClient
from tests.aws.stand_in import MAIN, StandIn, write_profiles

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from pathlib import Path

    from cloudops_ls.home import Home

VERSION = "0.1.0"
ESTATE: dict[str, Any] = {
    "profiles": ["main"],
    "regions": ["us-west-2"],
    "types": ["sqs_queue", "ec2_instance"],
}


@pytest.fixture(scope="module")
def moto() -> Iterator[StandIn]:
    server = StandIn()
    yield server
    server.stop()


@pytest.fixture
def cloud(moto: StandIn, home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    moto.reset()
    write_profiles(tmp_path / "aws", moto.endpoint)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "aws" / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "aws" / "credentials"))
    return moto


@pytest.fixture
async def connect(home: Home) -> AsyncIterator[Callable[[], WorkerClient]]:
    clients: list[WorkerClient] = []

    def connect() -> WorkerClient:
        clients.append(WorkerClient(home, version=VERSION))
        return clients[-1]

    yield connect
    for client in clients:
        await client.close()


def settings(**changes: Any) -> dict[str, Any]:
    return {"settings": EstateSettings(**ESTATE | changes).model_dump(mode="json")}


async def until(ask: Callable[[], Awaitable[Any]], seconds: float = 60) -> Any:
    async with asyncio.timeout(seconds):
        while not (answer := await ask()):  # noqa: ASYNC110 - the worker is another process
            await asyncio.sleep(0.1)
    return answer


def let_time_pass(home: Home, minutes: float) -> None:
    """As if everything had been synchronised so much earlier."""
    with StorageService.open(home) as store:
        for run in store.sync.runs():
            earlier = {
                "started_at": run.started_at - timedelta(minutes=minutes),
                "finished_at": run.finished_at and run.finished_at - timedelta(minutes=minutes),
            }
            store.sync.put_run(run.model_copy(update=earlier))


async def test_by_the_clock_once_for_all_windows(
    cloud: StandIn, home: Home, connect: Callable[[], WorkerClient]
) -> None:
    one, other = connect(), connect()
    sqs = cloud.client("main", "sqs", "us-west-2")
    sqs.create_queue(QueueName="early")
    for window in (one, other):
        await window.request(wire.CONFIGURE_SYNC, settings())
    status = await one.request(wire.SYNC_STATUS)
    # The first scan is somebody's decision.
    assert (status["next"], status["waits_for"]) == (None, "the estate has never been scanned")

    assert (await one.request(wire.SCAN, {**ESTATE, "whole": True}))["complete"]
    status = await one.request(wire.SYNC_STATUS)
    assert status["next"]["kind"] == "incremental"

    sqs.create_queue(QueueName="late")
    let_time_pass(home, 60 * 7)

    async def synchronised() -> Any:
        runs = (await other.request(wire.SYNC_STATUS))["runs"]
        return runs if runs[0]["reason"] == "schedule" and runs[0]["finished_at"] else None

    runs = await until(synchronised)
    assert [(run["kind"], run["reason"]) for run in runs] == [
        ("full", "schedule"),
        ("full", "request"),
    ]
    assert runs[0]["complete"]
    with StorageService.open(home) as store:
        assert {one.name for one in store.estate.get_by_type("sqs_queue")} == {"early", "late"}
    told = json.loads(home.sync_status.read_text())
    assert told["last_runs"]["full"]["complete"] is True
    # And the next one is a quick one, in a quarter of an hour.
    assert (await one.request(wire.SYNC_STATUS))["next"]["kind"] == "incremental"


async def test_failures_put_it_off_and_it_says_so(
    cloud: StandIn, home: Home, tmp_path: Path, connect: Callable[[], WorkerClient]
) -> None:
    window = connect()
    await window.request(wire.CONFIGURE_SYNC, settings())
    assert (await window.request(wire.SCAN, {**ESTATE, "whole": True}))["complete"]
    write_profiles(tmp_path / "aws", "http://127.0.0.1:9")
    result = await window.request(wire.SYNC, {"kind": "full"})
    assert not result["complete"]
    assert "cannot be reached" in result["problems"][0]
    due = (await window.request(wire.SYNC_STATUS))["next"]
    assert due["failures"] == 1


async def test_it_can_be_switched_off(
    cloud: StandIn, home: Home, connect: Callable[[], WorkerClient]
) -> None:
    window = connect()
    await window.request(wire.SCAN, {**ESTATE, "whole": True})
    status = await window.request(wire.SYNC_STATUS)
    assert status["waits_for"] == "no editor is open"
    await window.request(wire.CONFIGURE_SYNC, settings(sync=False))
    status = await window.request(wire.SYNC_STATUS)
    assert status["waits_for"] == "the setting estate.sync is off"


async def test_a_quick_one_without_event_history_takes_turns(
    cloud: StandIn, home: Home, connect: Callable[[], WorkerClient]
) -> None:
    window = connect()
    cloud.client("main", "ec2", "us-west-2").run_instances(
        ImageId="ami-12c6146b", MinCount=1, MaxCount=1
    )
    await window.request(wire.CONFIGURE_SYNC, settings())
    await window.request(wire.SCAN, {**ESTATE, "whole": True})
    result = await window.request(wire.SYNC, {"kind": SyncKind.INCREMENTAL.value})
    # moto has no event history; its refusal is no reason to fail.
    assert (result["kind"], result["followed"]) == ("incremental", 0), result
    assert result["rotated"] == 1
    assert result["accounts"] == 1
    accounts = (await window.request(wire.SCAN_STATUS))["accounts"]
    assert [one["account_id"] for one in accounts] == [MAIN]

"""The way to the worker: started on demand, shared, and replaced when it dies."""

from __future__ import annotations

import asyncio
import os
import signal
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cloudops_ls.composition import connect_worker
from cloudops_ls.errors import CloudOpsError
from cloudops_ls.storage.service import StorageService
from cloudops_ls.storage.vectors.directory import PREFIX
from cloudops_ls.worker import wire
from cloudops_ls.worker.client import WorkerClient, WorkerLostError
from tests.e2e.processes import gone, needs_proc, workers_of
from tests.storage.samples import estate
from tests.storage.test_vector_index import needs_memory

if TYPE_CHECKING:
    from cloudops_ls.home import Home

pytestmark = needs_proc
VERSION = version("cloudops-ls")


async def test_one_worker_is_started_on_demand_and_shared(home: Home) -> None:
    clients = [WorkerClient(home, version=VERSION) for _ in range(4)]
    assert not workers_of(home)
    answers = await asyncio.gather(*(client.request(wire.HEALTH) for client in clients))
    assert all(answer["parts"] for answer in answers)
    (pid,) = workers_of(home)
    for client in clients:
        await client.close()
    assert not await gone({pid}, 10), "it leaves when idle"


async def test_a_killed_worker_fails_what_it_did_and_the_next_request_gets_a_new_one(
    home: Home,
) -> None:
    lost: list[bool] = []
    client = WorkerClient(home, version=VERSION, on_lost=lambda: lost.append(True))
    assert await client.request(wire.SEARCH, {"query": "web"}) == {"hits": [], "unmatched": []}
    (first,) = workers_of(home)
    assert client.connected

    os.kill(first, signal.SIGSTOP)
    waiting = [
        asyncio.create_task(client.request(wire.SEARCH, {"query": f"web-{number}"}))
        for number in range(3)
    ]
    await asyncio.sleep(0.1)
    os.kill(first, signal.SIGKILL)
    for request in waiting:
        with pytest.raises(WorkerLostError):
            await asyncio.wait_for(request, 5)
    assert lost == [True]
    assert not client.connected

    assert await client.request(wire.SEARCH, {"query": "web"}) == {"hits": [], "unmatched": []}
    (second,) = workers_of(home)
    assert second != first
    assert lost == [True]
    await client.close()
    assert lost == [True], "an end of our own making is no loss"


@needs_memory
async def test_a_shard_cut_short_while_it_is_mapped_ends_the_worker_alone(home: Home) -> None:
    with StorageService.open(home) as storage:
        storage.estate.bulk_upsert(estate(300))
    lost: list[bool] = []
    client = WorkerClient(home, version=VERSION, on_lost=lambda: lost.append(True))

    async def indexed() -> dict[str, Any]:
        found: dict[str, Any] = (await client.request(wire.INDEX_STATUS))["collections"][0]
        return found

    assert (await indexed())["points"] == 300
    (first,) = workers_of(home)
    mapped = _mapped_by(first)
    assert mapped
    for path in mapped:
        os.truncate(path, 0)
    # The kernel sends SIGBUS to whoever reads there: no process can answer after that. A search may
    # find all it needs elsewhere; a comparison reads every point.
    with pytest.raises(WorkerLostError):
        await indexed()
    assert lost == [True]
    found = await client.request(wire.SEARCH, {"query": "app3 production"})
    assert found["hits"]
    again = await indexed()
    assert (again["points"], again["missing"], again["stale"], again["extra"]) == (300, 0, 0, 0)
    (second,) = workers_of(home)
    assert second != first
    await client.close()
    # What the first one could not clear away, the second did.
    assert not any(map(os.path.exists, mapped))


def _mapped_by(pid: int) -> set[str]:
    """Return the files of a search index that a process has mapped."""
    maps = Path(f"/proc/{pid}/maps").read_text().splitlines()
    return {line.split(maxsplit=5)[5] for line in maps if f"/{PREFIX}" in line}


async def test_a_worker_of_another_version_makes_room(home: Home) -> None:
    lost: list[bool] = []
    client = WorkerClient(home, version=VERSION)
    await client.request(wire.HEALTH)
    (old,) = workers_of(home)
    await client.close()

    class Newer(WorkerClient):
        """Takes the second worker that it meets for one of its own version."""

        met: list[int]

        async def _open(self, deadline: float) -> Any:
            protocol = await super()._open(deadline)
            self.met = [*getattr(self, "met", []), *workers_of(home)]
            if len(set(self.met)) > 1:
                self._version = VERSION
            return protocol

    newer = Newer(home, version="999", on_lost=lambda: lost.append(True))
    assert (await newer.request(wire.HEALTH))["parts"]
    (new,) = workers_of(home)
    assert new != old
    assert lost == []
    await newer.close()


async def test_a_worker_without_the_passphrase_makes_room_for_one_that_has_it(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("CLOUDOPS_PASSPHRASE", "wrong")
        others = [connect_worker(home) for _ in range(2)]
        for client in others:
            with pytest.raises(CloudOpsError, match="passphrase does not open"):
                await client.request(wire.HEALTH)
        (wrong,) = workers_of(home)
        await others[1].close()
    # An editor that was started with the wrong one keeps its connection to it.
    client = connect_worker(home)
    assert (await client.request(wire.HEALTH))["parts"]
    (right,) = workers_of(home)
    assert right != wrong
    # And is served as well from now on.
    assert (await others[0].request(wire.HEALTH))["parts"]
    await client.close()
    await others[0].close()


async def test_a_passphrase_that_is_set_after_the_first_failure_counts_at_once(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.wrapped_key.unlink()
    with monkeypatch.context() as before:
        before.delenv("CLOUDOPS_PASSPHRASE")
        before.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
        client = connect_worker(home)
        with pytest.raises(CloudOpsError, match="no keychain"):
            await client.request(wire.HEALTH)
        await client.close()
    client = connect_worker(home)
    assert (await client.request(wire.HEALTH))["parts"]
    await client.close()


async def test_a_worker_that_cannot_start_is_said_at_once(home: Home) -> None:
    home.log.mkdir()
    client = WorkerClient(home, version=VERSION)
    with pytest.raises(CloudOpsError, match="could not start") as caught:
        await asyncio.wait_for(client.request(wire.HEALTH), 15)
    assert str(home.log) in str(caught.value)
    await client.close()


async def test_a_closed_client_starts_nothing(home: Home) -> None:
    client = WorkerClient(home, version=VERSION)
    await client.notify(wire.CANCEL_SCAN)
    await client.close()
    with pytest.raises(CloudOpsError):
        await client.request(wire.HEALTH)
    assert not workers_of(home)


async def test_a_socket_left_by_a_crash_is_no_obstacle(home: Home) -> None:
    client = WorkerClient(home, version=VERSION)
    await client.request(wire.HEALTH)
    (pid,) = workers_of(home)
    os.kill(pid, signal.SIGKILL)
    await gone({pid}, 5)
    assert wire.socket_path(home).exists()
    other = WorkerClient(home, version=VERSION)
    assert (await other.request(wire.HEALTH))["parts"]
    await client.close()
    await other.close()

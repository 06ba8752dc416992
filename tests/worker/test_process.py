"""The worker's process: one per home, answering many, leaving when nobody needs it."""

from __future__ import annotations

import asyncio
import stat
import threading
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from cloudops_ls.errors import CloudOpsError, RetryableError
from cloudops_ls.worker import wire
from cloudops_ls.worker.client import WorkerClient
from cloudops_ls.worker.process import WorkerProcess

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from cloudops_ls.home import Home

VERSION = "1.0"
SECRET = "pg-instance-main1"


class SmallService:
    """What the worker offers, with methods that a test can hold and make fail."""

    def __init__(self, notify: Callable[[str, dict[str, Any]], None]) -> None:
        self.busy = False
        self.abandoned = 0
        self.closed = False
        self.go_on = threading.Event()
        self.methods: Mapping[str, Callable[[dict[str, Any]], Any]] = {
            wire.SEARCH: lambda params: [params],
            wire.CHECK: self._refuse,
            wire.REFRESH: self._crash,
            wire.HEALTH: lambda _params: {"went_on": self.go_on.wait(10)},
            wire.SCAN: lambda params: notify(wire.SCAN_PROGRESS, params),
        }

    def _refuse(self, params: dict[str, Any]) -> None:
        kind = RetryableError if params.get("retryable") else CloudOpsError
        raise kind("It went wrong", where="profile 'x'", fix="Sign in")

    def _crash(self, _params: dict[str, Any]) -> None:
        raise KeyError(SECRET)

    def abandon(self) -> None:
        self.abandoned += 1

    def close(self) -> None:
        self.closed = True
        self.go_on.set()


class Running:
    """A worker in this process, and what it built."""

    def __init__(self, home: Home, *, idle_seconds: float = 60, failures: int = 0) -> None:
        self.services: list[SmallService] = []
        self._failures = failures
        self.process = WorkerProcess(home, self._build, version=VERSION, idle_seconds=idle_seconds)

    def _build(self, notify: Callable[[str, dict[str, Any]], None]) -> SmallService:
        if self._failures:
            self._failures -= 1
            raise CloudOpsError("The keychain is locked", fix="Unlock it")
        service = SmallService(notify)
        self.services.append(service)
        return service


@asynccontextmanager
async def running(home: Home, **details: Any) -> AsyncIterator[Running]:
    worker = Running(home, **details)
    task = asyncio.create_task(worker.process.run())
    while not wire.socket_path(home).exists() and not task.done():  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    try:
        yield worker
        client = WorkerClient(home, version=VERSION)
        await client.request(wire.SEARCH)
        await client.notify(wire.STOP)
        await asyncio.wait_for(task, 10)
        await client.close()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_requests_are_answered_also_while_another_one_takes_long(home: Home) -> None:
    async with running(home) as worker:
        client = WorkerClient(home, version=VERSION)
        slow = asyncio.create_task(client.request(wire.HEALTH))
        for number in range(3):
            assert await client.request(wire.SEARCH, {"n": number}) == [{"n": number}]
        assert not slow.done()
        worker.services[0].go_on.set()
        assert await slow == {"went_on": True}
        assert len(worker.services) == 1
        await client.close()
    assert worker.services[0].closed


@pytest.mark.parametrize("retryable", [True, False])
async def test_expected_failures_arrive_whole(home: Home, retryable: bool) -> None:
    async with running(home):
        client = WorkerClient(home, version=VERSION)
        with pytest.raises(CloudOpsError) as caught:
            await client.request(wire.CHECK, {"retryable": retryable})
        assert str(caught.value) == "It went wrong (profile 'x'). Sign in."
        assert isinstance(caught.value, RetryableError) is retryable
        await client.close()


async def test_an_unexpected_failure_is_said_without_its_text(home: Home) -> None:
    async with running(home):
        client = WorkerClient(home, version=VERSION)
        with pytest.raises(CloudOpsError) as caught:
            await client.request(wire.REFRESH)
        assert SECRET not in str(caught.value)
        assert await client.request(wire.SEARCH, {}) == [{}]
        await client.close()


async def test_every_client_is_notified(home: Home) -> None:
    async with running(home):
        heard: list[tuple[int, str, dict[str, Any]]] = []

        def hear(client: int) -> Callable[[str, dict[str, Any]], None]:
            return lambda method, params: heard.append((client, method, params))

        clients = [WorkerClient(home, version=VERSION, on_notification=hear(n)) for n in (0, 1)]
        for client in clients:
            await client.request(wire.SEARCH)
        await clients[0].request(wire.SCAN, {"done": 1})
        async with asyncio.timeout(5):
            while len(heard) < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert sorted(heard) == [(n, wire.SCAN_PROGRESS, {"done": 1}) for n in (0, 1)]
        for client in clients:
            await client.close()


async def test_only_one_serves_a_home_and_only_its_user_reaches_it(home: Home) -> None:
    async with running(home):
        assert await asyncio.wait_for(Running(home).process.run(), 5) is False
        path = wire.socket_path(home)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert not path.exists()


async def test_a_service_that_cannot_be_built_is_tried_again(home: Home) -> None:
    async with running(home, failures=1) as worker:
        client = WorkerClient(home, version=VERSION)
        with pytest.raises(CloudOpsError, match="keychain is locked"):
            await client.request(wire.SEARCH)
        assert worker.services == []
        assert await client.request(wire.SEARCH, {}) == [{}]
        await client.close()


async def test_it_leaves_when_idle_but_not_before(home: Home) -> None:
    worker = Running(home, idle_seconds=0.3)
    task = asyncio.create_task(worker.process.run())
    await asyncio.sleep(0.05)
    client = WorkerClient(home, version=VERSION)
    await client.request(wire.SEARCH)
    await asyncio.sleep(0.8)
    assert not task.done(), "a client is connected"
    (service,) = worker.services
    assert service.abandoned == 0
    service.busy = True
    await client.close()
    await asyncio.sleep(0.8)
    assert service.abandoned == 1, "its last client has gone"
    assert not task.done(), "it is at work"
    service.busy = False
    assert await asyncio.wait_for(task, 5) is True
    assert service.closed
    assert not wire.socket_path(home).exists()


async def test_rubbish_on_the_socket_does_not_disturb_others(home: Home) -> None:
    async with running(home):
        client = WorkerClient(home, version=VERSION)
        await client.request(wire.SEARCH)
        for rubbish in (
            b"GET / HTTP/1.1\r\n\r\n",
            b"Content-Length: 5\r\n\r\n{nope",
            b"Content-Length: 2\r\n\r\n[]",
            b"Content-Length: 999\r\n\r\nshort",
        ):
            _, writer = await asyncio.open_unix_connection(str(wire.socket_path(home)))
            writer.write(rubbish)
            await writer.drain()
            writer.close()
        assert await client.request(wire.SEARCH, {}) == [{}]
        await client.close()

"""The front ends' way to the worker: found or started on demand, replaced when it dies."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

from pygls.exceptions import JsonRpcException
from pygls.io_ import run_async
from pygls.server import JsonRPCServer

from cloudops_ls.errors import CloudOpsError, RetryableError
from cloudops_ls.logs import logger
from cloudops_ls.worker import wire

if TYPE_CHECKING:
    from collections.abc import Callable

    from cloudops_ls.home import Home

_START_SECONDS = 30.0
_POLL_SECONDS = 0.05


class WorkerLostError(RetryableError):
    """The worker died while it was answering."""

    def __init__(self) -> None:
        super().__init__(
            "The background process stopped while it was working",
            fix="Do it again; a new one is started",
        )


class WorkerClient:
    """One front end's connection to the worker of a home.

    Must be used from one event loop.

    Parameters
    ----------
    home
        Whose worker to talk to.
    version
        This program's version; a worker of another version is asked to leave.
    opens
        Whether this process could open the store, asked when the worker cannot: one that was
        started without the passphrase, or with a wrong one, is asked to leave then.
    on_notification
        Called in the event loop with method and parameters of each notification.
    on_lost
        Called in the event loop when the worker dies while connected.
    on_connected
        Called in the event loop when a worker is connected, such as after one was lost.
    """

    def __init__(
        self,
        home: Home,
        *,
        version: str,
        opens: Callable[[], bool] = lambda: False,
        on_notification: Callable[[str, dict[str, Any]], None] | None = None,
        on_lost: Callable[[], None] | None = None,
        on_connected: Callable[[], None] | None = None,
    ) -> None:
        self._home = home
        self._version = version
        self._opens = opens
        self._on_notification = on_notification or (lambda _method, _params: None)
        self._on_lost = on_lost or (lambda: None)
        self._on_connected = on_connected or (lambda: None)
        self._connecting = asyncio.Lock()
        self._protocol: wire.WireProtocol | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None
        self._stop = threading.Event()
        self._closed = False

    @property
    def connected(self) -> bool:
        """Whether a worker is answering right now."""
        return self._protocol is not None

    async def request(self, method: str, params: dict[str, Any] | None = None) -> Any:
        """Ask the worker, starting one if there is none.

        Returns
        -------
        Any
            The JSON result.

        Raises
        ------
        CloudOpsError
            What the worker reported, or that it cannot be started.
        WorkerLostError
            It died before it answered. Nothing is sent twice: the caller decides.
        """
        protocol = await self._connect()
        try:
            return await protocol.send_request_async(method, params or {})
        except JsonRpcException as error:
            raise wire.from_wire(error) from None

    async def notify(self, method: str, params: dict[str, Any] | None = None) -> None:
        """Tell the worker something, if there is one; never starts one."""
        if self._protocol is not None:
            self._protocol.notify(method, params or {})

    async def close(self) -> None:
        """Disconnect. The worker stays for others and leaves when idle."""
        self._closed = True
        self._stop.set()
        if self._writer is not None:
            self._writer.close()
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)

    async def _connect(self) -> wire.WireProtocol:
        async with self._connecting:
            if self._protocol is not None:
                return self._protocol
            if self._closed:
                raise CloudOpsError("The connection to the background process is closed")
            deadline = asyncio.get_running_loop().time() + _START_SECONDS
            while True:
                protocol = await self._open(deadline)
                try:
                    async with asyncio.timeout_at(deadline):
                        hello = await protocol.send_request_async(wire.HELLO, {})
                except WorkerLostError:
                    # It was just leaving. Nothing was asked of it yet, so another may be.
                    continue
                except TimeoutError:
                    raise _not_in_time() from None
                locked_out = hello.get("locked_out") and await asyncio.to_thread(self._opens)
                if hello.get("version") == self._version and not locked_out:
                    self._protocol = protocol
                    self._on_connected()
                    return protocol
                logger.info("a worker of another version or without the key is asked to leave")
                protocol.notify(wire.STOP, {})
                await asyncio.wait([self._reading] if self._reading else [], timeout=5)

    async def _open(self, deadline: float) -> wire.WireProtocol:
        """Open the socket, starting a worker where none listens."""
        path = wire.socket_path(self._home)
        started: subprocess.Popen[bytes] | None = None
        while True:
            if asyncio.get_running_loop().time() > deadline:
                raise _not_in_time()
            try:
                reader, writer = await asyncio.open_unix_connection(str(path))
                break
            except (FileNotFoundError, ConnectionRefusedError):
                if started is None:
                    started = await asyncio.to_thread(start_worker, self._home)
                elif started.poll() == 0:
                    # Another worker held the lock. If it was leaving, the next try wins.
                    started = None
                elif started.poll() is not None:
                    raise CloudOpsError(
                        "The background process could not start",
                        where=str(self._home.log),
                        fix="Read the end of that log",
                    ) from None
                await asyncio.sleep(_POLL_SECONDS)
        peer = JsonRPCServer(wire.WireProtocol, wire.plain_converter)
        protocol = peer.protocol
        assert isinstance(protocol, wire.WireProtocol)  # noqa: S101 -- narrows for the type checker
        for method in wire.NOTIFICATIONS:
            peer.feature(method)(self._receiver(method))
        protocol.set_writer(writer)
        self._writer = writer
        self._reading = asyncio.create_task(self._read(reader, protocol))
        return protocol

    def _receiver(self, method: str) -> Callable[[dict[str, Any]], None]:
        def receive(params: dict[str, Any]) -> None:
            self._on_notification(method, params)

        return receive

    async def _read(self, reader: asyncio.StreamReader, protocol: wire.WireProtocol) -> None:
        try:
            await run_async(stop_event=self._stop, reader=reader, protocol=protocol)
        except (ConnectionError, asyncio.IncompleteReadError):
            logger.info("the connection to the worker broke")
        finally:
            greeted = self._protocol is protocol
            if greeted:
                self._protocol = None
            protocol.cancel_all(WorkerLostError())
            if greeted and not self._closed:
                self._on_lost()


def _not_in_time() -> RetryableError:
    return RetryableError("The background process did not start in time", fix="Try again")


def start_worker(home: Home) -> subprocess.Popen[bytes]:
    """Start a worker that outlives this process; harmless when one is already running."""
    home.create()
    return subprocess.Popen(
        [sys.executable, "-m", "cloudops_ls", "worker", "--home", str(home.root)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd=str(home.root),
    )

"""The worker process: one per home, serving every client over a Unix socket."""

from __future__ import annotations

import asyncio
import fcntl
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Protocol

from pygls.io_ import run_async
from pygls.server import JsonRPCServer

from cloudops_ls.errors import CloudOpsError, NotUnlockedError
from cloudops_ls.logs import logger
from cloudops_ls.worker import wire

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from cloudops_ls.home import Home


class Service(Protocol):
    """What the worker offers; built once, on the first request that needs it."""

    @property
    def methods(self) -> Mapping[str, Callable[[dict[str, Any]], Any]]:
        """Blocking, thread-safe methods by their name on the wire."""

    @property
    def busy(self) -> bool:
        """Whether work is under way that must not be cut off by idleness."""

    def abandon(self) -> None:
        """Stop what is under way: nobody is left who waits for it."""

    def close(self) -> None:
        """Stop what is under way and release everything."""


class WorkerProcess:
    """Listens, dispatches, and leaves when nobody has needed it for a while.

    Parameters
    ----------
    home
        Whose worker this is.
    build
        Builds the service; given a thread-safe function that notifies every client.
    version
        Sent in the greeting, so that a client of another version can ask for a new worker.
    idle_seconds
        How long to stay without a client.
    """

    def __init__(
        self,
        home: Home,
        build: Callable[[Callable[[str, dict[str, Any]], None]], Service],
        *,
        version: str,
        idle_seconds: float,
    ) -> None:
        self._home = home
        self._build = build
        self._version = version
        self._idle_seconds = idle_seconds
        self._threads = ThreadPoolExecutor(max_workers=8, thread_name_prefix="worker")
        self._peers: set[JsonRPCServer] = set()
        self._service: Service | None = None
        self._building = asyncio.Lock()
        self._locked_out = False
        self._leave = asyncio.Event()
        self._stop = threading.Event()

    async def run(self) -> bool:
        """Serve until idle or asked to stop.

        Returns
        -------
        bool
            False when another worker already serves this home.
        """
        self._home.create()
        lock = os.open(wire.lock_path(self._home), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            # The kernel drops the lock with the process, however it ends.
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return False
        path = wire.socket_path(self._home)
        path.unlink(missing_ok=True)
        server = await asyncio.start_unix_server(self._connected, str(path))
        path.chmod(0o600)
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(_log_failure)
        logger.info("worker %d listens", os.getpid())
        try:
            await self._until_idle()
        finally:
            path.unlink(missing_ok=True)
            server.close()
            await self._close()
            os.close(lock)
        logger.info("worker %d leaves", os.getpid())
        return True

    async def _until_idle(self) -> None:
        idle_since = self._loop.time()
        tick = min(1.0, self._idle_seconds / 4)
        while not self._leave.is_set():
            if self._peers or (self._service is not None and self._service.busy):
                idle_since = self._loop.time()
            elif self._loop.time() - idle_since > self._idle_seconds:
                return
            try:
                await asyncio.wait_for(self._leave.wait(), tick)
            except TimeoutError:
                continue

    async def _close(self) -> None:
        self._stop.set()
        for peer in list(self._peers):
            if peer.protocol.writer is not None:
                peer.protocol.writer.close()
        if self._service is not None:
            await asyncio.to_thread(self._service.close)
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = JsonRPCServer(wire.WireProtocol, wire.plain_converter)
        # pygls marks its handlers, which bound methods do not allow.
        peer.feature(wire.HELLO)(lambda params: self._hello(params))
        peer.feature(wire.STOP)(lambda _params: self._leave.set())
        for method in wire.SERVICE_METHODS:
            peer.feature(method)(self._handler(method))
        peer.protocol.set_writer(writer)
        self._peers.add(peer)
        try:
            await run_async(stop_event=self._stop, reader=reader, protocol=peer.protocol)
        except (ConnectionError, asyncio.IncompleteReadError):
            logger.info("a client went away")
        finally:
            self._peers.discard(peer)
            writer.close()
            if not self._peers and self._service is not None:
                self._service.abandon()

    def _hello(self, _params: dict[str, Any]) -> dict[str, Any]:
        return {
            "version": self._version,
            "pid": os.getpid(),
            "locked_out": self._service is None and self._locked_out,
        }

    def _handler(self, method: str) -> Callable[[dict[str, Any]], Awaitable[Any]]:
        async def handle(params: dict[str, Any]) -> Any:
            try:
                service = await self._get_service()
                call = service.methods[method]
                return await self._loop.run_in_executor(self._threads, call, params)
            except CloudOpsError as error:
                raise wire.to_wire(error) from None
            except Exception:  # a defect: pygls answers the client, this is for the log
                logger.exception("%s failed", method)
                raise

        return handle

    async def _get_service(self) -> Service:
        """Build the service once. A failure, such as a locked keychain, is tried again."""
        async with self._building:
            if self._service is None:
                try:
                    self._service = await self._loop.run_in_executor(
                        self._threads, self._build, self._notify_all
                    )
                except NotUnlockedError:
                    # Nor will it ever, since an environment stays as it is: clients are told.
                    self._locked_out = True
                    raise
            return self._service

    def _notify_all(self, method: str, params: dict[str, Any]) -> None:
        """Notify every client; callable from any thread."""

        def send() -> None:
            for peer in list(self._peers):
                peer.protocol.notify(method, params)

        self._loop.call_soon_threadsafe(send)


def _log_failure(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log what failed outside of any request; the context's texts may hold user data."""
    error = context.get("exception")
    if isinstance(error, asyncio.CancelledError):
        # A peer's connection, ended with this process.
        return
    logger.error("a task failed", exc_info=error if isinstance(error, BaseException) else None)

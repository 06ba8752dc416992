"""One request to the worker, from a command that then ends."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from rich.console import Console

from cloudops_ls.composition import connect_worker
from cloudops_ls.errors import CloudOpsError
from cloudops_ls.storage.locks import FileLock
from cloudops_ls.worker import wire

if TYPE_CHECKING:
    from collections.abc import Callable

    from cloudops_ls.home import Home

STOP_SECONDS = 10.0


def ask_worker(
    home: Home,
    method: str,
    params: dict[str, Any],
    on_notification: Callable[[str, dict[str, Any]], None] | None = None,
    cancel: str | None = None,
) -> Any:
    """Return the worker's answer, starting a worker if there is none.

    Parameters
    ----------
    cancel
        The method that stops the work; sent when the operator presses Ctrl-C.

    Raises
    ------
    CloudOpsError
        What the worker reported, or that it cannot be started.
    """

    def hear(kind: str, message: dict[str, Any]) -> None:
        if kind == wire.WORKER_MESSAGE:
            Console(stderr=True).print(str(message.get("message", "")), markup=False)
        elif on_notification is not None:
            on_notification(kind, message)

    async def ask() -> Any:
        worker = connect_worker(home, hear)
        try:
            return await worker.request(method, params)
        except asyncio.CancelledError:
            if cancel is not None:
                await worker.notify(cancel)
            raise
        finally:
            await worker.close()

    return asyncio.run(ask())


def stop_worker(home: Home) -> None:
    """End the worker, if there is one, and wait; editors start another when they need it."""
    home.create()
    running = FileLock(wire.lock_path(home))
    if running.acquire():
        running.release()
        return

    async def ask() -> None:
        worker = connect_worker(home)
        try:
            await worker.request(wire.HELLO, {})
            await worker.notify(wire.STOP, {})
            running.wait(timeout=STOP_SECONDS, doing="ending its work")
        finally:
            running.release()
            await worker.close()

    # Whoever wants the store alone says better what is in the way.
    with contextlib.suppress(CloudOpsError):
        asyncio.run(ask())

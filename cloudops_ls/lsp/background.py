"""The shared background process as an editor's session sees it: its news, its end, its clock."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from lsprotocol import types

from cloudops_ls.errors import CloudOpsError
from cloudops_ls.logs import logger
from cloudops_ls.lsp.guard import show

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cloudops_ls.lsp.session import Session

_SYNC_AFTER = 10.0
"""Seconds after the start before a worker is started for synchronising alone."""
_SYNC_CHECK = 60.0
_LOSS_SECONDS = 60.0
"""Within this after a worker's end, another one is told only to those whose command failed."""


class Background:
    """Listens to the worker, and has one running where there is an estate to keep fresh.

    Parameters
    ----------
    session
        Whose worker it is.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._watchers: list[tuple[str, Callable[[dict[str, Any]], None]]] = []
        self._lost_at = -_LOSS_SECONDS
        self.loss_told = False
        """Whether the operator was told of the worker's last end, beside any failed command."""

    @contextmanager
    def watching(self, method: str, watcher: Callable[[dict[str, Any]], None]) -> Iterator[None]:
        """Call ``watcher`` with the parameters of every such notification of the worker."""
        entry = (method, watcher)
        self._watchers.append(entry)
        try:
            yield
        finally:
            self._watchers.remove(entry)

    def notified(self, method: str, params: dict[str, Any]) -> None:
        """Take in a notification of the worker."""
        from cloudops_ls.worker import wire

        for watched, watcher in list(self._watchers):
            if watched == method:
                watcher(params)
        if method == wire.ESTATE_CHANGED:
            self._session.spawn(self._session.reload_names(tuple(params.get("gone") or ())))
        elif method == wire.WORKER_MESSAGE:
            text = str(params.get("message", ""))
            if self._session.report_once(text):
                show(self._session.server, text)

    def connected(self) -> None:
        """Take in that a connection to a worker has been made."""
        self._session.spawn(self.configure_sync())

    async def configure_sync(self) -> None:
        """Tell a connected worker what this editor's settings say about the estate."""
        if not self._session.worker_connected:
            return
        from cloudops_ls.worker import wire

        settings = self._session.settings.estate.model_dump(mode="json")
        await self._session.worker.request(
            wire.CONFIGURE_SYNC, {"settings": settings, "profile": self._session.default_profile}
        )

    async def keep_fresh(self) -> None:
        """Have a worker running, which synchronises by the clock, once there is an estate.

        Not at once: an editor that has just been opened has better things to do.
        """
        await asyncio.sleep(_SYNC_AFTER)
        from cloudops_ls.worker import wire

        session = self._session
        while True:
            wanted = session.settings.estate.sync and len(session.estate.names) > 0
            if wanted and not session.worker_connected:
                try:
                    await session.worker.request(wire.SYNC_STATUS)
                except CloudOpsError as error:
                    # Whoever asks for something will be told; the clock only tries again.
                    logger.info("no worker for synchronising: %s", type(error).__name__)
            await asyncio.sleep(_SYNC_CHECK)

    def lost(self) -> None:
        """Take in that the worker has ended."""
        # A worker that dies again and again, such as for want of memory, is no news each time.
        now = asyncio.get_running_loop().time()
        self.loss_told = now - self._lost_at > _LOSS_SECONDS
        self._lost_at = now
        if self.loss_told:
            show(
                self._session.server,
                "The CloudOps background process stopped. What it was doing is to be done again; "
                "a new one is started for it. Completion and hover go on with what is known.",
                types.MessageType.Warning,
            )

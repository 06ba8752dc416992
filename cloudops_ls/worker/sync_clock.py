"""The one clock of all editor windows that says when to synchronise."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import TYPE_CHECKING

from cloudops_ls.errors import CloudOpsError
from cloudops_ls.estate.sync.schedule import SyncTimes, next_due
from cloudops_ls.logs import logger
from cloudops_ls.storage.records import SyncKind, now

if TYPE_CHECKING:
    from collections.abc import Callable

    from cloudops_ls.config import EstateSettings
    from cloudops_ls.estate.sync.schedule import Due
    from cloudops_ls.storage.service import StorageService

_TICK = 30.0
"""Seconds: the clock may have been set, or the machine have slept."""
_SETTLE = 3.0
"""Seconds an editor has for itself before anything is synchronised."""


class SyncClock:
    """Synchronises when it is due, on a thread of its own, as long as an editor is open.

    Parameters
    ----------
    storage
        Knows what was done when.
    settings, profile
        What the home's own file says.
    synchronise
        Does it, with the settings and the profile that count then.

    Attributes
    ----------
    settings, profile
        Those of the editor that spoke last, else of the home's own file.
    """

    def __init__(
        self,
        storage: StorageService,
        settings: EstateSettings,
        profile: str,
        synchronise: Callable[[SyncKind, EstateSettings, str], object],
    ) -> None:
        self._storage = storage
        self._file_settings = settings
        self.settings = settings
        self.profile = profile
        self._synchronise = synchronise
        self._closing = threading.Event()
        self._watched = False
        self._nudge = threading.Event()

    def start(self) -> None:
        """Begin to watch; nothing happens before an editor says what to keep fresh."""
        threading.Thread(target=self._keep_fresh, name="sync", daemon=True).start()

    def watch(self, settings: EstateSettings, profile: str) -> None:
        """Keep fresh what an editor says; the last one to say something counts."""
        self.settings = settings
        self.profile = profile
        if not self._watched:
            self._watched = True
            self._nudge.set()

    def abandon(self) -> None:
        """Synchronise no more: no window is left to read it."""
        self._watched = False
        self.settings = self._file_settings

    def close(self) -> None:
        """End the thread, as soon as a synchronisation under way has ended."""
        self._closing.set()
        self._nudge.set()

    def due(self) -> Due | None:
        """Return what comes next; None while something keeps the clock from it."""
        if self.waits_for() is not None:
            return None
        times = SyncTimes(
            timedelta(hours=self.settings.full_sync_hours),
            timedelta(minutes=self.settings.incremental_sync_minutes),
        )
        return next_due(self._storage.sync.runs(limit=50), times, now())

    def waits_for(self) -> str | None:
        """Return what keeps the clock from synchronising."""
        if not self.settings.sync:
            return "the setting estate.sync is off"
        if not self._watched:
            return "no editor is open"
        if not self._storage.sync.scopes():
            # The first scan of an account is somebody's decision.
            return "the estate has never been scanned"
        return None

    def _keep_fresh(self) -> None:
        while not self._closing.is_set():
            due = self.due()
            pause = _TICK if due is None else (due.at - now()).total_seconds()
            if self._nudge.wait(min(max(pause, 0), _TICK)):
                self._nudge.clear()
                # An editor has just come: its first requests go first.
                self._closing.wait(_SETTLE)
                continue
            if due is None or due.at > now() or self._closing.is_set():
                continue
            try:
                self._synchronise(due.kind, self.settings, self.profile)
            except CloudOpsError as error:
                logger.info("synchronisation: %s", type(error).__name__)
                self._closing.wait(_TICK)
            except Exception:  # a defect here must not stop the clock
                logger.exception("synchronisation failed")
                self._closing.wait(_TICK)

"""How a backup gets into the store: aside and proven first, what it replaces kept, then at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cloudops_ls.storage.backup.aside import Aside
from cloudops_ls.storage.backup.layout import date_name
from cloudops_ls.storage.backup.local_file import export_file
from cloudops_ls.storage.backup.records import Restored
from cloudops_ls.storage.backup.restoring import RestoreMode, Restorer
from cloudops_ls.storage.records import now

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from cloudops_ls.home import Home
    from cloudops_ls.storage.audit import AuditLog
    from cloudops_ls.storage.backup.documents import Stream
    from cloudops_ls.storage.backup.progress import Watch
    from cloudops_ls.storage.backup.sealers import Sealer
    from cloudops_ls.storage.backup.writing import Origin
    from cloudops_ls.storage.database import Database
    from cloudops_ls.storage.sync import SyncState

SCAN_WAIT = 30.0
"""Seconds to wait for a scan that is under way."""
_BEFORE = "before-restore-"


@dataclass(frozen=True, slots=True)
class StoreEntry:
    """The way into one store.

    Attributes
    ----------
    database, audit, sync, home
        The store.
    origin, sealer
        What the copy of what is replaced says of itself, and who can open it.
    watch
        Told of every step.
    """

    database: Database
    audit: AuditLog
    sync: SyncState
    home: Home
    origin: Origin
    sealer: Sealer
    watch: Watch

    def restore(
        self,
        name: str,
        streams: Iterable[Stream],
        chunks: Iterator[tuple[str, bytes]],
        mode: RestoreMode,
    ) -> Restored:
        """Restore a backup; nothing is scanned meanwhile.

        Raises
        ------
        BackupDamagedError
            It is not whole; the store is as it was.
        RetryableError
            A scan or a command is under way.
        """
        scanning = self.sync.lock()
        with (
            scanning.holding(timeout=SCAN_WAIT, doing="scanning the estate"),
            Aside(self.home.data) as aside,
        ):
            aside.load(tuple(streams), chunks, where=name)
            copy = self._safety_copy() if mode is RestoreMode.REPLACE else None
            self.watch.step("Restoring")
            added = Restorer(self.database, self.audit, aside).restore(mode, name)
            self.sync.recover()
            return Restored(name, added, copy)

    def _safety_copy(self) -> Path:
        """Export what is about to be replaced, and keep only this newest copy."""
        data = self.home.data
        older = list(data.glob(f"{_BEFORE}*"))
        moment = now()
        path = data / f"{_BEFORE}{date_name(moment, f'{moment.microsecond:08x}')}.encrypted.tar.gz"
        export_file(self.database, path, self.sealer, self.origin, self.watch)
        for each in older:
            each.unlink(missing_ok=True)
        return path

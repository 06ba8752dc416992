"""Locks in the bucket: backups share one, pruning needs it alone; a dead holder's goes stale.

S3 has no locks, only objects: each holder writes its own, then looks for those of others. Two that
exclude each other both write before they look, so at least one of them sees the other and gives
way. Times are the server's, so a wrong clock here neither breaks a lock nor keeps one.
"""

from __future__ import annotations

import json
import re
import secrets
import threading
import time
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Self

from cloudops_ls.errors import CloudOpsError
from cloudops_ls.logs import logger
from cloudops_ls.storage.backup.errors import BucketBusyError

if TYPE_CHECKING:
    from types import TracebackType

    from cloudops_ls.storage.backup.layout import Layout
    from cloudops_ls.storage.backup.object_store import ObjectStore, StoredObject

REFRESH_SECONDS = 300.0
STALE = timedelta(minutes=30)
"""A holder that has not refreshed its lock for so long is taken for dead."""
LOST_SECONDS = 1200.0
"""A holder that could not refresh its lock for so long stops by itself, well before that."""
_NAME = re.compile(r"(shared|exclusive)-([0-9a-f]{16})-([0-9a-f]{16})\.json")


class LockKind(StrEnum):
    """Who may work beside the holder."""

    SHARED = "shared"
    """Others that add or read."""
    EXCLUSIVE = "exclusive"
    """Nobody."""


class BucketLock:
    """One holder's lock; use as a context manager.

    Parameters
    ----------
    store, layout
        The bucket and the user's folder in it.
    kind
        Shared to add, exclusive to delete.
    owner
        The store's id. Only one process of a store works on its backups at a time (a file lock
        sees to it), so older locks of the same owner are left over from a crash and removed.

    Raises
    ------
    BucketBusyError
        On entering: another holder excludes this one.
    """

    def __init__(self, store: ObjectStore, layout: Layout, kind: LockKind, owner: str) -> None:
        self._store = store
        self._layout = layout
        self._kind = kind
        self._owner = owner
        self.key = f"{layout.locks}{kind.value}-{owner}-{secrets.token_hex(8)}.json"
        self._ended = threading.Event()
        self._refreshed = time.monotonic()

    def __enter__(self) -> Self:
        self._write()
        try:
            for other, kind, owner in self._others():
                if owner == self._owner or self._store.now() - other.modified > STALE:
                    self._store.delete(other.key)
                elif LockKind.EXCLUSIVE in (kind, self._kind):
                    raise BucketBusyError(
                        "Another machine is working on these backups",
                        where=other.key,
                        fix="Try again when it is done; the lock of a dead one goes stale after "
                        f"{STALE.seconds // 60} minutes",
                    )
        except BaseException:
            self._remove()
            raise
        threading.Thread(target=self._keep, name="backup-lock", daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._remove()

    def check(self) -> None:
        """Make sure that the lock is still held, before something that cannot be taken back.

        Raises
        ------
        BucketBusyError
            It is gone, or could not be refreshed: this machine slept or lost its network.
        """
        there = any(each.key == self.key for each in self._store.list(self._layout.locks))
        if not there or time.monotonic() - self._refreshed > LOST_SECONDS:
            raise BucketBusyError(
                "The lock on the backups was lost, as by a machine that slept",
                where=self.key,
                fix="Do it again; nothing that others rely on was removed",
            )

    def deleters(self) -> bool:
        """Return whether anyone holds, or died holding, an exclusive lock."""
        return any(kind is LockKind.EXCLUSIVE for _, kind, _ in self._others())

    def _others(self) -> list[tuple[StoredObject, LockKind, str]]:
        found = []
        for each in self._store.list(self._layout.locks):
            match = _NAME.fullmatch(each.key.removeprefix(self._layout.locks))
            if match is not None and each.key != self.key:
                found.append((each, LockKind(match[1]), match[2]))
        return found

    def _write(self) -> None:
        self._store.put(self.key, json.dumps({"kind": self._kind.value}).encode())
        self._refreshed = time.monotonic()

    def _remove(self) -> None:
        try:
            self._store.delete(self.key)
        except CloudOpsError as error:
            # It goes stale by itself.
            logger.info("a lock in the bucket stays behind: %s", type(error).__name__)

    def _keep(self) -> None:
        while not self._ended.wait(REFRESH_SECONDS):
            try:
                self._write()
            except CloudOpsError as error:
                logger.warning("the lock was not refreshed: %s", type(error).__name__)
        # A refresh that was under way when the lock was given back.
        self._remove()

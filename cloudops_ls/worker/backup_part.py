"""The worker's part for backups: made when due and on demand, and everything done with them."""

from __future__ import annotations

import threading
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from cloudops_ls.errors import CloudOpsError
from cloudops_ls.logs import logger
from cloudops_ls.worker import wire

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cloudops_ls.storage.backup.progress import Step, Watch
    from cloudops_ls.storage.backup.pruning import Pruned
    from cloudops_ls.storage.backup.records import Restored
    from cloudops_ls.storage.backup.restoring import RestoreMode
    from cloudops_ls.storage.backups import Backups
    from cloudops_ls.storage.recovery_key import RecoveryKey
    from cloudops_ls.storage.service import StorageService
    from cloudops_ls.worker.service import Notify

T = TypeVar("T")

POLL_SECONDS = 60.0
"""How often the schedule is looked at; short, because clocks jump and machines sleep."""


class BackupPart:
    """Runs operations on backups, one at a time, and the schedule.

    There is one worker for all windows of a home, and so one schedule.

    Parameters
    ----------
    storage
        The store.
    notify
        Notifies every client; callable from any thread.
    poll_seconds
        How often the schedule is looked at.
    """

    def __init__(
        self, storage: StorageService, notify: Notify, *, poll_seconds: float = POLL_SECONDS
    ) -> None:
        self._storage = storage
        self._notify = notify
        self._poll_seconds = poll_seconds
        self._asked: set[threading.Event] = set()
        self._closing = threading.Event()
        self._scheduled = False
        self._woken = threading.Event()
        self._thread: threading.Thread | None = None
        self.methods: Mapping[str, Callable[[dict[str, Any]], Any]] = {
            wire.BACKUP: self.make,
            wire.BACKUPS: self.list,
            wire.VERIFY_BACKUPS: self.verify,
            wire.RESTORE_BACKUP: self.restore,
            wire.PRUNE_BACKUPS: self.prune,
            wire.REMOVE_BACKUP: self.remove,
            wire.EXPORT_STORE: self.export,
            wire.IMPORT_STORE: self.import_,
            wire.BACKUP_SCHEDULE: self.schedule,
            wire.CANCEL_BACKUP: self.cancel,
        }

    @property
    def busy(self) -> bool:
        """Whether anything is under way."""
        return bool(self._asked) or self._scheduled

    def start(self) -> None:
        """Make backups when they are due, on a thread of its own."""
        self._thread = threading.Thread(target=self._keep, name="backups", daemon=True)
        self._thread.start()

    def abandon(self) -> None:
        """Stop what was asked for by callers that are gone; the schedule goes on."""
        self.cancel({})

    def close(self) -> None:
        """Stop everything; an interrupted backup is invisible, and the next one continues it."""
        self._closing.set()
        self._woken.set()
        self.cancel({})
        if self._thread is not None:
            self._thread.join(timeout=10)

    def make(self, _params: dict[str, Any]) -> dict[str, Any]:
        """Make a backup now."""
        written = self._run(lambda backups, watch: backups.backup_to_s3(watch))
        return {
            "name": written.name,
            "created_at": written.manifest.created_at.isoformat(),
            "new_bytes": written.manifest.new_bytes,
            "new_pieces": written.new_chunks,
            "pieces": written.chunks,
        }

    def list(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return all backups, newest first, and how the schedule stands."""
        backups = self._storage.backup
        found = backups.list_backups(_recovery_key(params))
        return {
            "backups": [
                {
                    **asdict(each),
                    "created_at": each.created_at.isoformat() if each.created_at else None,
                }
                for each in found
            ],
            "schedule": self.schedule({}),
        }

    def verify(self, params: dict[str, Any]) -> dict[str, Any]:
        """Check all backups; ``read_data`` reads all content."""
        read_data = bool(params.get("read_data"))
        found = self._run(lambda backups, watch: backups.verify(read_data=read_data, watch=watch))
        return {
            "ok": found.ok,
            "whole": found.whole,
            "damaged": found.damaged,
            "problems": [str(problem) for problem in found.problems],
            "unused": found.unused,
            "read_bytes": found.read_bytes,
        }

    def restore(self, params: dict[str, Any]) -> dict[str, Any]:
        """Restore a backup by ``date``; ``replace`` instead of merging."""
        date, mode, recovery = str(params["date"]), _mode(params), _recovery_key(params)
        return self._restored(
            lambda backups, watch: backups.restore_from_s3(
                date, mode, recovery=recovery, watch=watch
            )
        )

    def prune(self, params: dict[str, Any]) -> dict[str, Any]:
        """Remove what the policy, or ``keep_days``, does not keep."""
        days = params.get("keep_days")
        keep_days = None if days is None else int(days)
        return _pruned(self._run(lambda backups, watch: backups.prune(keep_days, watch)))

    def remove(self, params: dict[str, Any]) -> dict[str, Any]:
        """Remove backups by their whole ``names``, or all that are ``damaged``."""
        names = [str(name) for name in params.get("names", ())]
        damaged = bool(params.get("damaged"))

        def remove(backups: Backups, watch: Watch) -> Pruned:
            found = backups.verify(watch=watch).damaged if damaged else ()
            return backups.remove(sorted({*names, *found}), watch)

        return _pruned(self._run(remove))

    def export(self, params: dict[str, Any]) -> dict[str, Any]:
        """Export everything into the file at ``path``."""
        path, passphrase = Path(str(params["path"])), params.get("passphrase") or None
        rows = self._run(
            lambda backups, watch: backups.export_to_file(path, passphrase=passphrase, watch=watch)
        )
        return {"path": str(path), "rows": rows, "size": path.stat().st_size}

    def import_(self, params: dict[str, Any]) -> dict[str, Any]:
        """Import the file at ``path``; ``replace`` instead of merging."""
        path, mode, recovery = Path(str(params["path"])), _mode(params), _recovery_key(params)
        passphrase = params.get("passphrase") or None
        return self._restored(
            lambda backups, watch: backups.import_from_file(
                path, mode, passphrase=passphrase, recovery=recovery, watch=watch
            )
        )

    def schedule(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return how the schedule stands, after turning it on or off where ``enabled`` says."""
        backups = self._storage.backup
        if params.get("enabled") is not None:
            backups.auto_backup(bool(params["enabled"]))
            self._woken.set()
        state = backups.schedule()
        return {
            "enabled": state.enabled,
            "last_done": state.last_done.isoformat() if state.last_done else None,
            "next_due": state.next_due.isoformat() if state.next_due else None,
            "problem": state.problem,
        }

    def cancel(self, _params: dict[str, Any]) -> None:
        """Stop what callers asked for, at its next step."""
        for each in list(self._asked):
            each.set()

    def _run(self, operation: Callable[[Backups, Watch], T]) -> T:
        """Run an operation that reports its steps and can be cancelled."""
        from cloudops_ls.storage.backup.progress import Watch

        cancelled = threading.Event()
        self._asked.add(cancelled)
        try:
            watch = Watch(self._report, lambda: cancelled.is_set() or self._closing.is_set())
            return operation(self._storage.backup, watch)
        finally:
            self._asked.discard(cancelled)

    def _restored(self, operation: Callable[[Backups, Watch], Restored]) -> dict[str, Any]:
        restored = self._run(operation)
        self._notify(wire.ESTATE_CHANGED, {"generation": self._storage.estate.generation()})
        copy = restored.safety_copy
        return {
            "name": restored.name,
            "added": restored.added,
            "safety_copy": None if copy is None else str(copy),
        }

    def _report(self, step: Step) -> None:
        self._notify(wire.BACKUP_PROGRESS, asdict(step))

    def _keep(self) -> None:
        from cloudops_ls.storage.backup.progress import Watch

        told: str | None = None
        while not self._closing.is_set():
            self._woken.clear()
            try:
                self._scheduled = True
                if self._storage.backup.run_if_due(Watch(cancelled=self._closing.is_set)):
                    told = None
            except CloudOpsError as error:
                logger.warning("the scheduled backup failed: %s", type(error).__name__)
                if not self._closing.is_set() and told != error.what:
                    told = error.what
                    self._notify(wire.WORKER_MESSAGE, {"message": f"Backup: {error}"})
            except Exception:  # a defect here must not end all backups to come
                logger.exception("the scheduled backup failed")
            finally:
                self._scheduled = False
            self._woken.wait(self._poll_seconds)


def _pruned(pruned: Pruned) -> dict[str, Any]:
    return {
        "removed": list(pruned.backups),
        "objects": pruned.objects,
        "size": pruned.size,
        "kept": pruned.kept,
    }


def _mode(params: dict[str, Any]) -> RestoreMode:
    from cloudops_ls.storage.backup.restoring import RestoreMode

    return RestoreMode.REPLACE if params.get("replace") else RestoreMode.MERGE


def _recovery_key(params: dict[str, Any]) -> RecoveryKey | None:
    from cloudops_ls.storage.recovery_key import RecoveryKey

    text = params.get("recovery_key")
    return None if not text else RecoveryKey.parse(str(text), where="the recovery key")

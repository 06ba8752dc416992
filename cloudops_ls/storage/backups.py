"""Backups of a store, as the seed's ``BackupManager`` has them."""

from __future__ import annotations

import contextlib
import socket
from datetime import timedelta
from importlib.metadata import version as installed_version
from typing import TYPE_CHECKING

from cloudops_ls.errors import CloudOpsError
from cloudops_ls.storage.backup import health
from cloudops_ls.storage.backup.access import BackupAccess, wrapped_keys
from cloudops_ls.storage.backup.aside import require_known
from cloudops_ls.storage.backup.bucket_lock import BucketLock, LockKind
from cloudops_ls.storage.backup.entry import StoreEntry
from cloudops_ls.storage.backup.local_file import ImportedFile, export_file
from cloudops_ls.storage.backup.progress import Watch
from cloudops_ls.storage.backup.pruning import Pruned, Pruner
from cloudops_ls.storage.backup.reading import backups_in, choose, read_chunks, read_snapshot
from cloudops_ls.storage.backup.records import Backup, BackupPlan, Restored, ScheduleState
from cloudops_ls.storage.backup.restoring import RestoreMode
from cloudops_ls.storage.backup.schedule import next_due
from cloudops_ls.storage.backup.sealers import KeySealer, PassphraseSealer, Sealer
from cloudops_ls.storage.backup.state import BackupState
from cloudops_ls.storage.backup.verifying import Verification, verify
from cloudops_ls.storage.backup.writing import BackupWriter, Origin, Written
from cloudops_ls.storage.health import HealthPart, PartState
from cloudops_ls.storage.records import now

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path

    from cloudops_ls.home import Home
    from cloudops_ls.storage.audit import AuditLog
    from cloudops_ls.storage.database import Database
    from cloudops_ls.storage.recovery_key import Recipient, RecoveryKey
    from cloudops_ls.storage.sync import SyncState

WAIT = 30.0
"""Seconds to wait for another operation on the backups of this store."""


class Backups:
    """Makes, lists, verifies, restores and prunes the backups of one store.

    One operation at a time, in whatever process: a second one waits a moment and is then refused.

    Parameters
    ----------
    database, audit, sync
        The store.
    home
        Where its locks and temporary files are.
    plan
        Asked before every operation where backups go; it says None where no bucket is set, which
        leaves export and import.
    joined
        Told of the recovery key of backups that this store has joined.
    """

    def __init__(
        self,
        database: Database,
        audit: AuditLog,
        sync: SyncState,
        home: Home,
        plan: Callable[[], BackupPlan | None] = lambda: None,
        joined: Callable[[Recipient], None] = lambda _recipient: None,
    ) -> None:
        self._database = database
        self._audit = audit
        self._sync = sync
        self._home = home
        self._plan = plan
        self.state = BackupState(database)
        self._access = BackupAccess(self.state, joined)

    # The seed's interface

    def backup_to_s3(self, watch: Watch | None = None) -> Written:
        """Make a backup of everything that cannot be rebuilt.

        Raises
        ------
        CloudOpsError
            No bucket is set, no recovery key was exported, or the bucket refuses.
        """
        plan = self._required_plan()
        with self._alone():
            repository = self._access.to_write(plan)
            with BucketLock(
                plan.store, plan.layout, LockKind.SHARED, self.state.store_id()
            ) as lock:
                written = BackupWriter(repository, lock, watch or Watch()).write(
                    self._database, self._origin()
                )
            self.state.finish(now())
        return written

    def restore_from_s3(
        self,
        date: str,
        mode: RestoreMode = RestoreMode.MERGE,
        *,
        recovery: RecoveryKey | None = None,
        watch: Watch | None = None,
    ) -> Restored:
        """Restore the newest backup that ``date`` means.

        Everything is downloaded and proven before the store is touched.

        Parameters
        ----------
        date
            A backup's name, the beginning of one (``2026-11-25``), or ``latest``.
        mode
            Beside what is there, or in its place.
        recovery
            The recovery key, where this store does not have the backups' key, as on a new
            machine. It joins them then.
        """
        plan, watch = self._required_plan(), watch or Watch()
        with self._alone():
            repository = self._access.to_read(plan, recovery)
            name = choose(repository.manifest_names(), date)
            snapshot = read_snapshot(repository, name)
            require_known(snapshot.manifest.schema_revision, where=name)
            chunks = read_chunks(repository, snapshot.chunks, watch)
            keys = [repository.key.age] + ([recovery] if recovery is not None else [])
            sealer = KeySealer([key.recipient for key in keys], keys)
            return self._entry(sealer, watch).restore(name, snapshot.streams, chunks, mode)

    def list_backups(self, recovery: RecoveryKey | None = None) -> list[Backup]:
        """Return the backups in the bucket, newest first, damaged ones among them."""
        plan = self._required_plan()
        if recovery is None and self.state.key() is None and not wrapped_keys(plan):
            return []
        repository = self._access.to_read(plan, recovery, join=False)
        return backups_in(repository, mine=self.state.store_id())

    def auto_backup(self, enabled: bool) -> None:
        """Turn the schedule on or off, whatever the setting says.

        Raises
        ------
        CloudOpsError
            It cannot be turned on: no bucket is set, or no recovery key was exported.
        """
        if enabled:
            self._required_plan()
            self._access.required_recipient()
        self.state.set_enabled(enabled)

    # Care

    def verify(self, *, read_data: bool = False, watch: Watch | None = None) -> Verification:
        """Check that every backup can be restored; with ``read_data`` by reading all of it."""
        plan = self._required_plan()
        with self._alone():
            repository = self._access.to_read(plan, None)
            return verify(repository, read_data=read_data, watch=watch or Watch())

    def prune(self, keep_days: int | None = None, watch: Watch | None = None) -> Pruned:
        """Remove backups that are older than the policy keeps, and what only they need.

        Parameters
        ----------
        keep_days
            Instead of the plan's.
        """
        plan = self._required_plan()
        days = plan.keep_days if keep_days is None else keep_days
        with self._pruner(plan, watch) as pruner:
            return pruner.by_age(days)

    def remove(self, names: Collection[str], watch: Watch | None = None) -> Pruned:
        """Remove backups by their whole names, as when they are damaged.

        What the others need is read first, so damaged ones can only go together.

        Raises
        ------
        CloudOpsError
            There is no such backup, none would be left, or one that stays is damaged.
        """
        plan = self._required_plan()
        with self._pruner(plan, watch) as pruner:
            there = self._access.to_read(plan, None).manifest_names().keys()
            for name in names:
                if name not in there:
                    raise CloudOpsError(
                        "There is no backup of that name",
                        where=name,
                        fix="See 'cloudops-ls backup list'",
                    )
            if there <= set(names):
                raise CloudOpsError(
                    "No backup would be left, and the last one is never removed",
                    where=", ".join(names),
                    fix="Make another one first: cloudops-ls backup now",
                )
            return pruner.remove(names)

    # Local files

    def export_to_file(
        self, path: Path, *, passphrase: str | None = None, watch: Watch | None = None
    ) -> int:
        """Write everything into one encrypted file; return how many rows.

        Parameters
        ----------
        passphrase
            Opens the file; without one the recovery key and this store do.
        """
        with self._alone():
            sealer = PassphraseSealer(passphrase) if passphrase else self._access.sealer(None)
            export = export_file(self._database, path, sealer, self._origin(), watch or Watch())
        return sum(stream.rows for stream in export.streams)

    def import_from_file(
        self,
        path: Path,
        mode: RestoreMode = RestoreMode.MERGE,
        *,
        passphrase: str | None = None,
        recovery: RecoveryKey | None = None,
        watch: Watch | None = None,
    ) -> Restored:
        """Restore an exported file; see `restore_from_s3`."""
        with self._alone():
            sealer = PassphraseSealer(passphrase) if passphrase else self._access.sealer(recovery)
            file = ImportedFile(path, sealer)
            require_known(file.export.schema_revision, where=str(path))
            entry = self._entry(sealer, watch or Watch())
            return entry.restore(path.name, file.export.streams, file.chunks(), mode)

    # Schedule

    def schedule(self) -> ScheduleState:
        """Return how the schedule stands."""
        plan, chosen = self._plan(), self.state.enabled()
        enabled = plan is not None and (plan.enabled if chosen is None else chosen)
        due = None
        if plan is not None and enabled:
            due = next_due(
                now(),
                plan.interval,
                last_done=self.state.last_done(),
                last_tried=self.state.last_tried(),
            )
        return ScheduleState(enabled, self.state.last_done(), due, self.state.last_problem())

    def health(self) -> HealthPart:
        """Return how backups are; asks no bucket, never raises."""
        try:
            plan, schedule = self._plan(), self.schedule()
            return health.part(
                configured=plan is not None,
                exported=self.state.recipient() is not None,
                enabled=schedule.enabled,
                interval=plan.interval if plan is not None else timedelta(),
                last_done=schedule.last_done,
                problem=schedule.problem,
            )
        except CloudOpsError as error:
            return HealthPart(
                name=health.NAME, state=PartState.FAILED, detail=f"{error.what}.", fix=error.fix
            )

    def run_if_due(self, watch: Watch | None = None) -> Written | None:
        """Make the backup that is due, then prune; None when none is.

        A failure is kept for `schedule` to tell, and raised.
        """
        due = self.schedule().next_due
        if due is None or due > now():
            return None
        self.state.begin(now())
        try:
            written = self.backup_to_s3(watch)
            plan = self._required_plan()
            if plan.keep_days:
                self.prune(watch=watch)
        except CloudOpsError as error:
            self.state.fail(str(error))
            raise
        return written

    # Inside

    def _required_plan(self) -> BackupPlan:
        plan = self._plan()
        if plan is None:
            raise CloudOpsError(
                "No bucket for backups is set",
                where="setting cloudops.backup.bucket",
                fix="Set it; docs/storage.md says what the bucket must allow",
            )
        return plan

    def _entry(self, sealer: Sealer, watch: Watch) -> StoreEntry:
        return StoreEntry(
            self._database, self._audit, self._sync, self._home, self._origin(), sealer, watch
        )

    def _origin(self) -> Origin:
        return Origin(self.state.store_id(), socket.gethostname(), installed_version("cloudops-ls"))

    @contextlib.contextmanager
    def _pruner(self, plan: BackupPlan, watch: Watch | None) -> Iterator[Pruner]:
        with self._alone():
            repository = self._access.to_read(plan, None)
            owner = self.state.store_id()
            with BucketLock(plan.store, plan.layout, LockKind.EXCLUSIVE, owner) as lock:
                yield Pruner(repository, lock, watch or Watch())

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        lock = self._database.lock("backup")
        with lock.holding(timeout=WAIT, doing="working on the backups"):
            yield

"""Getting at the backups: which key opens them, and whether this store may write there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudops_ls.errors import CloudOpsError
from cloudops_ls.storage.backup.backup_key import BackupKey
from cloudops_ls.storage.backup.local_file import KeySealer
from cloudops_ls.storage.backup.repository import Repository

if TYPE_CHECKING:
    from cloudops_ls.storage.backup.records import BackupPlan
    from cloudops_ls.storage.backup.state import BackupState
    from cloudops_ls.storage.recovery_key import Recipient, RecoveryKey


class BackupAccess:
    """Opens repositories with the keys that a store has or is given.

    Parameters
    ----------
    state
        Where the store keeps its keys.
    """

    def __init__(self, state: BackupState) -> None:
        self._state = state

    def required_recipient(self) -> Recipient:
        """Return the public half of the recovery key.

        Raises
        ------
        CloudOpsError
            None was exported yet.
        """
        recipient = self._state.recipient()
        if recipient is None:
            raise CloudOpsError(
                "There is no recovery key yet, and without one a backup could not be opened "
                "once this machine is lost",
                fix="Run 'cloudops-ls key export-recovery' and keep the key elsewhere",
            )
        return recipient

    def to_write(self, plan: BackupPlan) -> Repository:
        """Return the repository to write to; the backup key is made with the first backup."""
        recipient = self.required_recipient()
        key = self._state.key()
        stored = key_ids(plan)
        if key is None and not stored:
            key = self._state.keep_key(BackupKey.generate())
        if key is None or stored - {key.id}:
            raise CloudOpsError(
                "The bucket holds the backups of another store under this user id",
                where=plan.layout.root,
                fix="Join them: cloudops-ls backup restore --recovery-key FILE; or set another "
                "cloudops.backup.user_id",
            )
        # With every backup: one that was deleted or changed is mended by the next.
        plan.store.put(plan.layout.wrapped_key(key.id), key.wrap(recipient), locked=True)
        return Repository(plan.store, plan.layout, key)

    def to_read(
        self, plan: BackupPlan, recovery: RecoveryKey | None, *, join: bool = True
    ) -> Repository:
        """Return the repository to read from, with this store's key or one that is unwrapped."""
        if recovery is None:
            key = self._state.key()
            if key is None:
                raise CloudOpsError(
                    "This store has no key for backups yet",
                    where=plan.layout.root,
                    fix="Make a backup, or give the recovery key of the store that made them",
                )
            return Repository(plan.store, plan.layout, key)
        key = self._unwrap(plan, recovery)
        if join and self._state.key() is None:
            self._state.keep_key(key)
            if self._state.recipient() is None:
                self._state.keep_recipient(recovery.recipient)
        return Repository(plan.store, plan.layout, key)

    def _unwrap(self, plan: BackupPlan, recovery: RecoveryKey) -> BackupKey:
        problem: CloudOpsError | None = None
        for key_id in sorted(key_ids(plan)):
            where = plan.layout.wrapped_key(key_id)
            try:
                return BackupKey.unwrap(plan.store.get(where), recovery, key_id, where=where)
            except CloudOpsError as error:
                problem = error
        raise problem or CloudOpsError(
            "There are no backups there",
            where=plan.layout.root,
            fix="Check cloudops.backup.bucket, prefix and user_id",
        )

    def sealer(self, recovery: RecoveryKey | None) -> KeySealer:
        """Return what seals files for the recovery key and this store, and opens theirs.

        Parameters
        ----------
        recovery
            A recovery key that is at hand.
        """
        keys = [key.age for key in (self._state.key(),) if key is not None]
        recipients = [key.recipient for key in keys]
        if recovery is not None:
            keys.append(recovery)
        given = recovery.recipient if recovery is not None else None
        recipients.append(self._state.recipient() or given or self.required_recipient())
        return KeySealer(recipients, keys)


def key_ids(plan: BackupPlan) -> set[str]:
    """Return the ids of the backup keys that are in the bucket."""
    listed = plan.store.list(plan.layout.keys)
    names = (each.key.removeprefix(plan.layout.keys) for each in listed)
    return {name.removesuffix(".age") for name in names if name.endswith(".age")}

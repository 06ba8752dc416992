"""Getting at the backups: which key opens them, and whether this store may write there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudops_ls.errors import CloudOpsError
from cloudops_ls.storage.backup.backup_key import BackupKey
from cloudops_ls.storage.backup.repository import Repository
from cloudops_ls.storage.backup.sealers import KeySealer

if TYPE_CHECKING:
    from collections.abc import Callable

    from cloudops_ls.storage.backup.records import BackupPlan
    from cloudops_ls.storage.backup.state import BackupState
    from cloudops_ls.storage.recovery_key import Recipient, RecoveryKey


class BackupAccess:
    """Opens repositories with the keys that a store has or is given.

    Parameters
    ----------
    state
        Where the store keeps its keys.
    joined
        Told of the recovery key of backups that this store has joined.
    """

    def __init__(self, state: BackupState, joined: Callable[[Recipient], None]) -> None:
        self._state = state
        self._joined = joined

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
        stored = set(wrapped_keys(plan).values())
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
        where = plan.layout.wrapped_key(key.id, recipient.text)
        plan.store.put(where, key.wrap(recipient), locked=True)
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
            self._joined(recovery.recipient)
        return Repository(plan.store, plan.layout, key)

    def _unwrap(self, plan: BackupPlan, recovery: RecoveryKey) -> BackupKey:
        problem: CloudOpsError | None = None
        for where, key_id in sorted(wrapped_keys(plan).items()):
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


def wrapped_keys(plan: BackupPlan) -> dict[str, str]:
    """Return the ids of the backup keys in the bucket, by the object that holds one."""
    found = (each.key for each in plan.store.list(plan.layout.keys))
    ids = ((key, plan.layout.wrapped_key_id(key)) for key in found)
    return {key: key_id for key, key_id in ids if key_id is not None}

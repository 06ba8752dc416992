"""What a store knows of its backups; in the encrypted database, and in no backup."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import delete, select

from cloudops_ls.storage.backup.backup_key import BackupKey
from cloudops_ls.storage.recovery_key import Recipient
from cloudops_ls.storage.tables import BackupStateRow

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from cloudops_ls.storage.database import Database

_KEY = "backup-key"
_RECIPIENT = "recovery-recipient"
_STORE = "store-id"
_ENABLED = "schedule-enabled"
_TRIED = "last-tried"
_DONE = "last-done"
_PROBLEM = "last-problem"


class BackupState:
    """Reads and writes the names of table ``backup_state``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def key(self) -> BackupKey | None:
        """Return the backup key, None before the first backup."""
        text = self._get(_KEY)
        return None if text is None else BackupKey.parse(text, where="the store")

    def keep_key(self, key: BackupKey) -> BackupKey:
        """Keep ``key`` unless one is kept already; return the one that is kept."""
        with self._database.write() as connection:
            connection.execute(
                self._database.insert(BackupStateRow)
                .values(name=_KEY, value=key.reveal())
                .on_conflict_do_nothing(index_elements=["name"])
            )
            text = _read(connection, _KEY)
        return BackupKey.parse(str(text), where="the store")

    def recipient(self) -> Recipient | None:
        """Return the public half of the recovery key, None before it was exported."""
        text = self._get(_RECIPIENT)
        return None if text is None else Recipient(text)

    def keep_recipient(self, recipient: Recipient) -> None:
        """Seal the backup key for this recovery key from now on."""
        self._set(_RECIPIENT, recipient.text)

    def store_id(self) -> str:
        """Return this store's name among those that share a bucket; random, made once."""
        known = self._get(_STORE)
        if known is not None:
            return known
        with self._database.write() as connection:
            connection.execute(
                self._database.insert(BackupStateRow)
                .values(name=_STORE, value=secrets.token_hex(8))
                .on_conflict_do_nothing(index_elements=["name"])
            )
            return str(_read(connection, _STORE))

    def enabled(self) -> bool | None:
        """Return whether the operator turned the schedule on or off; None leaves the setting."""
        text = self._get(_ENABLED)
        return None if text is None else text == "on"

    def set_enabled(self, enabled: bool) -> None:
        """Turn the schedule on or off, whatever the setting says."""
        self._set(_ENABLED, "on" if enabled else "off")

    def last_done(self) -> datetime | None:
        """Return when the last backup was finished, by this machine's clock."""
        return self._moment(_DONE)

    def last_tried(self) -> datetime | None:
        """Return when the schedule last began one."""
        return self._moment(_TRIED)

    def last_problem(self) -> str | None:
        """Return why the last attempt failed; None if it did not."""
        return self._get(_PROBLEM)

    def begin(self, at: datetime) -> None:
        """Note that the schedule begins one."""
        self._set(_TRIED, at.isoformat())

    def finish(self, at: datetime) -> None:
        """Note that a backup was made."""
        with self._database.write() as connection:
            self._put(connection, _DONE, at.isoformat())
            connection.execute(delete(BackupStateRow).where(BackupStateRow.name == _PROBLEM))

    def fail(self, problem: str) -> None:
        """Note that the schedule's attempt failed."""
        self._set(_PROBLEM, problem)

    def _moment(self, name: str) -> datetime | None:
        text = self._get(name)
        return None if text is None else datetime.fromisoformat(text)

    def _get(self, name: str) -> str | None:
        with self._database.read() as connection:
            return _read(connection, name)

    def _set(self, name: str, value: str) -> None:
        with self._database.write() as connection:
            self._put(connection, name, value)

    def _put(self, connection: Connection, name: str, value: str) -> None:
        connection.execute(
            self._database.insert(BackupStateRow)
            .values(name=name, value=value)
            .on_conflict_do_update(index_elements=["name"], set_={"value": value})
        )


def _read(connection: Connection, name: str) -> str | None:
    return connection.execute(
        select(BackupStateRow.value).where(BackupStateRow.name == name)
    ).scalar_one_or_none()

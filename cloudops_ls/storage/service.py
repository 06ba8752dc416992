"""The storage service: one object that opens everything a home stores."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Self

from cloudops_ls.errors import CloudOpsError
from cloudops_ls.home import Home
from cloudops_ls.storage import opening
from cloudops_ls.storage.audit import AuditLog
from cloudops_ls.storage.chat import ChatStorage
from cloudops_ls.storage.database import Database
from cloudops_ls.storage.estate import EstateStorage
from cloudops_ls.storage.executions import ExecutionLog
from cloudops_ls.storage.health import HealthPart, PartState, StorageHealth
from cloudops_ls.storage.key_sources import PASSPHRASE_VARIABLE
from cloudops_ls.storage.keys import KeyRing
from cloudops_ls.storage.notices import Notices
from cloudops_ls.storage.preferences import PreferenceStorage
from cloudops_ls.storage.sync import SyncState

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from cloudops_ls.storage.backup.records import BackupPlan
    from cloudops_ls.storage.backups import Backups
    from cloudops_ls.storage.configuration import StorageServiceConfig
    from cloudops_ls.storage.indexing.search_index import SearchIndex
    from cloudops_ls.storage.indexing.settings import VectorSettings
    from cloudops_ls.storage.locks import Lock
    from cloudops_ls.storage.recovery_key import Recipient, RecoveryKey
    from cloudops_ls.storage.rotation import Settled


class StorageService:
    """Everything stored in one home; sync and safe to use from several threads.

    Made by `init` or `open`. Several processes may have the same home open.

    Attributes
    ----------
    chat
        Conversations and messages.
    estate
        Resources, accounts and search.
    executions
        The log of commands that were run.
    audit
        Who decided and ran what, chained so that tampering shows.
    index
        The search index, where the service was opened with one; empty until its ``rebuild``.
    notices
        What the operator was told already.
    preferences
        What each user prefers.
    settled
        What became of a change of the key that was interrupted before this service was opened;
        for the operator. None where none was.
    sync
        How well the estate is known, and the lock of whoever scans.
    """

    def __init__(
        self,
        home: Home,
        keys: KeyRing | None,
        database: Database,
        index: SearchIndex | None = None,
        backup: Callable[[], BackupPlan | None] | None = None,
        held: Lock | None = None,
        settled: Settled | None = None,
    ) -> None:
        self._home = home
        self._keys = keys
        self._held = held
        self.settled = settled
        self._database = database
        self.index = index
        self.chat = ChatStorage(database, index.chat if index else None)
        self.estate = EstateStorage(database, index.estate if index else None)
        self.audit = AuditLog(database, home)
        self.executions = ExecutionLog(database, self.audit)
        self.sync = SyncState(database, home)
        self._backup = backup
        self.notices = Notices(database)
        self.preferences = PreferenceStorage(database)

    @classmethod
    def init(cls, config: StorageServiceConfig) -> Self:
        """Open a store from one value, as a program that is no editor does; see `open`."""
        home = Home(config.local_path)
        keys = None
        if config.encryption_key is not None:
            keys = KeyRing(home, environ={PASSPHRASE_VARIABLE: config.encryption_key})
        plan = None if config.s3_backup is None else config.s3_backup.plan()
        backup = None if plan is None else lambda: plan
        return cls.open(home, vectors=config.vectors(), keys=keys, backup=backup)

    @classmethod
    def open(
        cls,
        home: Home,
        *,
        vectors: VectorSettings | None = None,
        keys: KeyRing | None = None,
        backup: Callable[[], BackupPlan | None] | None = None,
        database_url: str | None = None,
    ) -> Self:
        """Open the store of ``home``, creating what is missing.

        Parameters
        ----------
        home
            Where everything is.
        vectors
            How to search; None opens the database alone, where search is by text.
        keys
            What opens the data key; by default what the environment offers.
        backup
            Asked before every operation where backups go; None leaves export and import.
        database_url
            A PostgreSQL database to keep everything in, see `PostgreSql`; None for the home's own
            encrypted file. There is no data key then.

        Raises
        ------
        CloudOpsError
            The home cannot be used, the key cannot be had, the database cannot be opened, or
            something of it is missing; see `KeyRing.open`, `Database.open`, `opening.share`.
        """
        home.create()
        ring: KeyRing | None = None
        held: Lock | None = None
        settled: Settled | None = None
        try:
            if database_url is not None:
                from cloudops_ls.storage.postgres import PostgreSql

                database = Database.prepared(PostgreSql(database_url))
            else:
                held, settled = opening.share(home)
                ring = keys or KeyRing(home)
                database = Database.open(home.database, ring.open())
                ring.mark_created()
            try:
                index = None if vectors is None else _index(database, home, vectors)
            except BaseException:
                database.close()
                raise
        except BaseException:
            if held is not None:
                held.release()
            raise
        return cls(home, ring, database, index, backup, held, settled)

    @cached_property
    def backup(self) -> Backups:
        """Backups in S3, and export and import of local files."""
        # Archives and their encryption: only for those who use them.
        from cloudops_ls.storage.backups import Backups

        plan = self._backup or (lambda: None)
        return Backups(self._database, self.audit, self.sync, self._home, plan, self._joined)

    def _joined(self, recipient: Recipient) -> None:
        """Have the recovery key of the backups open this store as well, if no other one does."""
        from cloudops_ls.storage import key_changes

        if self._keys is not None:
            key_changes.adopt_recovery(self._home, self._keys, recipient)

    def export_recovery_key(self, *, replace: bool = False) -> RecoveryKey:
        """Make the key that opens the store and its backups when all else is lost.

        It is returned once and kept nowhere; its public half is. Backups need one.

        Parameters
        ----------
        replace
            Make another one. It opens the backups from the next one on, the earlier one always.

        Raises
        ------
        CloudOpsError
            There is one already, or the store's key cannot be opened; nothing changed.
        """
        from cloudops_ls.storage import key_changes
        from cloudops_ls.storage.recovery_key import RecoveryKey

        state = self.backup.state
        if self._keys is not None:
            made = key_changes.export_recovery(self._home, self._keys, replace=replace)
        elif state.recipient() is not None and not replace:
            raise key_changes.exported_already(self._database.kind)
        else:
            made = RecoveryKey.generate()
        state.keep_recipient(made.recipient)
        return made

    def health(self) -> StorageHealth:
        """Return how every part is; never raises."""
        parts = [self._database_health()]
        if self._keys is not None:
            parts.insert(0, self._key_health(self._keys))
        if self.index is not None:
            parts += self.index.health()
        if self._backup is not None:
            parts.append(self.backup.health())
        return StorageHealth(parts=tuple(parts))

    def damage(self) -> str | None:
        """Look at every page of the database; return what is wrong, None where nothing is.

        Raises
        ------
        CloudOpsError
            The database cannot be read.
        """
        return self._database.damage()

    def close(self) -> None:
        """Close everything; the service cannot be used afterwards."""
        if self.index is not None:
            self.index.close()
        self._database.close()
        if self._held is not None:
            self._held.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _key_health(self, keys: KeyRing) -> HealthPart:
        try:
            kind = keys.kind()
        except CloudOpsError as error:
            return _failed("key", error)
        if kind is None:
            return HealthPart(
                name="key",
                state=PartState.FAILED,
                detail="The wrapped key is gone; the open store cannot be opened again.",
                fix="Put key.json back from a copy",
            )
        settled = f" {self.settled}." if self.settled else ""
        return HealthPart(name="key", state=PartState.OK, detail=f"Wrapped by: {kind}.{settled}")

    def _database_health(self) -> HealthPart:
        try:
            count = self.estate.count()
            revision = self._database.revision()
        except CloudOpsError as error:
            return _failed("database", error)
        megabytes = self._database.size() / 2**20
        return HealthPart(
            name="database",
            state=PartState.OK,
            detail=f"{count:,} resources, {megabytes:.1f} MB, {self._database.kind}, "
            f"schema {revision}.",
        )


def _index(database: Database, home: Home, vectors: VectorSettings) -> SearchIndex:
    # Qdrant and numpy: only for those who search with them.
    from cloudops_ls.storage.indexing.search_index import SearchIndex

    return SearchIndex(database, home.models, vectors)


def _failed(name: str, error: CloudOpsError) -> HealthPart:
    return HealthPart(name=name, state=PartState.FAILED, detail=f"{error.what}.", fix=error.fix)

"""The database behind everything: transactions, schema, errors; whatever it is kept in."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy import Connection, Engine, Table, inspect, text
from sqlalchemy.exc import DBAPIError

from cloudops_ls.errors import CloudOpsError
from cloudops_ls.storage.schema import HEAD, SCHEMA_TABLE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from sqlalchemy.dialects.sqlite import Insert

    from cloudops_ls.storage.keys import DataKey
    from cloudops_ls.storage.locks import Lock

BUSY_TIMEOUT = 15.0
"""Seconds that a writer waits for another process's transaction."""
MIGRATION_TIMEOUT = 120.0


class Backend(Protocol):
    """What differs between SQLCipher and PostgreSQL.

    Attributes
    ----------
    engine
        SQLAlchemy's engine, configured.
    place
        Where the database is, for messages; without any secret.
    kind
        What it is, for `StorageService.health`.
    """

    engine: Engine
    place: str
    kind: str

    def reading(self, connection: Connection) -> Connection:
        """Return ``connection`` set up for one consistent view, no transaction begun."""
        ...

    def writing(self, connection: Connection, *, durable: bool) -> Connection:
        """Return ``connection`` set up for changes as of `Database.write`, none begun."""
        ...

    def begun(self, connection: Connection) -> None:
        """Make a transaction of `writing` the only one that writes; it has just begun."""
        ...

    def erasing(self, connection: Connection) -> None:
        """Make the transaction that has begun overwrite what it deletes."""
        ...

    def erased(self) -> None:
        """Leave nothing of what was overwritten in logs, as far as nobody is reading them."""
        ...

    def insert(self, table: Table) -> Any:
        """Return an INSERT that can say ON CONFLICT."""
        ...

    def size(self) -> int:
        """Return the bytes it takes."""
        ...

    def room(self) -> int | None:
        """Return the bytes that are free where it is kept; None where nobody here knows."""
        ...

    def damage(self) -> str | None:
        """Look at every page; return what is wrong, None where nothing is."""
        ...

    def migrating(self, found: str | None) -> AbstractContextManager[None]:
        """Keep other processes from migrating; entered before the migration's transaction."""
        ...

    def copy(self, found: str) -> None:
        """Keep a copy of the database as it is at schema ``found``, before it is changed."""
        ...

    def migrated(self, connection: Connection) -> None:
        """Finish a migration within its transaction."""
        ...

    def lock(self, name: str) -> Lock:
        """Return a lock, not yet taken, that everybody who uses this database respects."""
        ...

    def explain(self, error: BaseException | None) -> CloudOpsError:
        """Return what a driver's error means, without quoting statements or values."""
        ...


class Database:
    """The database of one home, shared by threads and processes.

    Readers never wait. Writers take the write lock when their transaction begins, so a
    transaction that got its first statement through can commit.

    Parameters
    ----------
    backend
        What it is kept in.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._engine = backend.engine

    @classmethod
    def open(cls, path: Path, key: DataKey) -> Database:
        """Open the SQLCipher database at ``path``; see `prepared`."""
        from cloudops_ls.storage.sqlcipher import SqlCipher

        return cls.prepared(SqlCipher(path, key))

    @classmethod
    def prepared(cls, backend: Backend) -> Database:
        """Open a database, creating or upgrading its tables where needed.

        Before an upgrade a copy is kept, see `Backend.copy`.

        Raises
        ------
        CloudOpsError
            Wrong key, damaged file, unusable place, or a schema newer than this program.
        RetryableError
            Another process is upgrading the schema, or the database is busy or out of reach.
        """
        database = cls(backend)
        try:
            database._prepare()
        except BaseException:
            database.close()
            raise
        return database

    @property
    def kind(self) -> str:
        """What it is kept in, in words."""
        return self._backend.kind

    @contextlib.contextmanager
    def read(self) -> Iterator[Connection]:
        """Give a connection with one consistent view of the data."""
        with self._translated(), self._engine.connect() as connection:
            connection = self._backend.reading(connection)
            with connection.begin():
                yield connection

    @contextlib.contextmanager
    def write(self, *, durable: bool = True) -> Iterator[Connection]:
        """Give a connection whose changes are durable, all or none, when the block ends well.

        Parameters
        ----------
        durable
            False where a power cut, not a crash, may take the changes back as long as nothing
            durable was written after them: it saves waiting for the disk.
        """
        with self._translated(), self._engine.connect() as connection:
            connection = self._backend.writing(connection, durable=durable)
            with connection.begin():
                self._backend.begun(connection)
                yield connection

    @contextlib.contextmanager
    def erase(self) -> Iterator[Connection]:
        """Give a connection as `write` does, which leaves nothing of what it deletes.

        Freed pages are overwritten, and the log of earlier changes is emptied as soon as no
        transaction of another connection needs it.
        """
        with self.write() as connection:
            self._backend.erasing(connection)
            yield connection
        with self._translated():
            self._backend.erased()

    def insert(self, table: Any) -> Insert:
        """Return an INSERT that can say ON CONFLICT, in this database's dialect."""
        made: Insert = self._backend.insert(table if isinstance(table, Table) else table.__table__)
        return made

    def lock(self, name: str) -> Lock:
        """Return a lock, not yet taken, for all who use this database; a crash releases it."""
        return self._backend.lock(name)

    def revision(self) -> str | None:
        """Return the schema revision of the database; None before the first migration."""
        with self.read() as connection:
            return _revision(connection)

    def size(self) -> int:
        """Return the bytes it takes, the write-ahead log included."""
        with self._translated():
            return self._backend.size()

    def room(self) -> int | None:
        """Return the bytes that are free where it is kept; None where that is another machine."""
        return self._backend.room()

    def damage(self) -> str | None:
        """Look at every page of the database; return what is wrong, None where nothing is.

        Takes about a second for 200 MB.
        """
        with self._translated():
            return self._backend.damage()

    def close(self) -> None:
        """Close all connections; the last one to close folds the write-ahead log in."""
        self._engine.dispose()

    def _prepare(self) -> None:
        found = self.revision()
        if self._check(found):
            return
        with self._translated(), self._backend.migrating(found):
            found = self.revision()
            if self._check(found):
                return
            # Alembic takes more than a second to import: only for those who need it.
            from cloudops_ls.storage.migrate import upgrade

            if found is not None:
                self._backend.copy(found)
            with self.write() as connection:
                if not self._check(_revision(connection)):
                    upgrade(connection)
                    self._backend.migrated(connection)

    def _check(self, found: str | None) -> bool:
        if found is not None and found > HEAD:
            raise CloudOpsError(
                f"The store was written by a newer version (schema {found}, this one knows {HEAD})",
                where=self._backend.place,
                fix="Update cloudops-ls",
            )
        return found == HEAD

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            # Without its context: database errors quote statements and values.
            raise self._backend.explain(error.orig) from None
        except self._engine.dialect.loaded_dbapi.Error as error:
            # From the driver's own cursors.
            raise self._backend.explain(error) from None


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table(SCHEMA_TABLE):
        return None
    found: str | None = connection.execute(
        text(f"SELECT version_num FROM {SCHEMA_TABLE}")  # noqa: S608 - a constant
    ).scalar()
    return found

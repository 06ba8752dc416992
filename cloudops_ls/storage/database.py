"""The SQLCipher database behind everything: connections, transactions, schema."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, Connection, Engine, Table, create_engine, event, text
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.exc import DBAPIError

from cloudops_ls.errors import CloudOpsError, RetryableError
from cloudops_ls.home import PRIVATE_FILE
from cloudops_ls.storage.locks import FileLock
from cloudops_ls.storage.schema import HEAD, SCHEMA_TABLE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy.dialects.sqlite import Insert

    from cloudops_ls.storage.keys import DataKey

BUSY_TIMEOUT = 15.0
"""Seconds that a writer waits for another process's transaction."""
MIGRATION_TIMEOUT = 120.0
_WRITE = "cloudops_write"


class Database:
    """The encrypted database of one home, shared by threads and processes.

    Readers never wait (WAL). Writers take the write lock when their transaction begins, so a
    transaction that got its first statement through can commit.

    Parameters
    ----------
    engine
        An engine made by `open`.
    path
        The database file, for messages.
    """

    def __init__(self, engine: Engine, path: Path) -> None:
        self._engine = engine
        self._path = path

    @classmethod
    def open(cls, path: Path, key: DataKey) -> Database:
        """Open the database, creating or upgrading its tables where needed.

        Raises
        ------
        CloudOpsError
            Wrong key, damaged file, unusable place, or a schema newer than this program.
        RetryableError
            Another process is upgrading the schema, or the file is busy.
        """
        _create_private(path)
        database = cls(_engine(path, key), path)
        try:
            database._prepare(path.with_name("migration.lock"))
        except BaseException:
            database.close()
            raise
        return database

    @contextlib.contextmanager
    def read(self) -> Iterator[Connection]:
        """Give a connection with one consistent view of the data."""
        with self._translated(), self._engine.connect() as connection, connection.begin():
            yield connection

    @contextlib.contextmanager
    def write(self) -> Iterator[Connection]:
        """Give a connection whose changes are durable, all or none, when the block ends well."""
        with self._translated(), self._engine.connect() as connection:
            connection = connection.execution_options(**{_WRITE: True})
            with connection.begin():
                yield connection

    def insert(self, table: Any) -> Insert:
        """Return an INSERT that can say ON CONFLICT, in this database's dialect."""
        return sqlite_insert(table if isinstance(table, Table) else table.__table__)

    def revision(self) -> str | None:
        """Return the schema revision of the file; None before the first migration."""
        with self.read() as connection:
            return _revision(connection)

    def size(self) -> int:
        """Return the bytes on disk, the write-ahead log included."""
        total = 0
        for suffix in ("", "-wal"):
            with contextlib.suppress(FileNotFoundError):
                total += self._path.with_name(self._path.name + suffix).stat().st_size
        return total

    def close(self) -> None:
        """Close all connections; the last one to close folds the write-ahead log in."""
        self._engine.dispose()

    def _prepare(self, lock: Path) -> None:
        if self._check(self.revision()):
            return
        with FileLock(lock).holding(timeout=MIGRATION_TIMEOUT, doing="upgrading the store"):
            if self._check(self.revision()):
                return
            # Alembic takes more than a second to import: only for those who need it.
            from cloudops_ls.storage.migrate import upgrade

            with self.write() as connection:
                upgrade(connection)

    def _check(self, found: str | None) -> bool:
        if found is not None and found > HEAD:
            raise CloudOpsError(
                f"The store was written by a newer version (schema {found}, this one knows {HEAD})",
                where=str(self._path),
                fix="Update cloudops-ls",
            )
        return found == HEAD

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            # Without its context: database errors quote statements and values.
            raise self._explain(error.orig) from None
        except self._engine.dialect.loaded_dbapi.Error as error:
            # From the driver's own cursors.
            raise self._explain(error) from None

    def _explain(self, error: BaseException | None) -> CloudOpsError:
        reason = str(error)
        where = str(self._path)
        if "not a database" in reason or "malformed" in reason or "disk image" in reason:
            return CloudOpsError(
                "The database cannot be decrypted: its key is another one, or the file is damaged",
                where=where,
                fix="Restore cloudops.db and key.json from the same copy; nothing was changed",
            )
        if "locked" in reason or "busy" in reason:
            return RetryableError(
                "Another process keeps the database busy", where=where, fix="Try again in a moment"
            )
        if "readonly" in reason or "unable to open" in reason:
            return CloudOpsError(
                "The database cannot be written",
                where=where,
                fix="Make the file and its directory writable for you",
            )
        if "full" in reason:
            return RetryableError(
                "There is no space left for the database", where=where, fix="Free some space"
            )
        if "disk I/O" in reason:
            return RetryableError(
                "The disk failed while the database was used", where=where, fix="Check the disk"
            )
        # The kind, not the text: it may quote values.
        return CloudOpsError(f"The database refused ({type(error).__name__})", where=where)


def _create_private(path: Path) -> None:
    """Create an empty file with mode 0600; SQLite's companions inherit the mode."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE))
        if path.stat().st_mode & 0o077:
            path.chmod(PRIVATE_FILE)
    except OSError as error:
        raise CloudOpsError(
            f"Cannot open the database: {error.strerror}",
            where=str(path),
            fix="Make the file and its directory writable for you",
        ) from error


def _engine(path: Path, key: DataKey) -> Engine:
    import sqlcipher3.dbapi2 as sqlcipher

    engine = create_engine(
        URL.create("sqlite+pysqlite", database=str(path)),
        module=sqlcipher,
        # Statements may be logged; the values in them never.
        hide_parameters=True,
        connect_args={"timeout": BUSY_TIMEOUT, "isolation_level": None},
        pool_size=4,
        max_overflow=28,
    )

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _record: object) -> None:
        # SQLCipher logs to stderr by itself, which belongs to the editor.
        connection.execute("PRAGMA cipher_log_level = NONE")
        # A raw key, so that no connection pays for a key derivation.
        connection.execute(f"PRAGMA key = \"x'{key.reveal().hex()}'\"")
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA journal_mode = WAL")
        # FULL: what was acknowledged survives a power cut too, at one sync a transaction.
        connection.execute("PRAGMA synchronous = FULL")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        write = connection.get_execution_options().get(_WRITE)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine


def _revision(connection: Connection) -> str | None:
    known = connection.execute(
        text("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = :name"),
        {"name": SCHEMA_TABLE},
    ).scalar()
    if known is None:
        return None
    found: str | None = connection.execute(
        text(f"SELECT version_num FROM {SCHEMA_TABLE}")  # noqa: S608 - a constant
    ).scalar()
    return found

"""SQLCipher: one encrypted file, shared by the processes of one user."""

from __future__ import annotations

import contextlib
import os
import shutil
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, Connection, Engine, Table, create_engine, event
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from cloudops_ls.errors import CloudOpsError, RetryableError
from cloudops_ls.home import PRIVATE_FILE
from cloudops_ls.storage.database import BUSY_TIMEOUT, MIGRATION_TIMEOUT
from cloudops_ls.storage.durable_files import sync_directory
from cloudops_ls.storage.locks import FileLock
from cloudops_ls.storage.schema import HEAD

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cloudops_ls.storage.keys import DataKey

COPY_PREFIX = "cloudops.before-"
"""Names of the copies that are kept when a migration changes the tables."""
_WRITE = "cloudops_write"
_DURABLE = "cloudops_durable"
_SPARE = 16 * 2**20
_WRITING_CACHE = 16_000
"""KiB of decrypted pages that a writer keeps. In SQLite's usual 2,000 the indexes of 100,000
resources have no room, and nearly every row has pages encrypted and decrypted again."""


class SqlCipher:
    """The backend of a home without ``database.url``.

    Readers never wait (WAL), and a writer waits for another one at most `BUSY_TIMEOUT`.

    Parameters
    ----------
    path
        The database file; created empty, mode 0600, where it is missing.
    key
        Encrypts it.

    Raises
    ------
    CloudOpsError
        The file cannot be created.
    """

    kind = "encrypted file"

    def __init__(self, path: Path, key: DataKey) -> None:
        create_private(path)
        self._path = path
        self.place = str(path)
        self.engine = _engine(path, key)

    def reading(self, connection: Connection) -> Connection:
        """Return the connection as it is: every transaction sees one state."""
        return connection

    def writing(self, connection: Connection, *, durable: bool) -> Connection:
        """Return the connection, marked for BEGIN IMMEDIATE."""
        return connection.execution_options(**{_WRITE: True, _DURABLE: durable})

    def begun(self, connection: Connection) -> None:
        """Do nothing: BEGIN IMMEDIATE was enough."""

    def erasing(self, connection: Connection) -> None:
        """Overwrite freed pages as well; `configure` says what is overwritten anyway."""
        connection.exec_driver_sql("PRAGMA secure_delete = ON")

    def erased(self) -> None:
        """Fold the log into the database and cut it to nothing.

        A transaction that still reads it is not waited for: whoever deletes next, or closes the
        database last, does it then.
        """
        connection = self.engine.raw_connection()
        try:
            cursor = connection.cursor()
            cursor.execute("PRAGMA busy_timeout = 0")
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        finally:
            connection.invalidate()

    def insert(self, table: Table) -> Any:
        """Return SQLite's INSERT."""
        return sqlite_insert(table)

    def size(self) -> int:
        """Return the bytes on disk, the write-ahead log included."""
        total = 0
        for suffix in ("", "-wal"):
            with contextlib.suppress(FileNotFoundError):
                total += self._path.with_name(self._path.name + suffix).stat().st_size
        return total

    def room(self) -> int | None:
        """Return the bytes that this user may still write to the file's disk."""
        return shutil.disk_usage(self._path.parent).free

    def damage(self) -> str | None:
        """Check every page's authentication code, then the structure."""
        with self.engine.connect() as connection:
            pages = connection.exec_driver_sql("PRAGMA cipher_integrity_check").all()
            if pages:
                return f"{len(pages)} pages are damaged"
            found = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
        return None if found == "ok" else "its structure is damaged"

    @contextlib.contextmanager
    def migrating(self, found: str | None) -> Iterator[None]:
        """Hold ``migration.lock``; afterwards a new file holds its tables, log or no log."""
        lock = FileLock(self._path.with_name("migration.lock"))
        with lock.holding(timeout=MIGRATION_TIMEOUT, doing="upgrading the store"):
            yield
            if found is None:
                self._outside_transactions("PRAGMA wal_checkpoint(TRUNCATE)")

    def copy(self, found: str) -> None:
        """Keep an encrypted copy, under the same key, beside the database.

        The copy of the migration before is removed once this one is complete.
        """
        require_space(self._path, self.size())
        kept = self._path.with_name(f"{COPY_PREFIX}{HEAD}.db")
        unfinished = kept.with_suffix(".part")
        unfinished.unlink(missing_ok=True)
        create_private(unfinished)
        # It writes with the key it reads with.
        self._outside_transactions("VACUUM INTO ?", str(unfinished))
        sync_file(unfinished)
        unfinished.replace(kept)
        sync_directory(kept.parent)
        for older in kept.parent.glob(f"{COPY_PREFIX}*.db"):
            if older != kept:
                older.unlink()

    def migrated(self, connection: Connection) -> None:
        """Do nothing: the tables are as declared."""

    def lock(self, name: str) -> FileLock:
        """Return the lock on the file ``<name>.lock`` beside the database."""
        return FileLock(self._path.with_name(f"{name}.lock"))

    def explain(self, error: BaseException | None) -> CloudOpsError:
        """Return what SQLite's message means; its text is fixed, the values in it are not."""
        return self.explained(error, self.place)

    @staticmethod
    def explained(error: BaseException | None, place: str) -> CloudOpsError:
        """Return what a driver's error means for the database at ``place``."""
        reason = str(error)
        if "not a database" in reason or "malformed" in reason or "disk image" in reason:
            return CloudOpsError(
                "The database cannot be decrypted: its key is another one, or the file is damaged",
                where=place,
                fix="Restore cloudops.db and key.json from the same copy; nothing was changed",
            )
        if "locked" in reason or "busy" in reason:
            return RetryableError(
                "Another process keeps the database busy",
                where=place,
                fix="Try again in a moment",
            )
        if "readonly" in reason or "unable to open" in reason:
            return CloudOpsError(
                "The database cannot be written",
                where=place,
                fix="Make the file and its directory writable for you",
            )
        if "full" in reason:
            return RetryableError(
                "There is no space left for the database", where=place, fix="Free some space"
            )
        if "disk I/O" in reason:
            return RetryableError(
                "The disk failed while the database was used",
                where=place,
                fix="Check the disk and the space left on it",
            )
        # The kind, not the text: it may quote values.
        return CloudOpsError(f"The database refused ({type(error).__name__})", where=place)

    def _outside_transactions(self, statement: str, *values: str) -> None:
        connection = self.engine.raw_connection()
        try:
            connection.cursor().execute(statement, values)
        finally:
            connection.close()


def create_private(path: Path) -> None:
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


def sync_file(path: Path) -> None:
    """Make what is in ``path`` durable."""
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def require_space(path: Path, size: int) -> None:
    """Check that a second file of ``size`` bytes fits beside ``path``.

    Raises
    ------
    RetryableError
        It does not.
    """
    free = shutil.disk_usage(path.parent).free
    if free < size + _SPARE:
        raise RetryableError(
            f"A copy of the database needs {(size + _SPARE) / 2**20:,.0f} MB, "
            f"{free / 2**20:,.0f} MB are free",
            where=str(path.parent),
            fix="Free some space",
        )


def configure(connection: Any, key: DataKey) -> None:
    """Unlock a fresh driver connection and make it safe."""
    # SQLCipher logs to stderr by itself, which belongs to the editor.
    connection.execute("PRAGMA cipher_log_level = NONE")
    # A raw key, so that no connection pays for a key derivation.
    connection.execute(f"PRAGMA key = \"x'{key.reveal().hex()}'\"")
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA trusted_schema = OFF")
    # What is moved within a page or to another one leaves no copy behind, at no cost of I/O.
    connection.execute("PRAGMA secure_delete = FAST")
    connection.execute("PRAGMA journal_mode = WAL")
    # FULL: what was acknowledged survives a power cut too, at one sync a transaction.
    connection.execute("PRAGMA synchronous = FULL")


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
    def connected(connection: Any, _record: object) -> None:
        configure(connection, key)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        options = connection.get_execution_options()
        if not options.get(_WRITE):
            connection.exec_driver_sql("BEGIN")
            return
        connection.exec_driver_sql("PRAGMA secure_delete = FAST")
        # Only outside of a transaction does SQLite take it; in WAL, NORMAL keeps the order.
        level = "FULL" if options.get(_DURABLE, True) else "NORMAL"
        connection.exec_driver_sql(f"PRAGMA synchronous = {level}")
        connection.exec_driver_sql(f"PRAGMA cache_size = -{_WRITING_CACHE}")
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine

"""PostgreSQL, where ``database.url`` names one: a store that several machines reach.

What is at rest there is encrypted by nobody but the server (decision 0010).
"""

from __future__ import annotations

import contextlib
import zlib
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, Connection, Engine, Table, create_engine, make_url, text
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.exc import ArgumentError

from cloudops_ls.errors import CloudOpsError, RetryableError
from cloudops_ls.storage.database import BUSY_TIMEOUT, MIGRATION_TIMEOUT
from cloudops_ls.storage.locks import Lock

if TYPE_CHECKING:
    from collections.abc import Iterator

CONNECT_TIMEOUT = 10
"""Seconds to wait for the server."""
LOCKS = int.from_bytes(b"cls1")
"""The first of the two numbers of our advisory locks; the second one is the lock's name."""
_LOCAL = frozenset({None, "", "localhost", "127.0.0.1", "::1"})


class PostgreSql:
    """The backend of a home with ``database.url``.

    There is one writer at a time, as with SQLCipher: each takes an advisory lock when its
    transaction begins. Text sorts and compares by code point, as there.

    Parameters
    ----------
    url
        ``postgresql://user@host:port/database?options``; what libpq knows (``~/.pgpass``,
        ``PGPASSWORD``, ``sslmode``) counts. The database must exist, and should be this
        program's alone.

    Raises
    ------
    CloudOpsError
        The URL is not understood, another machine would be reached without TLS, or the driver is
        not installed.
    """

    kind = "PostgreSQL"

    def __init__(self, url: str) -> None:
        parsed = _parse(url)
        self.place = parsed.set(query={}).render_as_string(hide_password=True)
        try:
            self.engine = _engine(parsed)
        except ImportError as error:
            raise CloudOpsError(
                "The driver for PostgreSQL is not installed",
                where="setting cloudops.database.url",
                fix="Run: pip install 'cloudops-ls[postgres]'",
            ) from error

    def reading(self, connection: Connection) -> Connection:
        """Return the connection set to one snapshot for the whole transaction."""
        return connection.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )

    def writing(self, connection: Connection, *, durable: bool) -> Connection:
        """Return the connection set to see what was committed when the writers' lock was had.

        The server commits in groups; every transaction is durable.
        """
        return connection.execution_options(
            isolation_level="READ COMMITTED", postgresql_readonly=False
        )

    def begun(self, connection: Connection) -> None:
        """Take the writers' lock; the end of the transaction releases it."""
        connection.execute(_WRITERS)

    def erasing(self, connection: Connection) -> None:
        """Leave it to the server, whose VACUUM frees what no transaction sees any more."""

    def erased(self) -> None:
        """Leave it to the server: its log ends with its retention."""

    def insert(self, table: Table) -> Any:
        """Return PostgreSQL's INSERT."""
        return postgresql_insert(table)

    def size(self) -> int:
        """Return the bytes of the whole database."""
        with self.engine.connect() as connection:
            return int(connection.execute(_SIZE).scalar_one())

    def room(self) -> int | None:
        """Leave it to the server."""
        return None

    def damage(self) -> str | None:
        """Leave it to the server (``pg_amcheck``, data checksums)."""
        return None

    @contextlib.contextmanager
    def migrating(self, found: str | None) -> Iterator[None]:
        """Keep others from migrating."""
        lock = self.lock("migration")
        with lock.holding(timeout=MIGRATION_TIMEOUT, doing="upgrading the store"):
            yield

    def copy(self, found: str) -> None:
        """Do nothing: a server's copies are its administrator's (``pg_dump``, snapshots)."""

    def migrated(self, connection: Connection) -> None:
        """Have text sort and compare by code point, whatever the database was created with.

        Raises
        ------
        CloudOpsError
            The database does not keep Unicode.
        """
        if connection.execute(text("SHOW server_encoding")).scalar_one() != "UTF8":
            raise CloudOpsError(
                "The database does not keep Unicode",
                where=self.place,
                fix="Create it with ENCODING 'UTF8'",
            )
        for table, column in connection.execute(_COLLATED).all():
            quote = connection.dialect.identifier_preparer.quote
            connection.exec_driver_sql(
                f"ALTER TABLE {quote(table)} ALTER COLUMN {quote(column)} "
                'TYPE text COLLATE pg_catalog."C"'
            )

    def lock(self, name: str) -> AdvisoryLock:
        """Return an advisory lock, which ends with its connection."""
        return AdvisoryLock(self.engine, name, self.place)

    def explain(self, error: BaseException | None) -> CloudOpsError:
        """Return what an error means, by its SQLSTATE; messages quote values."""
        state = getattr(error, "sqlstate", None) or _state_of_a_refusal(str(error))
        if state is None or state.startswith(("08", "57P")):
            return RetryableError(
                "PostgreSQL cannot be reached",
                where=self.place,
                fix="Start it, or correct cloudops.database.url",
            )
        if state in ("55P03", "40001", "40P01", "57014"):
            return RetryableError(
                "Another process keeps the database busy",
                where=self.place,
                fix="Try again in a moment",
            )
        if state.startswith("28"):
            return CloudOpsError(
                "PostgreSQL refuses this user",
                where=self.place,
                fix="Put the password into ~/.pgpass or PGPASSWORD",
            )
        if state == "3D000":
            return CloudOpsError(
                "PostgreSQL has no such database",
                where=self.place,
                fix="Create it, or correct cloudops.database.url",
            )
        if state in ("42501", "25006"):
            return CloudOpsError(
                "The database cannot be written",
                where=self.place,
                fix="Let this user create and change tables in it",
            )
        if state.startswith("53"):
            return RetryableError(
                "The database server has run out of something it needs",
                where=self.place,
                fix="Look at its disk, memory and connections",
            )
        return CloudOpsError(f"The database refused (SQLSTATE {state})", where=self.place)


class AdvisoryLock(Lock):
    """A lock that a PostgreSQL session holds; the server ends it with the connection.

    Parameters
    ----------
    engine
        Whose database.
    name
        Of the lock.
    place
        The database, for messages.
    """

    def __init__(self, engine: Engine, name: str, place: str) -> None:
        self._engine = engine
        self._name = name
        self._connection: Connection | None = None
        self.place = place

    @property
    def held(self) -> bool:
        """Whether this object holds the lock."""
        return self._connection is not None

    def acquire(self) -> bool:
        """Try to take the lock without waiting; see `Lock.acquire`."""
        if self._connection is not None:
            return True
        # Of its own: the pool would take the connection, and with it the lock, elsewhere.
        connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        try:
            statement = text("SELECT pg_try_advisory_lock(:ours, :name)")
            taken = connection.execute(statement, {"ours": LOCKS, "name": _number(self._name)})
            if taken.scalar_one():
                self._connection = connection
        finally:
            if self._connection is None:
                connection.close()
        return self.held

    def release(self) -> None:
        """Give the lock back; harmless when it is not held."""
        connection, self._connection = self._connection, None
        if connection is not None:
            # With its connection, for good.
            connection.invalidate()
            connection.close()


def _state_of_a_refusal(message: str) -> str | None:
    """Return the SQLSTATE of a refused connection: libpq passes on the server's words alone."""
    if "does not exist" in message and "database" in message:
        return "3D000"
    if any(each in message for each in ("authentication", "password", "pg_hba", "role")):
        return "28000"
    return None


def _number(name: str) -> int:
    return zlib.crc32(name.encode()) - 2**31


_WRITERS = text(f"SELECT pg_advisory_xact_lock({LOCKS}, {_number('write')})")
_SIZE = text("SELECT pg_database_size(current_database())")
_COLLATED = text(
    "SELECT table_name, column_name FROM information_schema.columns "
    "WHERE table_schema = current_schema() AND data_type = 'text' "
    "AND collation_name IS DISTINCT FROM 'C'"
)


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        parsed = None
    if parsed is None or parsed.get_backend_name() != "postgresql":
        # Without the value: it may hold a password.
        raise CloudOpsError(
            "The database's URL is not understood",
            where="setting cloudops.database.url",
            fix="Write postgresql://user@host/database",
        )
    if parsed.host not in _LOCAL and not str(parsed.host).startswith("/"):
        encrypted = ("require", "verify-ca", "verify-full")
        if parsed.query.get("sslmode", "require") not in encrypted:
            raise CloudOpsError(
                "The database would be reached without encryption",
                where="setting cloudops.database.url",
                fix="Set sslmode to verify-full, verify-ca or require",
            )
        parsed = parsed.update_query_dict({"sslmode": parsed.query.get("sslmode", "require")})
    return parsed.set(drivername="postgresql+psycopg")


def _engine(url: URL) -> Engine:
    return create_engine(
        url,
        # Statements may be logged; the values in them never.
        hide_parameters=True,
        connect_args={
            "connect_timeout": CONNECT_TIMEOUT,
            "application_name": "cloudops-ls",
            "options": f"-c lock_timeout={int(BUSY_TIMEOUT * 1000)}",
        },
        # A server that was restarted is not an error.
        pool_pre_ping=True,
        pool_size=4,
        max_overflow=28,
    )

"""The store in PostgreSQL, whose process here is killed while it writes there."""

from __future__ import annotations

import contextlib
import hashlib
import os
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, create_engine, make_url, text
from sqlalchemy.exc import IntegrityError, ProgrammingError

from cloudops_ls.home import Home
from cloudops_ls.storage.service import StorageService

from .store import ScriptedWorkload
from .store_workloads import ChatWorkload, ExecutionWorkload, SyncWorkload

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SERVER = "CLOUDOPS_TEST_POSTGRES"
"""Variable with the URL of a database on the server, for the processes that are killed."""


class InPostgres(ScriptedWorkload):
    """Scripted work on a store in a database of its own for every home: a copy of the prepared one.

    Mixed into a workload before the class that says what is done.
    """

    # There are no files of ours.
    planted = ()

    talks = True

    def open(self, home: Home) -> StorageService:
        """Open the store of ``home`` in its database, which is made where there is none."""
        prepared = home.root.with_name("template")
        return StorageService.open(home, database_url=_database(home, like=Home(prepared)))

    def assert_whole(self, service: StorageService) -> None:
        """Check the log; pages and references are the server's own business."""
        assert service.audit.verify().broken is None

    def check(self, home: Home, acknowledged: Sequence[Any]) -> None:
        super().check(home, acknowledged)
        with _administering() as connection:
            connection.execute(text(f"DROP DATABASE {_name(home)} WITH (FORCE)"))


class SyncInPostgres(InPostgres, SyncWorkload):
    """Listings of one scope."""

    name = "sync, PostgreSQL"


class ChatInPostgres(InPostgres, ChatWorkload):
    """Conversations."""

    name = "chat, PostgreSQL"


class ExecutionInPostgres(InPostgres, ExecutionWorkload):
    """Commands recorded from approval to end."""

    name = "execution record, PostgreSQL"


@contextlib.contextmanager
def _administering() -> Iterator[Connection]:
    engine = create_engine(
        make_url(os.environ[SERVER]).set(drivername="postgresql+psycopg"),
        isolation_level="AUTOCOMMIT",
    )
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def _name(home: Home) -> str:
    return f"faults_{hashlib.sha256(str(home.root).encode()).hexdigest()[:16]}"


def _database(home: Home, *, like: Home) -> str:
    """Return the URL of a home's database; one that is not there becomes a copy of another."""
    name = _name(home)
    there = text("SELECT datname FROM pg_database WHERE datname IN (:name, :like)")
    with _administering() as connection:
        found = set(connection.execute(there, {"name": name, "like": _name(like)}).scalars())
        if name not in found:
            # One that was killed here may still be having it made.
            with contextlib.suppress(ProgrammingError, IntegrityError):
                source = _name(like) if found else "template0"
                connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {source}"))
    return make_url(os.environ[SERVER]).set(database=name).render_as_string()

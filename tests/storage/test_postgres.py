"""What is PostgreSQL's own: connecting, text, restarts. Everything else runs on both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from cloudops_ls.errors import CloudOpsError, RetryableError
from cloudops_ls.storage.database import Database
from cloudops_ls.storage.postgres import PostgreSql
from cloudops_ls.storage.records import Message, Role
from cloudops_ls.storage.service import StorageService
from cloudops_ls.storage.tables import Base

from .postgres_server import PostgresServer
from .samples import resource, ring

if TYPE_CHECKING:
    from cloudops_ls.home import Home


def test_migrations_lead_to_exactly_the_declared_tables(postgres: PostgresServer) -> None:
    database = Database.prepared(PostgreSql(postgres.empty_database()))
    with database.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
    database.close()


def test_openers_that_race_migrate_once(postgres: PostgresServer, home: Home) -> None:
    url = postgres.empty_database()

    def work(_: int) -> int:
        with StorageService.open(home, database_url=url) as service:
            return service.estate.count()

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(work, range(4))) == [0] * 4


def test_a_newer_schema_is_refused(postgres: PostgresServer) -> None:
    url = postgres.new_database()
    database = Database.prepared(PostgreSql(url))
    with database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    database.close()
    with pytest.raises(CloudOpsError, match=r"newer version \(schema 9999"):
        Database.prepared(PostgreSql(url))


def test_names_sort_by_code_point_as_in_sqlite(postgres: PostgresServer, home: Home) -> None:
    names = ["web-2", "Web-1", "web_1", "éclair", "web-10", "zebra", "Zebra"]
    orders = []
    for url in (None, postgres.new_database()):
        with StorageService.open(
            home, database_url=url, keys=None if url else ring(home)
        ) as service:
            service.estate.bulk_upsert(resource(name) for name in names)
            orders.append([row.name for row in service.estate.names()])
            assert [hit.resource.name for hit in service.estate.search("ZEB")][:1] == ["Zebra"]
    assert orders[0] == orders[1]


def test_text_that_postgresql_cannot_keep_is_kept_as_near_as_can_be(
    postgres: PostgresServer, home: Home
) -> None:
    with StorageService.open(home, database_url=postgres.new_database()) as service:
        service.chat.append("thread", Message(role=Role.USER, content="a\0b ⚡"))
        assert service.chat.get_history("thread")[0].content == "a␀b ⚡"


def test_the_home_needs_no_key_and_holds_no_database(postgres: PostgresServer, home: Home) -> None:
    with StorageService.open(home, database_url=postgres.new_database()) as service:
        health = service.health()
        assert health.parts[0].name == "database"
        assert "PostgreSQL" in health.part("database").detail
    assert not home.database.exists()
    assert not home.wrapped_key.exists()


def test_what_was_acknowledged_survives_a_crash_of_the_server(home: Home) -> None:
    from .postgres_server import find_binaries

    binaries = find_binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL to test with: postgres is not installed")
    with PostgresServer(binaries) as own:
        url = own.empty_database()
        with StorageService.open(home, database_url=url) as service:
            service.chat.append("thread", Message(role=Role.USER, content="before"))
            assert service.sync.lock().acquire()
            own.stop()
            with pytest.raises(RetryableError, match="cannot be reached"):
                service.chat.append("thread", Message(role=Role.USER, content="lost"))
            with pytest.raises(RetryableError, match="cannot be reached"):
                StorageService.open(home, database_url=url)
            own.start()
            service.chat.append("thread", Message(role=Role.USER, content="after"))
            said = [each.content for each in service.chat.get_history("thread")]
            assert said == ["before", "after"]
            # The lock went with the connection that held it.
            assert service.sync.lock().acquire()


def test_a_lock_is_exclusive_between_connections(postgres: PostgresServer) -> None:
    backend = PostgreSql(postgres.new_database())
    first, second = backend.lock("sync"), backend.lock("sync")
    assert first.acquire()
    assert first.held
    assert not second.acquire()
    assert backend.lock("another").acquire()
    with pytest.raises(RetryableError, match="still testing"):
        second.wait(timeout=0.1, doing="testing")
    first.release()
    assert second.acquire()
    backend.engine.dispose()


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("mysql://user:hidden@host/db", "URL is not understood"),
        ("postgresql://user:hidden@host:no/db", "URL is not understood"),
        ("postgresql://user:hidden@db.example.com/db?sslmode=disable", "without encryption"),
        ("postgresql://user:hidden@db.example.com/db?sslmode=prefer", "without encryption"),
    ],
)
def test_an_unfit_url_is_refused_without_being_quoted(url: str, message: str) -> None:
    with pytest.raises(CloudOpsError, match=message) as raised:
        PostgreSql(url)
    assert "hidden" not in str(raised.value)


def test_another_machine_is_reached_with_tls() -> None:
    backend = PostgreSql("postgresql://user:hidden@db.example.com/db")
    assert backend.engine.url.query["sslmode"] == "require"
    assert "hidden" not in backend.place


def test_a_database_that_does_not_exist_is_named(postgres: PostgresServer) -> None:
    with pytest.raises(CloudOpsError, match="no such database"):
        Database.prepared(PostgreSql(postgres.url("nowhere")))

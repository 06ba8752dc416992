from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from cloudops_ls.errors import CloudOpsError
from cloudops_ls.storage.database import Database
from cloudops_ls.storage.keys import DataKey
from cloudops_ls.storage.locks import FileLock
from cloudops_ls.storage.migrate import configuration
from cloudops_ls.storage.records import AccountRecord
from cloudops_ls.storage.schema import HEAD
from cloudops_ls.storage.service import StorageService
from cloudops_ls.storage.tables import Base

from .samples import resource, ring

if TYPE_CHECKING:
    from pathlib import Path

    from cloudops_ls.home import Home

KEY = DataKey("0" * 16, bytes(range(32)))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cloudops.db"


def test_migrations_lead_to_exactly_the_declared_tables(path: Path) -> None:
    database = Database.open(path, KEY)
    with database.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
        script = ScriptDirectory.from_config(configuration(connection))
        assert script.get_current_head() == HEAD
    database.close()


def test_opening_again_does_not_import_alembic(home: Home) -> None:
    StorageService.open(home, keys=ring(home)).close()
    code = """
import sys
from pathlib import Path
from cloudops_ls.home import Home
from cloudops_ls.storage.keys import KeyRing
from cloudops_ls.storage.service import StorageService
home = Home(Path(sys.argv[1]))
StorageService.open(home, keys=KeyRing(home, environ={"CLOUDOPS_PASSPHRASE": sys.argv[2]})).close()
print([name for name in ("alembic", "qdrant_client", "qdrant_edge", "fastembed", "numpy", "keyring")
       if name in sys.modules])
"""
    found = subprocess.run(
        [sys.executable, "-c", code, str(home.root), "a passphrase of the tests"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert found.stdout == "[]\n"
    assert found.stderr == ""


def test_a_newer_schema_is_refused_and_left_alone(path: Path) -> None:
    database = Database.open(path, KEY)
    with database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    database.close()
    with pytest.raises(CloudOpsError, match=r"newer version \(schema 9999"):
        Database.open(path, KEY)


def test_a_wrong_key_is_named_without_any_secret(path: Path, capfd: pytest.CaptureFixture) -> None:
    Database.open(path, KEY).close()
    wrong = DataKey("1" * 16, b"w" * 32)
    before = path.read_bytes()
    with pytest.raises(CloudOpsError, match="key is another one, or the file is damaged") as raised:
        Database.open(path, wrong)
    assert (b"w" * 32).hex() not in str(raised.value)
    assert path.read_bytes() == before
    # SQLCipher likes to report to stderr, which editors show.
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("where", [0, 100, 5000])
def test_a_damaged_file_is_named(home: Home, where: int) -> None:
    with StorageService.open(home, keys=ring(home)) as service:
        service.estate.bulk_upsert(resource(f"db-{index}") for index in range(500))
    content = bytearray(home.database.read_bytes())
    start = where % len(content)
    for page in range(start, len(content), 4096):
        content[page] ^= 0xFF
    home.database.write_bytes(content)
    with (
        pytest.raises(CloudOpsError, match="damaged"),
        StorageService.open(home, keys=ring(home)) as service,
    ):
        list(service.estate.names())


def test_a_file_that_is_no_database_is_named(path: Path) -> None:
    path.write_bytes(b"plain text, not a database" * 1000)
    with pytest.raises(CloudOpsError, match="cannot be decrypted"):
        Database.open(path, KEY)


def test_errors_and_their_chain_carry_no_values(home: Home) -> None:
    with StorageService.open(home, keys=ring(home)) as service:
        with pytest.raises(CloudOpsError) as raised, service._database.write() as connection:
            connection.execute(
                text("INSERT INTO accounts (account_id) VALUES (:secret)"), {"secret": "planted"}
            )
        assert "planted" not in str(raised.value)
        assert raised.value.__suppress_context__


def test_files_and_directories_are_private(home: Home) -> None:
    with StorageService.open(home, keys=ring(home)) as service:
        service.estate.upsert_resource(resource("db"))
        service.sync.publish()
        assert service.sync.lock().acquire()
        modes = {
            path.relative_to(home.root.parent): path.stat().st_mode & 0o777
            for path in [home.root, *home.root.rglob("*")]
        }
    assert {str(path) for path, _ in modes.items()} >= {
        "home/data/cloudops.db",
        "home/data/cloudops.db-wal",
        "home/data/key.json",
        "home/data/metadata/sync_status.json",
        "home/data/sync.lock",
    }
    for path in [home.root, *home.root.rglob("*")]:
        expected = 0o700 if path.is_dir() else 0o600
        assert path.stat().st_mode & 0o777 == expected, path


def test_a_transaction_is_all_or_nothing(service: StorageService) -> None:
    with pytest.raises(RuntimeError), service._database.write() as connection:
        connection.execute(text("INSERT INTO accounts VALUES ('1', NULL, '[]')"))
        raise RuntimeError
    assert service.estate.accounts() == []


def test_many_threads_may_write_and_read(service: StorageService) -> None:
    def work(index: int) -> int:
        service.estate.put_account(AccountRecord(account_id=f"{index:012d}"))
        service.estate.upsert_resource(resource(f"db-{index}"))
        return service.estate.count()

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(work, range(60)))
    assert service.estate.count() == 60
    assert len(service.estate.accounts()) == 60
    assert service.estate.generation() == 60


def test_openers_that_race_migrate_once(home: Home) -> None:
    home.create()
    keys = ring(home)
    keys.open()

    def work(_: int) -> int:
        with StorageService.open(home, keys=ring(home)) as service:
            return service.estate.count()

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(work, range(6))) == [0] * 6


def test_a_lock_is_exclusive_and_ends_with_its_process(tmp_path: Path) -> None:
    path = tmp_path / "sync.lock"
    code = """
import sys, time
from pathlib import Path
from cloudops_ls.storage.locks import FileLock
lock = FileLock(Path(sys.argv[1]))
print(lock.acquire(), flush=True)
time.sleep(60)
"""
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "True\n"
        mine = FileLock(path)
        assert not mine.acquire()
        other.kill()
        other.wait()
        assert mine.acquire()
        assert not FileLock(path).acquire()
        mine.release()
        assert not mine.held

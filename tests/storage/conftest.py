from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cloudops_ls.home import Home
from cloudops_ls.storage.service import StorageService

from .postgres_server import PostgresServer, find_binaries
from .qdrant_server import QdrantTestServer
from .samples import ring

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    runtime = tmp_path / "run"
    runtime.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    for name in ("CLOUDOPS_PASSPHRASE", "CLOUDOPS_KEY_FILE", "CLOUDOPS_HOME"):
        monkeypatch.delenv(name, raising=False)
    return Home(tmp_path / "home")


@pytest.fixture
def qdrant() -> Iterator[QdrantTestServer]:
    with QdrantTestServer() as running:
        yield running


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    binaries = find_binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL to test with: postgres is not installed")
    with PostgresServer(binaries) as server, tempfile.TemporaryDirectory() as directory:
        # Migrating is what takes long: once, every test gets a copy.
        home = Home(Path(directory) / "home")
        StorageService.open(home, database_url=server.url("template")).close()
        yield server


@pytest.fixture(params=["sqlcipher", "postgresql"])
def database_url(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str | None:
    """Every test that uses the store, directly or through `service`, runs on both."""
    if request.param == "sqlcipher":
        monkeypatch.delenv("TEST_DATABASE_URL", raising=False)
        return None
    url = request.getfixturevalue("postgres").new_database()
    # For the processes that the tests start.
    monkeypatch.setenv("TEST_DATABASE_URL", url)
    return url


@pytest.fixture
def service(home: Home, database_url: str | None) -> Iterator[StorageService]:
    with StorageService.open(home, keys=ring(home), database_url=database_url) as opened:
        yield opened

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest

from cloudops_ls.home import Home
from cloudops_ls.storage.backup.layout import Layout
from cloudops_ls.storage.backup.records import BackupPlan
from cloudops_ls.storage.backup.s3 import S3ObjectStore
from cloudops_ls.storage.recovery_key import RecoveryKey
from cloudops_ls.storage.service import StorageService
from tests.storage.samples import ring

from .cloud import make_bucket, s3, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_numbers = itertools.count()


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    with serving() as address:
        yield address


@pytest.fixture(scope="session")
def shared_client(endpoint: str) -> Any:
    return s3(endpoint)


@pytest.fixture
def client(shared_client: Any) -> Any:
    return shared_client


@pytest.fixture
def bucket(client: Any) -> str:
    """A bucket of its own for every test."""
    name = f"user-cloudops-backup-{next(_numbers)}"
    make_bucket(client, name)
    return name


@pytest.fixture
def plan(client: Any, bucket: str) -> BackupPlan:
    return BackupPlan(S3ObjectStore(lambda: client, bucket), Layout("", "ana"))


@pytest.fixture(scope="session")
def recovery() -> RecoveryKey:
    return RecoveryKey.generate()


@pytest.fixture
def service(home: Home, plan: BackupPlan, recovery: RecoveryKey) -> Iterator[StorageService]:
    with StorageService.open(home, keys=ring(home), backup=lambda: plan) as opened:
        opened.backup.state.keep_recipient(recovery.recipient)
        yield opened


@pytest.fixture
def database_url() -> None:
    """Every test has its own encrypted file; those of PostgreSQL say so."""


@pytest.fixture
def another_machine(tmp_path: Path, plan: BackupPlan) -> Iterator[Callable[[], StorageService]]:
    """Opens new empty stores that know the bucket and nothing else."""
    opened: list[StorageService] = []

    def new() -> StorageService:
        home = Home(tmp_path / f"machine{len(opened)}")
        opened.append(StorageService.open(home, keys=ring(home), backup=lambda: plan))
        return opened[-1]

    yield new
    for each in opened:
        each.close()

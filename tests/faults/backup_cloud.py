"""Stores whose backups go to a real S3 endpoint, and what is wrong with that endpoint."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cloudops_ls.home import Home
from cloudops_ls.storage.backup.layout import Layout
from cloudops_ls.storage.backup.records import BackupPlan
from cloudops_ls.storage.backup.restoring import RestoreMode
from cloudops_ls.storage.backup.s3 import S3ObjectStore
from cloudops_ls.storage.recovery_key import RecoveryKey
from cloudops_ls.storage.service import StorageService
from tests.storage.backup.cloud import BUCKET, s3
from tests.storage.backup.contents import restored_record
from tests.storage.samples import ring

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from cloudops_ls.storage.backup.object_store import ObjectStore, StoredObject

ENDPOINT = "CLOUDOPS_TEST_S3"
"""Variable with the endpoint, for the processes that are killed."""
RECOVERY = RecoveryKey.parse(
    "AGE-SECRET-KEY-1KNPKX45TNQRVEJ4779FRA0FHZUQH8VGL6YCFW6CDGT4E930XHDQQLHY5E5", where="the tests"
)


@cache
def client(endpoint: str) -> Any:
    return s3(endpoint)


def bucket_of(home: Home) -> tuple[S3ObjectStore, Layout]:
    """Return the bucket, and the folder in it that belongs to this home alone."""
    folder = hashlib.sha256(str(home.root).encode()).hexdigest()[:16]
    endpoint = os.environ[ENDPOINT]
    return S3ObjectStore(lambda: client(endpoint), BUCKET), Layout("", folder)


def plan_of(home: Home, wrap: Any = None) -> BackupPlan:
    store, layout = bucket_of(home)
    return BackupPlan(store if wrap is None else wrap(store), layout)


def open_store(home: Home, plan: BackupPlan) -> StorageService:
    service = StorageService.open(home, keys=ring(home), backup=lambda: plan)
    if service.backup.state.recipient() is None:
        service.backup.state.keep_recipient(RECOVERY.recipient)
    return service


def digest(record: dict[str, Any]) -> str:
    return hashlib.sha256(repr(sorted(record.items())).encode()).hexdigest()


def live_digest(service: StorageService) -> str:
    """Return a digest of everything that a backup of the store must hold."""
    return digest(restored_record(service))


def digest_of_backup(plan: BackupPlan, name: str) -> str:
    """Restore a backup on a new machine that has the recovery key alone; digest what it got."""
    with tempfile.TemporaryDirectory() as directory:
        home = Home(Path(directory) / "home")
        shutil.copytree(_new_machine(), home.root)
        with StorageService.open(home, keys=ring(home), backup=lambda: plan) as service:
            service.backup.restore_from_s3(name, RestoreMode.REPLACE, recovery=RECOVERY)
            return digest(restored_record(service))


@cache
def _new_machine() -> Path:
    """An empty home with its tables made, to copy: migrating is what takes long."""
    root = Path(tempfile.mkdtemp(prefix="cloudops-faults-"))
    StorageService.open(Home(root), keys=ring(Home(root))).close()
    return root


class DyingStore:
    """A bucket in the middle of whose operations the process ends.

    Parameters
    ----------
    store
        The real one.
    at
        The operation that ends it; 0 for none.
    before
        Whether the operation is not done any more, or is the last one done.
    """

    def __init__(self, store: ObjectStore, at: int, *, before: bool) -> None:
        self._store = store
        self._at = at
        self._before = before
        self._count = 0

    def _step(self, *, begins: bool) -> None:
        self._count += begins
        if self._count == self._at and begins == self._before:
            os.kill(os.getpid(), signal.SIGKILL)

    def put(self, key: str, content: bytes, *, locked: bool = False) -> str:
        self._step(begins=True)
        etag = self._store.put(key, content, locked=locked)
        self._step(begins=False)
        return etag

    def get(self, key: str) -> bytes:
        self._step(begins=True)
        return self._store.get(key)

    def list(self, prefix: str) -> Iterator[StoredObject]:
        self._step(begins=True)
        return self._store.list(prefix)

    def delete(self, key: str) -> None:
        self._step(begins=True)
        self._store.delete(key)
        self._step(begins=False)

    def relock(self, key: str) -> bool:
        return self._store.relock(key)

    def now(self) -> datetime:
        return self._store.now()

"""Random sequences of work on backups; and one that is pruned under."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from cloudops_ls.errors import CloudOpsError
from cloudops_ls.storage.backup import bucket_lock
from cloudops_ls.storage.backup.pruning import Pruner
from tests.storage.backup.contents import fill, say

from .backup_cloud import open_store
from .backup_sequence import Sequence, play
from .harness import POINTS, Tally

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


pytestmark = pytest.mark.timeout(3600)

STEPS = 40 if POINTS else 8


@pytest.mark.parametrize(
    "seed", range(4) if POINTS else [int(os.environ.get("CLOUDOPS_SEQUENCE_SEED", "1"))]
)
def test_every_retained_backup_is_what_it_was(
    client: Any, tmp_path: Path, record: Callable[[Tally], None], seed: int
) -> None:
    record(play(Sequence(client, tmp_path, seed), STEPS, Tally("random sequences of backups")))


def test_a_backup_that_was_pruned_under_takes_itself_back(
    client: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even with locks that do not keep anybody out, as when one was taken for stale."""
    monkeypatch.setattr(bucket_lock.BucketLock, "__enter__", _enter_without_looking)
    first = Sequence(client, tmp_path, 500)
    with open_store(first.home, first.plan) as service:
        fill(service, 60)
        names = [service.backup.backup_to_s3().name]
        say(service, "thread", "more")
        names.append(service.backup.backup_to_s3().name)
        store = first.store
        real_put = store.put

        def put(key: str, content: bytes, *, locked: bool = False) -> str:
            if "/manifests/" in key:
                # In the last moment another process removes what the backup relies on.
                store.put = real_put  # type: ignore[method-assign]
                pruner = Pruner(
                    service.backup._access.to_read(first.plan, None),
                    bucket_lock.BucketLock(
                        store, first.plan.layout, bucket_lock.LockKind.EXCLUSIVE, "f" * 16
                    ).__enter__(),
                    _watch(),
                )
                pruner.remove([names[1]])
            return real_put(key, content, locked=locked)

        store.put = put  # type: ignore[method-assign]
        with pytest.raises(CloudOpsError, match="it was taken back"):
            service.backup.backup_to_s3()
        assert [each.name for each in service.backup.list_backups()] == [names[0]]
        found = service.backup.verify(read_data=True)
        assert found.ok, found.problems


def _enter_without_looking(lock: Any) -> Any:
    lock._write()
    return lock


def _watch() -> Any:
    from cloudops_ls.storage.backup.progress import Watch

    return Watch()

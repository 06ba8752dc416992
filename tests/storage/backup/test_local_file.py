"""One encrypted file with everything in it: whole or not there, proven before it is used."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from cloudops_ls.errors import CloudOpsError
from cloudops_ls.storage.backup.errors import BackupCancelledError
from cloudops_ls.storage.backup.progress import Watch
from cloudops_ls.storage.backup.restoring import RestoreMode
from cloudops_ls.storage.records import Execution
from cloudops_ls.storage.recovery_key import RecoveryKey
from tests.storage.samples import PASSPHRASE

from .contents import fill, restored_record, say, written_down

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cloudops_ls.home import Home
    from cloudops_ls.storage.service import StorageService


def test_an_exported_file_brings_everything_back(
    service: StorageService,
    another_machine: Callable[[], StorageService],
    recovery: RecoveryKey,
    tmp_path: Path,
) -> None:
    fill(service)
    file = tmp_path / "all.age"
    assert service.backup.export_to_file(file) > 60
    with pytest.raises(CloudOpsError, match="never overwritten"):
        service.backup.export_to_file(file)
    other = another_machine()
    other.backup.import_from_file(file, RestoreMode.REPLACE, recovery=recovery)
    assert restored_record(other) == written_down(service)


def test_a_file_that_is_damaged_or_sealed_for_others_changes_nothing(
    service: StorageService, tmp_path: Path
) -> None:
    fill(service)
    file = tmp_path / "all.age"
    service.backup.export_to_file(file)
    say(service, "thread", "later")
    before = written_down(service)
    whole = file.read_bytes()
    for damaged in (
        whole[: len(whole) // 2],
        whole[:-1],
        whole[:-700] + bytes([whole[-700] ^ 1]) + whole[-699:],
        b"",
    ):
        file.write_bytes(damaged)
        with pytest.raises(CloudOpsError, match=r"cannot be decrypted|none that cloudops-ls"):
            service.backup.import_from_file(file, RestoreMode.REPLACE)
    file.write_bytes(RecoveryKey.generate().recipient.seal(b"something"))
    with pytest.raises(CloudOpsError, match="another key or passphrase is needed"):
        service.backup.import_from_file(file, RestoreMode.REPLACE)
    with pytest.raises(CloudOpsError, match="Cannot read the exported file"):
        service.backup.import_from_file(tmp_path / "nowhere")
    assert written_down(service) == before


def test_an_export_that_is_stopped_leaves_no_file(service: StorageService, tmp_path: Path) -> None:
    fill(service)
    calls = iter(range(100))
    with pytest.raises(BackupCancelledError):
        service.backup.export_to_file(
            tmp_path / "all.age", watch=Watch(cancelled=lambda: next(calls) > 3)
        )
    with pytest.raises(CloudOpsError, match="Cannot write the exported file"):
        service.backup.export_to_file(tmp_path / "nowhere" / "all.age")
    assert not list(tmp_path.glob("*all.age*"))


_EXPORT = """
import resource, sys
from pathlib import Path
from cloudops_ls.storage import RecoveryKey, StorageService, StorageServiceConfig
recovery = RecoveryKey.parse(sys.stdin.read(), where="here")
with StorageService.init(StorageServiceConfig(Path(sys.argv[1]), sys.argv[2])) as storage:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    storage.backup.export_to_file(Path(sys.argv[3]))
    storage.backup.import_from_file(Path(sys.argv[3]), recovery=recovery)
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in other units elsewhere")
def test_what_is_large_is_never_in_memory_as_a_whole(
    service: StorageService, home: Home, recovery: RecoveryKey, tmp_path: Path
) -> None:
    found = service.executions.create(Execution(command="aws s3 ls"))
    for _ in range(50):
        service.executions.append_output(found.id, os.urandom(2**19).hex())
    service.close()
    done = subprocess.run(
        [sys.executable, "-c", _EXPORT, str(home.root), PASSPHRASE, str(tmp_path / "all.age")],
        input=recovery.reveal(),
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    assert (tmp_path / "all.age").stat().st_size > 25 * 2**20
    assert int(done.stdout) < 40, "megabytes more than before, of 50 that are stored"

"""The audit log: what is in it, together with what it describes, whoever writes and dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from cloudops_ls.errors import CloudOpsError
from cloudops_ls.storage.audit_chain import AuditEntry, AuditEvent
from cloudops_ls.storage.records import Execution
from cloudops_ls.storage.service import StorageService

from .audit_entries import fill, run_one
from .samples import PASSPHRASE, ring

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cloudops_ls.home import Home


def test_every_step_of_an_execution_is_in_the_log(service: StorageService) -> None:
    found = run_one(service)
    entries = list(service.audit.entries())
    assert [entry.event for entry in entries] == ["approved", "started", "ended"]
    assert {entry.execution_id for entry in entries} == {found}
    assert entries[0].details["argv"] == ["aws", "s3", "ls"]
    assert entries[2].details["exit_status"] == 0
    assert service.audit.verify().intact
    assert service.audit.get(2) == entries[1]
    assert service.audit.list(limit=1) == [entries[2]]


def test_an_empty_log_is_intact(service: StorageService) -> None:
    assert service.audit.verify().intact


def test_a_record_and_its_entry_are_written_together_or_not_at_all(service: StorageService) -> None:
    with pytest.raises(RuntimeError), service.audit.transaction() as audit:
        audit.append(AuditEvent.REFUSED)
        audit.connection.execute(text("INSERT INTO accounts VALUES ('1', NULL, '[]')"))
        raise RuntimeError
    assert service.estate.accounts() == []
    assert list(service.audit.entries()) == []
    fill(service)
    assert service.audit.verify().intact


def test_a_check_keeps_nobody_from_being_recorded(service: StorageService) -> None:
    """Those who run commands wait for the log, and outputs may take long to read."""
    fill(service)
    first = service.audit.get(1)

    def kept() -> Iterator[AuditEntry]:
        # While the check goes through the entries.
        service.audit.append(AuditEvent.REFUSED)
        assert first is not None
        yield first

    found = service.audit.verify(kept())
    assert (found.broken, found.entries) == (None, 6)
    assert service.audit.verify().entries == 7


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    details=st.dictionaries(
        st.text(max_size=5),
        st.one_of(st.text(max_size=20), st.integers(), st.booleans(), st.none()),
        max_size=4,
    )
)
def test_whatever_is_recorded_verifies(service: StorageService, details: dict) -> None:
    try:
        written = service.audit.append(AuditEvent.REFUSED, details=details)
    except UnicodeEncodeError:
        pytest.fail("a text could not be recorded")
    assert service.audit.get(written.seq) == written
    assert service.audit.verify().intact


def test_many_threads_and_processes_write_one_chain(home: Home, service: StorageService) -> None:
    code = """
import os, sys
from pathlib import Path
from cloudops_ls.home import Home
from cloudops_ls.storage.audit_chain import AuditEntry, AuditEvent
from cloudops_ls.storage.keys import KeyRing
from cloudops_ls.storage.service import StorageService
home = Home(Path(sys.argv[1]))
keys = KeyRing(home, environ={"CLOUDOPS_PASSPHRASE": sys.argv[2]})
with StorageService.open(
    home, keys=keys, database_url=os.environ.get("TEST_DATABASE_URL")
) as service:
    for number in range(15):
        service.audit.append(AuditEvent.REFUSED)
"""
    others = [
        subprocess.Popen([sys.executable, "-c", code, str(home.root), PASSPHRASE]) for _ in range(2)
    ]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: service.audit.append(AuditEvent.REFUSED), range(15)))
    assert [other.wait(60) for other in others] == [0, 0]
    result = service.audit.verify()
    assert result.broken is None
    assert result.entries == 45


_WRITE = """
import os, signal, sys
from pathlib import Path
from cloudops_ls.home import Home
from cloudops_ls.storage import audit_head
from cloudops_ls.storage.audit_chain import AuditEntry, AuditEvent
from cloudops_ls.storage.keys import KeyRing
from cloudops_ls.storage.service import StorageService
home = Home(Path(sys.argv[1]))
keys = KeyRing(home, environ={"CLOUDOPS_PASSPHRASE": sys.argv[2]})
service = StorageService.open(home, keys=keys)
service.audit.append(AuditEvent.REFUSED)
calls = 0
write = audit_head.HeadFile.write
def dying(self, key, head):
    global calls
    calls += 1
    if sys.argv[3] == f"before {calls}":
        os.kill(os.getpid(), signal.SIGKILL)
    write(self, key, head)
    if sys.argv[3] == f"after {calls}":
        os.kill(os.getpid(), signal.SIGKILL)
audit_head.HeadFile.write = dying
service.audit.append(AuditEvent.APPROVED)
"""


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX")
@pytest.mark.parametrize(
    ("moment", "entries"),
    [("before 1", 1), ("after 1", 1), ("before 2", 2), ("after 2", 2)],
)
def test_a_kill_at_any_moment_is_not_taken_for_tampering(
    home: Home, moment: str, entries: int
) -> None:
    ring(home).open() if home.wrapped_key.exists() else home.create()
    with StorageService.open(home, keys=ring(home)) as service:
        killed = subprocess.run(
            [sys.executable, "-c", _WRITE, str(home.root), PASSPHRASE, moment], timeout=60
        )
        assert killed.returncode == -signal.SIGKILL
        result = service.audit.verify()
        assert (result.entries, result.broken) == (entries, None)
        service.audit.append(AuditEvent.REFUSED)
        result = service.audit.verify()
        assert (result.entries, result.broken) == (entries + 1, None)


@pytest.fixture
def unwritable(home: Home, service: StorageService) -> Callable[[], None]:
    def forbid() -> None:
        home.audit_head.unlink(missing_ok=True)
        home.audit_head.mkdir()

    return forbid


def test_nothing_is_recorded_as_approved_when_the_log_cannot_be_written(
    service: StorageService, unwritable: Callable[[], None]
) -> None:
    unwritable()
    with pytest.raises(CloudOpsError, match="audit log cannot be written"):
        service.executions.create(Execution(command="aws s3 ls"))
    assert service.executions.list() == []


def test_a_log_that_cannot_be_locked_is_one_clear_error(
    home: Home, service: StorageService
) -> None:
    (home.data / "audit.lock").mkdir()
    with pytest.raises(CloudOpsError, match="Cannot open the lock file"):
        service.executions.create(Execution(command="aws s3 ls"))
    assert service.executions.list() == []


def test_a_user_without_a_name_is_a_number(
    home: Home, service: StorageService, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found")

    monkeypatch.setattr("getpass.getuser", nobody)
    with StorageService.open(home, keys=ring(home)) as other:
        assert other.audit.append(AuditEvent.REFUSED).actor.startswith("uid-")

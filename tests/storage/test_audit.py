"""The audit log: whatever is done to it, the first broken link is named."""

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
from cloudops_ls.storage.records import Execution, ExecutionStatus
from cloudops_ls.storage.service import StorageService

from .samples import PASSPHRASE, ring

if TYPE_CHECKING:
    from collections.abc import Callable

    from cloudops_ls.home import Home


def fill(service: StorageService, count: int = 6) -> None:
    for number in range(count):
        service.audit.append(AuditEvent.REFUSED, details={"reason": f"no {number}"})


def tamper(service: StorageService, *statements: str, **values: object) -> None:
    """Change the tables as somebody with the data key could."""
    with service._database.write() as connection:
        of_table = " ON audit" if connection.dialect.name == "postgresql" else ""
        for trigger in ("audit_no_update", "audit_no_delete"):
            connection.execute(text(f"DROP TRIGGER IF EXISTS {trigger}{of_table}"))
        for statement in statements:
            connection.execute(text(statement), values)


def run_one(service: StorageService, output: str = "done\n") -> str:
    log = service.executions
    created = log.create(Execution(command="aws s3 ls", argv=("aws", "s3", "ls")))
    log.update(created.id, status=ExecutionStatus.RUNNING)
    log.append_output(created.id, output)
    log.update(created.id, status=ExecutionStatus.SUCCESS, exit_status=0)
    return created.id


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


def test_the_database_refuses_to_change_or_remove_entries(service: StorageService) -> None:
    fill(service)
    for statement in ("UPDATE audit SET actor = 'me'", "DELETE FROM audit"):
        with pytest.raises(CloudOpsError), service._database.write() as connection:
            connection.execute(text(statement))
    assert service.audit.verify().intact


FIELDS = {
    "at": "2020-01-01T00:00:00+00:00",
    "event": "approved",
    "actor": "someone@else",
    "execution_id": "01FORGED",
    "details": '{"reason":"yes"}',
    "previous": "f" * 64,
    "digest": "f" * 64,
}


def test_a_changed_field_is_found_wherever_it_is(service: StorageService) -> None:
    fill(service)
    for seq in (1, 4, 6):
        for field, value in FIELDS.items():
            with service._database.read() as connection:
                query = text(f"SELECT {field} FROM audit WHERE seq = {seq}")
                before = connection.execute(query).scalar()
            change = f"UPDATE audit SET {field} = :value WHERE seq = {seq}"
            tamper(service, change, value=value)
            broken = service.audit.verify().broken
            assert broken is not None, field
            assert (broken.seq, broken.what) == (seq, f"entry {seq} was changed")
            tamper(service, change, value=before)
            assert service.audit.verify().intact


def test_an_unreadable_entry_is_found(service: StorageService) -> None:
    fill(service)
    for seq in (6, 4, 1):
        tamper(service, f"UPDATE audit SET details = 'no json' WHERE seq = {seq}")
        broken = service.audit.verify().broken
        assert broken is not None
        assert broken.seq == seq


@pytest.mark.parametrize(
    ("gone", "what"),
    [
        ("1", "entry 1 is missing"),
        ("3", "entry 3 is missing"),
        ("3, 4", "entries 3 to 4 are missing"),
        ("6", "entry 6 is missing"),
        ("4, 5, 6", "entries 4 to 6 are missing"),
        ("1, 2, 3, 4, 5, 6", "entries 1 to 6 are missing"),
    ],
)
def test_removed_entries_are_named_at_the_end_too(
    service: StorageService, gone: str, what: str
) -> None:
    fill(service)
    tamper(service, f"DELETE FROM audit WHERE seq IN ({gone})")
    broken = service.audit.verify().broken
    assert broken is not None
    assert broken.seq == int(gone[0])
    assert what in broken.what


def test_what_was_cut_off_stays_visible_when_the_log_goes_on(service: StorageService) -> None:
    fill(service)
    tamper(service, "DELETE FROM audit WHERE seq > 4")
    fill(service, 3)
    broken = service.audit.verify().broken
    assert broken is not None
    assert (broken.seq, broken.what) == (5, "entries 5 to 6 are missing")


def test_a_removed_head_record_hides_nothing(home: Home, service: StorageService) -> None:
    fill(service)
    tamper(service, "DELETE FROM audit WHERE seq > 4")
    home.audit_head.unlink()
    broken = service.audit.verify().broken
    assert broken is not None
    assert "head record is missing" in broken.what
    fill(service, 1)
    broken = service.audit.verify().broken
    assert broken is not None
    assert broken.seq == 5


def test_a_forged_head_record_hides_nothing(home: Home, service: StorageService) -> None:
    fill(service)
    home.audit_head.write_text(home.audit_head.read_text().replace('"seq":6', '"seq":4'))
    tamper(service, "DELETE FROM audit WHERE seq > 4")
    broken = service.audit.verify().broken
    assert broken is not None
    assert "missing or damaged" in broken.what


def test_entries_in_another_order_are_found(service: StorageService) -> None:
    fill(service)
    tamper(
        service,
        "UPDATE audit SET seq = 100 WHERE seq = 3",
        "UPDATE audit SET seq = 3 WHERE seq = 4",
        "UPDATE audit SET seq = 4 WHERE seq = 100",
    )
    broken = service.audit.verify().broken
    assert broken is not None
    assert broken.seq == 3


def insert_entry(service: StorageService, entry: AuditEntry) -> None:
    tamper(
        service,
        "INSERT INTO audit VALUES (:seq, :at, :event, :actor, NULL, '{}', :previous, :digest)",
        seq=entry.seq,
        at=entry.at.isoformat(),
        event=entry.event.value,
        actor=entry.actor,
        previous=entry.previous,
        digest=entry.digest,
    )


def forged(after: AuditEntry) -> AuditEntry:
    return AuditEntry.linked(
        after.seq + 1,
        after.digest,
        AuditEvent.APPROVED,
        at=after.at,
        actor=after.actor,
        execution_id=None,
        details={},
    )


def test_an_entry_put_in_the_middle_is_found(service: StorageService) -> None:
    fill(service)
    third = service.audit.get(3)
    assert third is not None
    tamper(
        service,
        "UPDATE audit SET seq = seq + 100 WHERE seq > 3",
        "UPDATE audit SET seq = seq - 99 WHERE seq > 100",
    )
    insert_entry(service, forged(third))
    broken = service.audit.verify().broken
    assert broken is not None
    # The inserted one is well linked itself; what comes after it is not.
    assert broken.seq == 5


def test_an_entry_put_at_the_end_is_found(service: StorageService) -> None:
    fill(service)
    last = service.audit.get(6)
    assert last is not None
    insert_entry(service, forged(last))
    broken = service.audit.verify().broken
    assert broken is not None
    assert broken.what == "entry 7 was not written by this program"
    fill(service, 1)
    assert service.audit.verify().broken is not None


def test_a_chain_computed_anew_does_not_fit_its_head(service: StorageService) -> None:
    fill(service)
    before = service.audit.get(4)
    assert before is not None
    tamper(service, "DELETE FROM audit WHERE seq > 4")
    insert_entry(service, first := forged(before))
    insert_entry(service, forged(first))
    broken = service.audit.verify().broken
    assert broken is not None
    assert "is not the one that was written" in broken.what


def test_an_export_tells_of_a_rewritten_log_whose_head_was_rewritten_too(
    service: StorageService,
) -> None:
    fill(service)
    kept = list(service.audit.entries())
    assert service.audit.verify(kept).intact
    # With the data key everything can be made anew, the seal included.
    tamper(service, "DELETE FROM audit", "DELETE FROM audit_seal")
    fill(service)
    assert service.audit.verify().intact
    broken = service.audit.verify(kept).broken
    assert broken is not None
    assert (broken.seq, broken.what) == (1, "entry 1 is not what was exported earlier")


def test_an_export_longer_than_the_log_is_named(service: StorageService) -> None:
    fill(service)
    kept = list(service.audit.entries())
    tamper(service, "DELETE FROM audit", "DELETE FROM audit_seal")
    broken = service.audit.verify(kept).broken
    assert broken is not None
    assert broken.what == "entry 1, exported earlier, is missing"


def test_changed_output_of_an_execution_is_found(service: StorageService) -> None:
    run_one(service)
    tamper(service, "UPDATE execution_output SET text = 'nothing happened'")
    broken = service.audit.verify().broken
    assert broken is not None
    assert broken.seq == 3
    assert "the stored output of execution" in broken.what


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
from cloudops_ls.storage.audit_chain import AuditEvent
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
from cloudops_ls.storage.audit_chain import AuditEvent
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

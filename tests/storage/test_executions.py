from __future__ import annotations

import contextlib
import hashlib
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import event

from cloudops_ls.storage import executions
from cloudops_ls.storage.execution_outputs import PIECE
from cloudops_ls.storage.processes import ProcessIdentity
from cloudops_ls.storage.records import Execution, ExecutionStatus, Message, Role
from cloudops_ls.storage.service import StorageService

from .samples import PASSPHRASE, ring

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cloudops_ls.home import Home


def _execution(**changes) -> Execution:
    return Execution(
        command="aws rds stop-db-instance --db-instance-identifier pg",
        argv=("rds", "stop-db-instance", "--db-instance-identifier", "pg"),
        profile="production",
        region="us-west-2",
        account_id="123456789012",
        approval_digest="d" * 64,
        metadata={"resource_ids": ["arn:1"]},
        **changes,
    )


def test_an_execution_is_followed_from_approval_to_end(service: StorageService) -> None:
    log = service.executions
    created = log.create(_execution(conversation_id="thread"))
    assert log.get(created.id) == created
    running = log.update(created.id, status=ExecutionStatus.RUNNING)
    assert running.started_at is not None
    log.append_output(created.id, "one\n")
    log.append_output(created.id, "twö ⚡")
    done = log.update(
        created.id, status=ExecutionStatus.SUCCESS, exit_status=0, metadata={"approved_by": "me"}
    )
    assert done.output == ""
    assert done.completed_at is not None
    assert done.metadata == {"resource_ids": ["arn:1"], "approved_by": "me"}
    assert log.get(created.id) == done.model_copy(update={"output": "one\ntwö ⚡"})
    assert log.list("thread") == [done]


def test_a_long_output_is_read_piece_by_piece(service: StorageService) -> None:
    log = service.executions
    created = log.create(_execution())
    long = "".join(f"{number:07}⚡" for number in range(100_000))
    log.append_output(created.id, long)
    pieces = log.output(created.id)
    first = next(pieces)
    assert len(first) < len(long) / 2
    # A reader in the middle holds up nobody, and gets what comes meanwhile.
    log.append_output(created.id, "end")
    assert first + "".join(pieces) == f"{long}end"
    assert log.output_length(created.id) == len(long) + 3
    assert (list(log.output("absent")), log.output_length("absent")) == ([], 0)


@contextlib.contextmanager
def _statements(service: StorageService) -> Iterator[list[str]]:
    found: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        found.append(statement)

    engine = service._database._engine
    event.listen(engine, "before_cursor_execute", note)
    yield found
    event.remove(engine, "before_cursor_execute", note)


def _signed_output(service: StorageService, execution_id: str) -> str:
    return str(service.audit.list(execution_id=execution_id)[0].details["output_digest"])


def test_no_output_is_read_while_others_wait_to_write(
    home: Home, service: StorageService, database_url: str | None
) -> None:
    """It may be hundreds of megabytes: its digest is there when its execution is closed."""
    log = service.executions
    pieces = ["one ⚡\n", "x" * (PIECE + 10), "nul \0 end"]
    first, second, third = (log.create(_execution(output=pieces[0])).id for _ in range(3))
    for text in pieces[1:]:
        log.append_output(first, text)
        log.append_output(second, text)
    with _statements(service) as closing:
        log.update(first, status=ExecutionStatus.SUCCESS)
    assert not [each for each in closing if "execution_output.text" in each]
    # Another process has to read it, and does so before it takes the writers' lock.
    with StorageService.open(home, keys=ring(home), database_url=database_url) as other:
        with _statements(other) as closing:
            other.executions.update(second, status=ExecutionStatus.FAILED)
        reads = [number for number, each in enumerate(closing) if "execution_output.text" in each]
        locks = [
            number
            for number, each in enumerate(closing)
            if "BEGIN IMMEDIATE" in each or "advisory" in each
        ]
        assert reads and max(reads) < min(locks)
        # Two that add to one output: what either of them stored counts.
        other.executions.append_output(third, "theirs\n")
    log.append_output(third, "mine\n")
    log.update(third, status=ExecutionStatus.SUCCESS)
    for found in (first, second, third):
        stored = "".join(log.output(found)).encode()
        assert _signed_output(service, found) == hashlib.sha256(stored).hexdigest()
    assert service.audit.verify().intact


def test_output_leaves_some_of_the_disk_to_others(
    service: StorageService, monkeypatch: pytest.MonkeyPatch
) -> None:
    created = service.executions.create(_execution())
    room = service._database.room()
    if room is None:
        pytest.skip("the database is on another machine")
    monkeypatch.setattr(executions, "RESERVE", room + 2**30)
    with pytest.raises(executions.NoRoomError, match="disk"):
        service.executions.append_output(created.id, "text")
    done = service.executions.update(created.id, status=ExecutionStatus.SUCCESS)
    assert done.status is ExecutionStatus.SUCCESS


def test_what_is_over_stays_over(service: StorageService) -> None:
    created = service.executions.create(_execution())
    service.executions.update(created.id, status=ExecutionStatus.FAILED, error="no")
    with pytest.raises(ValueError, match="failed cannot be running"):
        service.executions.update(created.id, status=ExecutionStatus.RUNNING)


def test_unknown_executions_are_told_apart(service: StorageService) -> None:
    assert service.executions.get("absent") is None
    with pytest.raises(KeyError):
        service.executions.update("absent", status=ExecutionStatus.RUNNING)
    with pytest.raises(KeyError):
        service.executions.append_output("absent", "text")


def test_the_log_outlives_its_conversation(service: StorageService) -> None:
    message = Message(role=Role.USER, content="stop")
    service.chat.append("thread", message)
    created = service.executions.create(_execution(conversation_id="thread", message_id=message.id))
    assert created.message_id == message.id
    service.chat.delete("thread")
    kept = service.executions.get(created.id)
    assert kept is not None
    assert (kept.conversation_id, kept.message_id) == (None, None)


def test_a_message_that_is_not_stored_is_dropped(service: StorageService) -> None:
    assert service.executions.create(_execution(message_id="absent")).message_id is None


def test_newest_come_first(service: StorageService) -> None:
    ids = [service.executions.create(_execution()).id for _ in range(3)]
    assert {each.id for each in service.executions.list()} == set(ids)
    assert len(service.executions.list(limit=2)) == 2


_RUN = """
import os, sys, time
from pathlib import Path
from cloudops_ls.home import Home
from cloudops_ls.storage.keys import KeyRing
from cloudops_ls.storage.records import Execution, ExecutionStatus
from cloudops_ls.storage.service import StorageService
home = Home(Path(sys.argv[1]))
keys = KeyRing(home, environ={"CLOUDOPS_PASSPHRASE": sys.argv[2]})
service = StorageService.open(
    home, keys=keys, database_url=os.environ.get("TEST_DATABASE_URL")
)
created = service.executions.create(Execution(command="aws s3 ls"))
service.executions.update(created.id, status=ExecutionStatus.RUNNING)
service.executions.append_output(created.id, "acknowledged")
print(created.id, flush=True)
time.sleep(60)
"""


def test_what_a_dead_process_ran_becomes_unknown(home: Home, service: StorageService) -> None:
    mine = service.executions.create(_execution(status=ExecutionStatus.RUNNING))
    with subprocess.Popen(
        [sys.executable, "-c", _RUN, str(home.root), PASSPHRASE], stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        theirs = other.stdout.readline().strip()
        assert theirs
        assert service.executions.recover() == []
        other.kill()
        other.wait()
    assert [each.id for each in service.executions.recover()] == [theirs]
    assert service.executions.recover() == []
    found = service.executions.get(theirs)
    assert found is not None
    assert found.status is ExecutionStatus.UNKNOWN
    assert found.output == "acknowledged"
    assert found.error
    still = service.executions.get(mine.id)
    assert still is not None
    assert still.status is ExecutionStatus.RUNNING


def test_a_reused_process_id_is_another_process() -> None:
    me = ProcessIdentity.current()
    assert me.alive
    assert me.pid == os.getpid()
    assert not ProcessIdentity(me.pid, "another start").alive
    parent = ProcessIdentity(os.getppid(), "another start")
    assert not parent.alive

"""What a store holds, written down independently of the code that backs it up.

The record is of the raw values that SQLite itself returns, table by table, so nothing of the
backup's own reading, ordering or types takes part in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudops_ls.storage.records import (
    AccountRecord,
    Execution,
    ExecutionStatus,
    Message,
    Role,
)
from tests.storage.samples import ACCOUNT, REGION, resource

if TYPE_CHECKING:
    from cloudops_ls.storage.service import StorageService

NOT_IN_BACKUPS = {
    "vectors",
    "name_snapshot",
    "backup_state",
    "audit_seal",
    "alembic_version",
    "sqlite_sequence",
}
LOCAL = {("resources", "revision"), ("meta", "value")}
"""Counters of one store."""


def written_down(service: StorageService, *, audit: bool = True) -> dict[str, Any]:
    """Return every row of every table that a backup must hold."""
    record: dict[str, Any] = {}
    with service._database.read() as connection:
        tables = connection.exec_driver_sql(
            "SELECT name FROM sqlite_master WHERE type = 'table'"
        ).scalars()
        for table in sorted(set(tables) - NOT_IN_BACKUPS - (set() if audit else {"audit"})):
            result = connection.exec_driver_sql(f"SELECT * FROM {table}")
            keep = [index for index, name in enumerate(result.keys()) if (table, name) not in LOCAL]
            record[table] = sorted(repr([row[index] for index in keep]) for row in result)
    return record


def restored_record(service: StorageService) -> dict[str, Any]:
    """Return what `written_down` does, without the audit entry of the restore itself."""
    record = written_down(service)
    record["audit"] = [row for row in record["audit"] if "'restored'" not in row]
    return record


def fill(service: StorageService, count: int = 60, prefix: str = "svc") -> None:
    """Put something into every table."""
    generation = service.estate.begin_scope(ACCOUNT, REGION, "rds_instance")
    service.estate.bulk_upsert(
        [resource(f"{prefix}-{number:05d}") for number in range(count)], generation=generation
    )
    service.estate.finish_scope(ACCOUNT, REGION, "rds_instance", generation, complete=True)
    service.estate.put_account(AccountRecord(account_id=ACCOUNT, alias="main", profiles=("p",)))
    for thread in range(3):
        for turn in range(4):
            say(service, f"{prefix}-thread-{thread}", f"{prefix} says {turn} 🐘 é\u2028 \\ \" ' \t")
    service.chat.update_context(f"{prefix}-thread-0", {"tags": ["a", {"b": None}], "n": 1.5})
    run(service, f"{prefix}-thread-1", f"{prefix}-output")


def say(service: StorageService, thread: str, text: str) -> Message:
    message = Message(role=Role.USER, content=text, metadata={"resources_mentioned": ["x"]})
    service.chat.append(thread, message)
    return message


def run(service: StorageService, thread: str, output: str) -> None:
    execution = service.executions.create(
        Execution(conversation_id=thread, command="aws s3 ls", argv=("aws", "s3", "ls"))
    )
    service.executions.update(execution.id, status=ExecutionStatus.RUNNING)
    for piece in range(3):
        service.executions.append_output(execution.id, f"{output} {piece}\n")
    service.executions.update(execution.id, status=ExecutionStatus.SUCCESS, exit_status=0)

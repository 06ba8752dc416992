"""Filling an audit log, and changing it behind its back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

from cloudops_ls.storage.audit_chain import AuditEvent
from cloudops_ls.storage.records import Execution, ExecutionStatus

if TYPE_CHECKING:
    from cloudops_ls.storage.service import StorageService


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

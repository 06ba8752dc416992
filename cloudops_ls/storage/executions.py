"""The log of commands that were run; every step is audited in the transaction that stores it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from sqlalchemy import Row, insert, or_, select, update

from cloudops_ls.errors import CloudOpsError
from cloudops_ls.storage.audit_chain import AuditEvent
from cloudops_ls.storage.chat import ensure_conversation
from cloudops_ls.storage.execution_outputs import (
    OutputDigest,
    add_output,
    output_digest,
    output_length,
    output_of,
    stream_output,
)
from cloudops_ls.storage.processes import ProcessIdentity
from cloudops_ls.storage.records import Execution, ExecutionStatus, now
from cloudops_ls.storage.tables import ExecutionRow, MessageRow

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic import JsonValue
    from sqlalchemy import Connection

    from cloudops_ls.storage.audit import AuditLog, AuditTransaction
    from cloudops_ls.storage.database import Database

UNSEEN_END = "The process that watched this command ended before the command did."
RESERVE = 256 * 2**20
"""Bytes of disk that output is never stored into."""


class NoRoomError(CloudOpsError):
    """The disk has no room for more output."""


class ExecutionLog:
    """Every execution, from approval to end; the calling process owns those it creates."""

    def __init__(self, database: Database, audit: AuditLog) -> None:
        self._database = database
        self._audit = audit
        self._outputs: dict[str, OutputDigest] = {}
        """Of executions whose output is being stored by this process."""
        self._appending = threading.Lock()

    def create(self, execution: Execution) -> Execution:
        """Record an approved execution, owned by this process.

        Its conversation is created where it is not stored yet; a ``message_id`` that is not
        stored is dropped.
        """
        owner = ProcessIdentity.current()
        with self._audit.transaction() as audit:
            connection = audit.connection
            if execution.conversation_id is not None:
                ensure_conversation(self._database, connection, execution.conversation_id, now())
            if execution.message_id is not None and not _has_message(
                connection, execution.message_id
            ):
                execution = execution.model_copy(update={"message_id": None})
            connection.execute(
                insert(ExecutionRow).values(
                    **execution.model_dump(exclude={"output", "metadata", "argv", "status"}),
                    argv=list(execution.argv),
                    status=execution.status.value,
                    details=execution.metadata,
                    owner_pid=owner.pid,
                    owner_started=owner.started,
                )
            )
            pieces = add_output(connection, execution.id, execution.output)
            audit.append(
                AuditEvent.APPROVED,
                execution_id=execution.id,
                details={
                    "argv": list(execution.argv),
                    "profile": execution.profile,
                    "region": execution.region,
                    "account_id": execution.account_id,
                    "approval_digest": execution.approval_digest,
                    "conversation_id": execution.conversation_id,
                    **execution.metadata,
                },
            )
        digest = self._outputs[execution.id] = OutputDigest()
        digest.add(pieces)
        return execution

    def update(
        self,
        execution_id: str,
        *,
        status: ExecutionStatus | None = None,
        exit_status: int | None = None,
        error: str | None = None,
        metadata: Mapping[str, JsonValue] | None = None,
    ) -> Execution:
        """Change an execution; None leaves a field, ``metadata`` is merged.

        The record is returned without its output. ``started_at`` is set when it becomes running,
        ``completed_at`` when it ends.

        Raises
        ------
        KeyError
            There is no such execution.
        ValueError
            It is over, and ``status`` says otherwise. Only ``unknown`` may be corrected, by an
            owner that was thought to be gone.
        """
        ends = status is not None and status.final
        output = self._read_output(execution_id) if ends else OutputDigest()
        with self._audit.transaction() as audit:
            connection = audit.connection
            before = _execution(_row(connection, execution_id))
            changes: dict[str, Any] = {}
            if status is not None and status is not before.status:
                if before.status.final and before.status is not ExecutionStatus.UNKNOWN:
                    raise ValueError(f"an execution that is {before.status} cannot be {status}")
                changes["status"] = status.value
                if status is ExecutionStatus.RUNNING:
                    changes["started_at"] = now()
                if status.final:
                    changes["completed_at"] = now()
            if exit_status is not None:
                changes["exit_status"] = exit_status
            if error is not None:
                changes["error"] = error
            if metadata is not None:
                changes["details"] = {**before.metadata, **metadata}
            if changes:
                connection.execute(
                    update(ExecutionRow).where(ExecutionRow.id == execution_id).values(changes)
                )
            if "status" in changes:
                _audit_step(
                    audit, execution_id, ExecutionStatus(changes["status"]), exit_status, output
                )
            after = _execution(_row(connection, execution_id))
        if after.status.final:
            self._outputs.pop(execution_id, None)
        return after

    def append_output(self, execution_id: str, text: str) -> None:
        """Add a piece of output; it is durable when this returns.

        Raises
        ------
        KeyError
            There is no such execution.
        NoRoomError
            It would leave the disk with less than `RESERVE`; nothing was added. The rest of that
            room is for the record of how the command ended, and for everybody else.
        """
        room = self._database.room()
        if room is not None and room - 2 * len(text) < RESERVE:
            raise NoRoomError(
                f"Less than {RESERVE // 2**20} MiB of disk are left, so output is no longer stored",
                fix="Make room on the disk that holds the store",
            )
        with self._appending:
            with self._database.write() as connection:
                _row(connection, execution_id)
                pieces = add_output(connection, execution_id, text)
            digest = self._outputs.get(execution_id)
            if digest is not None:
                digest.add(pieces)

    def get(self, execution_id: str, *, output: bool = True) -> Execution | None:
        """Return an execution, or None.

        Parameters
        ----------
        output
            With its whole output, however long; see `output` for one piece after the other.
        """
        with self._database.read() as connection:
            row = connection.execute(
                select(ExecutionRow).where(ExecutionRow.id == execution_id)
            ).one_or_none()
            if row is None:
                return None
            return _execution(row, output_of(connection, execution_id) if output else "")

    def output(self, execution_id: str) -> Iterator[str]:
        """Yield the output so far, piece by piece; nothing for an unknown execution."""
        return stream_output(self._database, execution_id)

    def output_length(self, execution_id: str) -> int:
        """Return the characters of the output so far; 0 for an unknown execution."""
        with self._database.read() as connection:
            return output_length(connection, execution_id)

    def recover(self) -> list[Execution]:
        """Mark unfinished executions of processes that are gone as ``unknown``; return them."""
        open_ones = or_(
            ExecutionRow.status == ExecutionStatus.PENDING.value,
            ExecutionRow.status == ExecutionStatus.RUNNING.value,
        )
        with self._database.read() as connection:
            rows = connection.execute(select(ExecutionRow).where(open_ones)).all()
        orphans = [
            row.id for row in rows if not ProcessIdentity(row.owner_pid, row.owner_started).alive
        ]
        if not orphans:
            return []
        outputs = {orphan: self._read_output(orphan) for orphan in orphans}
        with self._audit.transaction() as audit:
            connection = audit.connection
            # Asked again within the transaction: another process may have recovered them.
            changed = connection.execute(
                update(ExecutionRow)
                .where(ExecutionRow.id.in_(orphans), open_ones)
                .values(status=ExecutionStatus.UNKNOWN.value, error=UNSEEN_END, completed_at=now())
                .returning(ExecutionRow.id)
            ).scalars()
            recovered = [_execution(_row(connection, found)) for found in changed.all()]
            for execution in recovered:
                _audit_step(audit, execution.id, execution.status, None, outputs[execution.id])
            return recovered

    def list(
        self, conversation_id: str | None = None, *, limit: int | None = None
    ) -> list[Execution]:
        """Return executions, newest first, without their output.

        Parameters
        ----------
        conversation_id
            Only those of this conversation.
        limit
            At most so many.
        """
        query = select(ExecutionRow).order_by(ExecutionRow.id.desc()).limit(limit)
        if conversation_id is not None:
            query = query.where(ExecutionRow.conversation_id == conversation_id)
        with self._database.read() as connection:
            return [_execution(row) for row in connection.execute(query)]

    def _read_output(self, execution_id: str) -> OutputDigest:
        """Return the digest of the output so far, read outside of any writer's transaction.

        What this process stored it has already; another one's, as after a crash, is read here.
        """
        with self._appending:
            digest = self._outputs.pop(execution_id, None) or OutputDigest()
        with self._database.read() as connection:
            if not digest.covers(connection, execution_id):
                digest.read(connection, execution_id)
        return digest


def _row(connection: Connection, execution_id: str) -> Row[Any]:
    row = connection.execute(
        select(ExecutionRow).where(ExecutionRow.id == execution_id)
    ).one_or_none()
    if row is None:
        raise KeyError(execution_id)
    return row


def _audit_step(
    audit: AuditTransaction,
    execution_id: str,
    status: ExecutionStatus,
    exit_status: int | None,
    output: OutputDigest,
) -> None:
    if status is ExecutionStatus.RUNNING:
        audit.append(AuditEvent.STARTED, execution_id=execution_id)
        return
    # Unless somebody added to it in the last moment.
    read = output.covers(audit.connection, execution_id)
    details: dict[str, JsonValue] = {
        "status": status.value,
        "exit_status": exit_status,
        "output_digest": output.hexdigest()
        if read
        else output_digest(audit.connection, execution_id),
    }
    unseen = status is ExecutionStatus.UNKNOWN
    event = AuditEvent.UNSEEN if unseen else AuditEvent.ENDED
    audit.append(event, execution_id=execution_id, details=details)


def _has_message(connection: Connection, message_id: str) -> bool:
    found = connection.execute(select(MessageRow.seq).where(MessageRow.id == message_id)).first()
    return found is not None


def _execution(row: Row[Any], output: str = "") -> Execution:
    return Execution(
        id=row.id,
        conversation_id=row.conversation_id,
        message_id=row.message_id,
        command=row.command,
        argv=tuple(row.argv),
        profile=row.profile,
        region=row.region,
        account_id=row.account_id,
        approval_digest=row.approval_digest,
        status=ExecutionStatus(row.status),
        output=output,
        error=row.error,
        exit_status=row.exit_status,
        started_at=row.started_at,
        completed_at=row.completed_at,
        metadata=row.details,
    )

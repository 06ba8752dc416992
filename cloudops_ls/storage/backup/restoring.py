"""Putting a backup's rows into the store: in place of what is there, or beside it.

The backup is whole in a database aside before this begins. Everything here is one transaction of
the store's own database: other processes that have it open see the store before or after, never
between, and a crash leaves it as it was.
"""

from __future__ import annotations

import heapq
import json
from datetime import datetime
from enum import StrEnum
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Table, delete, func, insert, or_, select, update

from cloudops_ls.errors import RetryableError
from cloudops_ls.storage.audit_chain import AuditEntry, AuditEvent
from cloudops_ls.storage.backup.streams import LEFT_OUT
from cloudops_ls.storage.processes import ProcessIdentity
from cloudops_ls.storage.records import ExecutionStatus
from cloudops_ls.storage.resource_rows import advance_revision, current_revision
from cloudops_ls.storage.tables import (
    AuditRow,
    Base,
    ExecutionOutputRow,
    ExecutionRow,
    MessageRow,
    MetaRow,
    ResourceChangeRow,
    ResourceRow,
    SyncScopeRow,
)

if TYPE_CHECKING:
    from cloudops_ls.storage.audit import AuditLog
    from cloudops_ls.storage.backup.aside import Aside
    from cloudops_ls.storage.database import Database

HISTORIES = frozenset({ResourceChangeRow.__tablename__})
"""Tables whose order is all they have: merged into an empty one, or not at all."""
OWN_WAY = HISTORIES | {
    row.__tablename__ for row in (AuditRow, MetaRow, MessageRow, ExecutionOutputRow, ResourceRow)
}
"""Tables whose rows cannot be merged by primary key alone."""


class RestoreMode(StrEnum):
    """What happens to what is in the store."""

    MERGE = "merge"
    """It stays as it is; what is missing is added."""
    REPLACE = "replace"
    """It goes; the store becomes what it was."""


class Restorer:
    """Moves rows from aside into the store.

    Parameters
    ----------
    database, audit
        The store; the audit log is never rewound, the restore is recorded in it.
    aside
        The backup.
    """

    def __init__(self, database: Database, audit: AuditLog, aside: Aside) -> None:
        self._database = database
        self._audit = audit
        self._aside = aside

    def restore(self, mode: RestoreMode, name: str) -> dict[str, int]:
        """Restore, in one transaction; return how many rows were added, by table.

        Raises
        ------
        RetryableError
            A command is running; its record must not vanish under it.
        """
        with self._audit.transaction() as transaction:
            connection = transaction.connection
            if mode is RestoreMode.REPLACE:
                _refuse_while_running(connection)
                added = self._replace(connection)
            else:
                added = self._merge(connection)
            self._raise_counters(connection)
            _continue_numbers(connection)
            entries = (_entry(row) for rows in self._aside.rows(_table(AuditRow)) for row in rows)
            added["audit"] = transaction.adopt(entries)
            transaction.append(AuditEvent.RESTORED, details={"backup": name, "mode": mode.value})
        return added

    def _replace(self, connection: Connection) -> dict[str, int]:
        tables = [
            each
            for each in Base.metadata.sorted_tables
            if each.name not in LEFT_OUT | {AuditRow.__tablename__, MetaRow.__tablename__}
        ]
        for each in reversed(tables):
            connection.execute(delete(each))
        revision = self._new_revision(connection)
        added = {}
        for each in tables:
            added[each.name] = 0
            for rows in self._aside.rows(each):
                if each.name == ResourceRow.__tablename__:
                    rows = [{**row, "revision": revision} for row in rows]
                connection.execute(insert(each), rows)
                added[each.name] += len(rows)
        return added

    def _merge(self, connection: Connection) -> dict[str, int]:
        added: dict[str, int] = {}
        known_scopes = _keys(connection, _table(SyncScopeRow))
        known_executions = _keys(connection, _table(ExecutionRow))
        for each in Base.metadata.sorted_tables:
            if each.name in LEFT_OUT | {AuditRow.__tablename__, MetaRow.__tablename__}:
                continue
            if each.name == MessageRow.__tablename__:
                added[each.name] = self._merge_messages(connection)
            elif each.name == ExecutionOutputRow.__tablename__:
                added[each.name] = self._add_outputs(connection, known_executions)
            elif each.name == ResourceRow.__tablename__:
                added[each.name] = self._merge_resources(connection, known_scopes)
            elif each.name not in HISTORIES or not _keys(connection, each):
                added[each.name] = self._add_missing(connection, each)
        return added

    def _add_missing(self, connection: Connection, table: Table) -> int:
        known = _keys(connection, table)
        key = itemgetter(*table.primary_key.columns.keys())
        added = 0
        for rows in self._aside.rows(table):
            missing = [row for row in rows if key(row) not in known]
            if missing:
                connection.execute(insert(table), missing)
                added += len(missing)
        return added

    def _merge_messages(self, connection: Connection) -> int:
        """Add missing messages; a conversation that gets some is put in order by time.

        ``seq`` says the order of messages within a store, so it cannot be taken over.
        """
        table = _table(MessageRow)
        theirs: dict[str, list[dict[str, Any]]] = {}
        known = set(connection.execute(select(table.c.id)).scalars())
        for rows in self._aside.rows(table):
            for row in rows:
                if row["id"] not in known:
                    theirs.setdefault(row["conversation_id"], []).append(row)
        last = connection.execute(select(func.max(table.c.seq))).scalar() or 0
        for conversation, missing in theirs.items():
            present = connection.execute(
                select(table.c.id, table.c.timestamp)
                .where(table.c.conversation_id == conversation)
                .order_by(table.c.seq)
            ).all()
            here = [{"id": row.id, "timestamp": row.timestamp} for row in present]
            new = {row["id"] for row in missing}
            for row in heapq.merge(here, missing, key=itemgetter("timestamp")):
                last += 1
                if row["id"] in new:
                    connection.execute(insert(table).values({**row, "seq": last}))
                else:
                    connection.execute(
                        update(table).where(table.c.id == row["id"]).values(seq=last)
                    )
        return sum(map(len, theirs.values()))

    def _add_outputs(self, connection: Connection, known: set[Any]) -> int:
        """Add the output of executions that were added."""
        table = _table(ExecutionOutputRow)
        added = 0
        for rows in self._aside.rows(table):
            missing = [
                {key: value for key, value in row.items() if key != "seq"}
                for row in rows
                if row["execution_id"] not in known
            ]
            if missing:
                connection.execute(insert(table), missing)
                added += len(missing)
        return added

    def _merge_resources(self, connection: Connection, known_scopes: set[Any]) -> int:
        """Add missing resources; where this store lists their scope, its next listing decides."""
        table = _table(ResourceRow)
        known = _keys(connection, table)
        revision = self._new_revision(connection)
        added = 0
        for rows in self._aside.rows(table):
            missing = []
            for row in rows:
                if row["arn"] in known:
                    continue
                scope = (row["account_id"], row["region"], row["resource_type"])
                seen = 0 if scope in known_scopes else row["seen"]
                missing.append({**row, "revision": revision, "seen": seen})
            if missing:
                connection.execute(insert(table), missing)
                added += len(missing)
        return added

    def _new_revision(self, connection: Connection) -> int:
        """Return a revision that neither store has had, so that every index follows."""
        table = _table(MetaRow)
        theirs = {row["key"]: row["value"] for rows in self._aside.rows(table) for row in rows}
        revision: int = max([current_revision(connection), *theirs.values()]) + 1
        advance_revision(self._database, connection, revision)
        return revision

    def _raise_counters(self, connection: Connection) -> None:
        table = _table(MetaRow)
        for rows in self._aside.rows(table):
            for row in rows:
                here = connection.execute(
                    select(table.c.value).where(table.c.key == row["key"])
                ).scalar_one_or_none()
                if here is None:
                    connection.execute(insert(table).values(row))
                elif here < row["value"]:
                    connection.execute(
                        update(table).where(table.c.key == row["key"]).values(value=row["value"])
                    )


def _refuse_while_running(connection: Connection) -> None:
    open_ones = select(ExecutionRow.owner_pid, ExecutionRow.owner_started).where(
        or_(
            ExecutionRow.status == ExecutionStatus.PENDING.value,
            ExecutionRow.status == ExecutionStatus.RUNNING.value,
        )
    )
    for row in connection.execute(open_ones):
        if ProcessIdentity(row.owner_pid, row.owner_started).alive:
            raise RetryableError(
                "A command is running, and replacing the store would lose its record",
                fix="Wait for its end or cancel it, or merge instead",
            )


def _continue_numbers(connection: Connection) -> None:
    """Have PostgreSQL number new rows after the restored ones; SQLite does so by itself."""
    if connection.dialect.name != "postgresql":
        return
    for table in (MessageRow, ExecutionOutputRow, ResourceChangeRow):
        seq = _table(table).c.seq
        last = connection.execute(select(func.max(seq))).scalar()
        if last is not None:
            sequence = func.pg_get_serial_sequence(table.__tablename__, "seq")
            connection.execute(select(func.setval(sequence, last)))


def _table(row: type[Base]) -> Table:
    return Base.metadata.tables[row.__tablename__]


def _keys(connection: Connection, table: Table) -> set[Any]:
    """Return the primary keys of a table: values, or tuples where it has several columns."""
    columns = list(table.primary_key.columns)
    found = connection.execute(select(*columns))
    return set(found.scalars()) if len(columns) == 1 else {tuple(row) for row in found}


def _entry(row: dict[str, Any]) -> AuditEntry:
    return AuditEntry.model_validate(
        {
            **row,
            "at": datetime.fromisoformat(row["at"]),
            "details": json.loads(row["details"]),
        }
    )

"""What is known about how well the estate is known: scopes, and who may synchronise."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, or_, select, update

from cloudops_ls.errors import CloudOpsError
from cloudops_ls.storage import durable_files
from cloudops_ls.storage.records import (
    Scope,
    ScopeOutcome,
    ScopeStatus,
    SyncKind,
    SyncRun,
    SyncScope,
    now,
)
from cloudops_ls.storage.tables import MetaRow, SyncRunRow, SyncScopeRow

if TYPE_CHECKING:
    from collections.abc import Collection

    from cloudops_ls.home import Home
    from cloudops_ls.storage.database import Database
    from cloudops_ls.storage.locks import Lock

INTERRUPTED = "The listing was interrupted."
_KEY = (SyncScopeRow.account_id, SyncScopeRow.region, SyncScopeRow.resource_type)
_SCOPES_PER_QUERY = 100
RUNS_KEPT = 200
_CURSOR = "events:"


class SyncState:
    """The scopes of the estate, and the lock that keeps synchronising to one process."""

    def __init__(self, database: Database, home: Home) -> None:
        self._database = database
        self._home = home

    def lock(self) -> Lock:
        """Return the lock, not yet taken, that whoever scans must hold; a crash releases it."""
        return self._database.lock("sync")

    def scopes(self, account_id: str | None = None) -> list[SyncScope]:
        """Return all scopes ever listed, or those of one account."""
        query = select(SyncScopeRow).order_by(
            SyncScopeRow.account_id, SyncScopeRow.region, SyncScopeRow.resource_type
        )
        if account_id is not None:
            query = query.where(SyncScopeRow.account_id == account_id)
        with self._database.read() as connection:
            return [_scope(row) for row in connection.execute(query)]

    def scope(self, account_id: str, region: str, resource_type: str) -> SyncScope | None:
        """Return one scope, or None if it was never listed."""
        mine = _is(Scope(account_id, region, resource_type))
        with self._database.read() as connection:
            row = connection.execute(select(SyncScopeRow).where(mine)).one_or_none()
        return None if row is None else _scope(row)

    def recover(self) -> int:
        """Close the books on listings that a crash interrupted; return how many.

        Only the holder of `lock` may call this: for it, nobody else can be listing.
        """
        with self._database.write() as connection:
            changed = connection.execute(
                update(SyncScopeRow)
                .where(SyncScopeRow.status == ScopeStatus.RUNNING.value)
                .values(
                    status=ScopeStatus.INCOMPLETE.value,
                    outcome=ScopeOutcome.CANCELLED.value,
                    error=INTERRUPTED,
                    finished_at=now(),
                )
            )
        return changed.rowcount

    # Synchronisations

    def put_run(self, run: SyncRun) -> None:
        """Add or replace the record of a synchronisation; forgets all but the newest."""
        values = run.model_dump(exclude={"id"}) | {
            "kind": run.kind.value,
            "problems": list(run.problems),
        }
        with self._database.write() as connection:
            connection.execute(
                self._database.insert(SyncRunRow)
                .values(id=run.id, **values)
                .on_conflict_do_update(index_elements=["id"], set_=values)
            )
            newest = select(SyncRunRow.id).order_by(SyncRunRow.started_at.desc()).limit(RUNS_KEPT)
            connection.execute(delete(SyncRunRow).where(SyncRunRow.id.not_in(newest)))

    def runs(self, kind: SyncKind | None = None, limit: int = 20) -> list[SyncRun]:
        """Return synchronisations, newest first."""
        query = select(SyncRunRow).order_by(SyncRunRow.started_at.desc()).limit(limit)
        if kind is not None:
            query = query.where(SyncRunRow.kind == kind.value)
        with self._database.read() as connection:
            return [_run(row) for row in connection.execute(query)]

    def cursor(self, account_id: str, region: str) -> datetime | None:
        """Return up to when an account's event history in a region has been followed."""
        name = f"{_CURSOR}{account_id}:{region}"
        with self._database.read() as connection:
            seconds = connection.execute(
                select(MetaRow.value).where(MetaRow.key == name)
            ).scalar_one_or_none()
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)

    def put_cursor(self, account_id: str, region: str, moment: datetime) -> None:
        """Remember up to when an account's event history in a region has been followed."""
        seconds = int(moment.timestamp())
        with self._database.write() as connection:
            connection.execute(
                self._database.insert(MetaRow)
                .values(key=f"{_CURSOR}{account_id}:{region}", value=seconds)
                .on_conflict_do_update(index_elements=["key"], set_={"value": seconds})
            )

    def publish(self) -> None:
        """Write ``sync_status.json``: counts and times, nothing of the estate.

        Raises
        ------
        CloudOpsError
            The file cannot be written.
        """
        scopes = self.scopes()
        finished = [scope.finished_at for scope in scopes if scope.finished_at]
        last = {
            kind.value: next(
                (run.model_dump(mode="json", exclude={"problems"}) for run in self.runs(kind, 1)),
                None,
            )
            for kind in SyncKind
        }
        content = {
            "scopes": dict(Counter(scope.status.value for scope in scopes)),
            "tasks": _tasks(scopes),
            "resources": sum(scope.count for scope in scopes),
            "last_finished": max(finished).isoformat() if finished else None,
            "last_runs": last,
            "written": now().isoformat(),
        }
        path = self._home.sync_status
        try:
            durable_files.replace(path, json.dumps(content, indent=2).encode())
        except OSError as error:
            raise CloudOpsError(
                f"Cannot write the sync status: {error.strerror}", where=str(path)
            ) from error


def begin(database: Database, connection: Connection, scope: Scope) -> int:
    """Start a listing of ``scope`` and return its generation."""
    mine = _is(scope)
    newest = connection.execute(select(SyncScopeRow.current).where(mine)).scalar_one_or_none()
    generation = (newest or 0) + 1
    values: dict[str, Any] = {
        "current": generation,
        "status": ScopeStatus.RUNNING.value,
        "error": None,
        "started_at": now(),
        "finished_at": None,
    }
    if newest is None:
        connection.execute(
            database.insert(SyncScopeRow).values(**scope._asdict(), generation=0, count=0, **values)
        )
    else:
        connection.execute(update(SyncScopeRow).where(mine).values(values))
    return generation


def finish(
    connection: Connection,
    scope: Scope,
    generation: int,
    *,
    seen: int,
    error: str | None,
    outcome: ScopeOutcome,
) -> None:
    """Record the end of a listing: complete without ``error``, incomplete with one."""
    values: dict[str, Any] = {
        "error": error,
        "outcome": outcome.value,
        "count": seen,
        "finished_at": now(),
    }
    if error is None:
        values |= {"status": ScopeStatus.COMPLETE.value, "generation": generation}
    else:
        values |= {"status": ScopeStatus.INCOMPLETE.value}
    connection.execute(update(SyncScopeRow).where(_is(scope)).values(values))


def listed_before(connection: Connection, scopes: Collection[Scope]) -> set[Scope]:
    """Return those of ``scopes`` that were listed to their end at least once."""
    if not scopes:
        return set()
    wanted = list(scopes)
    found: set[Scope] = set()
    for start in range(0, len(wanted), _SCOPES_PER_QUERY):
        some = or_(*map(_is, wanted[start : start + _SCOPES_PER_QUERY]))
        rows = connection.execute(select(*_KEY).where(some, SyncScopeRow.generation > 0))
        found |= {Scope(*row) for row in rows}
    return found


def current_generations(connection: Connection, scopes: Collection[Scope]) -> dict[Scope, int]:
    """Return the newest generation of each of ``scopes`` that was ever listed."""
    columns = _KEY
    rows = connection.execute(select(*columns, SyncScopeRow.current).where(or_(*map(_is, scopes))))
    return {Scope(row.account_id, row.region, row.resource_type): row.current for row in rows}


def _is(scope: Scope) -> ColumnElement[bool]:
    return and_(
        SyncScopeRow.account_id == scope.account_id,
        SyncScopeRow.region == scope.region,
        SyncScopeRow.resource_type == scope.resource_type,
    )


def _tasks(scopes: Collection[SyncScope]) -> dict[str, dict[str, Any]]:
    """Return how the listings of each type went, without saying in which accounts."""
    tasks: dict[str, dict[str, Any]] = {}
    for scope in scopes:
        task = tasks.setdefault(
            scope.resource_type, {"resources": 0, "outcomes": Counter(), "oldest": None}
        )
        task["resources"] += scope.count
        how = scope.outcome.value if scope.outcome else scope.status.value
        task["outcomes"][how] += 1
        if scope.finished_at is not None:
            moment = scope.finished_at.isoformat()
            task["oldest"] = min(filter(None, (task["oldest"], moment)))
    return tasks


def _run(row: Row[Any]) -> SyncRun:
    return SyncRun(
        id=row.id,
        kind=SyncKind(row.kind),
        reason=row.reason,
        started_at=row.started_at,
        finished_at=row.finished_at,
        complete=row.complete,
        scopes=row.scopes,
        failed=row.failed,
        resources=row.resources,
        problems=tuple(row.problems),
    )


def _scope(row: Row[Any]) -> SyncScope:
    return SyncScope(
        account_id=row.account_id,
        region=row.region,
        resource_type=row.resource_type,
        generation=row.generation,
        status=ScopeStatus(row.status),
        outcome=ScopeOutcome(row.outcome) if row.outcome else None,
        error=row.error,
        count=row.count,
        started_at=row.started_at,
        finished_at=row.finished_at,
    )

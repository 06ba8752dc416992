"""What is known about how well the estate is known: scopes, and who may synchronise."""

from __future__ import annotations

import json
import os
import secrets
from collections import Counter
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Connection, Row, and_, or_, select, update

from cloudops_ls.errors import CloudOpsError
from cloudops_ls.home import PRIVATE_FILE
from cloudops_ls.storage.locks import FileLock
from cloudops_ls.storage.records import Scope, ScopeStatus, SyncScope, now
from cloudops_ls.storage.tables import SyncScopeRow

if TYPE_CHECKING:
    from collections.abc import Collection

    from cloudops_ls.home import Home
    from cloudops_ls.storage.database import Database

INTERRUPTED = "The listing was interrupted."


class SyncState:
    """The scopes of the estate, and the lock that keeps synchronising to one process."""

    def __init__(self, database: Database, home: Home) -> None:
        self._database = database
        self._home = home

    def lock(self) -> FileLock:
        """Return the lock, not yet taken, that whoever scans must hold; a crash releases it."""
        return FileLock(self._home.data / "sync.lock")

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
                .values(status=ScopeStatus.INCOMPLETE.value, error=INTERRUPTED, finished_at=now())
            )
        return changed.rowcount

    def publish(self) -> None:
        """Write ``sync_status.json``: counts and times, nothing of the estate.

        Raises
        ------
        CloudOpsError
            The file cannot be written.
        """
        scopes = self.scopes()
        finished = [scope.finished_at for scope in scopes if scope.finished_at]
        content = {
            "scopes": dict(Counter(scope.status.value for scope in scopes)),
            "resources": sum(scope.count for scope in scopes),
            "last_finished": max(finished).isoformat() if finished else None,
            "written": now().isoformat(),
        }
        path = self._home.sync_status
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(content, file, indent=2)
            temporary.replace(path)
        except OSError as error:
            temporary.unlink(missing_ok=True)
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
    connection: Connection, scope: Scope, generation: int, *, seen: int, error: str | None
) -> None:
    """Record the end of a listing: complete without ``error``, incomplete with one."""
    values: dict[str, Any] = {"error": error, "count": seen, "finished_at": now()}
    if error is None:
        values |= {"status": ScopeStatus.COMPLETE.value, "generation": generation}
    else:
        values |= {"status": ScopeStatus.INCOMPLETE.value}
    connection.execute(update(SyncScopeRow).where(_is(scope)).values(values))


def current_generations(connection: Connection, scopes: Collection[Scope]) -> dict[Scope, int]:
    """Return the newest generation of each of ``scopes`` that was ever listed."""
    columns = (SyncScopeRow.account_id, SyncScopeRow.region, SyncScopeRow.resource_type)
    rows = connection.execute(select(*columns, SyncScopeRow.current).where(or_(*map(_is, scopes))))
    return {Scope(row.account_id, row.region, row.resource_type): row.current for row in rows}


def _is(scope: Scope) -> ColumnElement[bool]:
    return and_(
        SyncScopeRow.account_id == scope.account_id,
        SyncScopeRow.region == scope.region,
        SyncScopeRow.resource_type == scope.resource_type,
    )


def _scope(row: Row[Any]) -> SyncScope:
    return SyncScope(
        account_id=row.account_id,
        region=row.region,
        resource_type=row.resource_type,
        generation=row.generation,
        status=ScopeStatus(row.status),
        error=row.error,
        count=row.count,
        started_at=row.started_at,
        finished_at=row.finished_at,
    )

"""What happened to resources: appeared, changed, went; kept for a while ("since yesterday")."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Row, delete, func, select

from cloudops_ls.storage.records import Change, ChangeKind, FieldChange
from cloudops_ls.storage.tables import ResourceChangeRow

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from pydantic import JsonValue
    from sqlalchemy import Select

    from cloudops_ls.storage.database import Database
    from cloudops_ls.storage.records import ResourceFilter
    from cloudops_ls.storage.resource import Resource

MOST = 200_000
"""Changes kept at most, whatever their age: the newest."""
_COMPARED = ("name", "state", "engine", "engine_version")
_COMPARED_MAPS = ("tags", "constraints", "metadata")
_INSERT_SIZE = 1000


def differences(before: Resource | None, after: Resource | None) -> dict[str, list[JsonValue]]:
    """Return the fields that differ, each with its value before and after.

    Fields of maps are named ``tags.env``. A missing record has no fields, so all of the other's
    are listed.
    """
    old, new = _flat(before), _flat(after)
    return {
        field: [old.get(field), new.get(field)]
        for field in dict.fromkeys((*old, *new))
        if old.get(field) != new.get(field)
    }


def _flat(resource: Resource | None) -> dict[str, JsonValue]:
    if resource is None:
        return {}
    flat: dict[str, JsonValue] = {field: getattr(resource, field) for field in _COMPARED}
    for field in _COMPARED_MAPS:
        values: Mapping[str, JsonValue] = getattr(resource, field)
        flat |= {f"{field}.{key}": value for key, value in values.items()}
    return flat


def change_row(
    kind: ChangeKind, before: Resource | None, after: Resource | None, at: datetime
) -> dict[str, Any] | None:
    """Return the row that records a change; None when nothing that is shown differs."""
    resource = after or before
    fields = differences(before, after)
    if resource is None or not fields:
        return None
    return {
        "at": at,
        "kind": kind.value,
        "arn": resource.arn,
        "resource_type": resource.resource_type,
        "account_id": resource.account_id,
        "region": resource.region,
        "name": resource.name,
        "fields": json.dumps(fields),
    }


def record(
    database: Database, connection: Connection, rows: Iterable[dict[str, Any] | None]
) -> None:
    """Store change rows within the transaction that makes the changes."""
    wanted = [row for row in rows if row is not None]
    for start in range(0, len(wanted), _INSERT_SIZE):
        chunk = wanted[start : start + _INSERT_SIZE]
        connection.execute(database.insert(ResourceChangeRow), chunk)


def forget(connection: Connection, before: datetime, most: int = MOST) -> int:
    """Delete what is older than ``before`` or beyond the newest ``most``; return how many."""
    newest = connection.execute(select(func.max(ResourceChangeRow.seq))).scalar() or 0
    gone = connection.execute(
        delete(ResourceChangeRow).where(
            (ResourceChangeRow.at < before) | (ResourceChangeRow.seq <= newest - most)
        )
    )
    return gone.rowcount


def since(
    connection: Connection, when: datetime, wanted: ResourceFilter, limit: int
) -> list[Change]:
    """Return what happened since ``when`` in some accounts, regions and types, newest first."""
    query = select(ResourceChangeRow).where(ResourceChangeRow.at >= when)
    for column, values in (
        (ResourceChangeRow.account_id, wanted.accounts),
        (ResourceChangeRow.region, wanted.regions),
        (ResourceChangeRow.resource_type, wanted.types),
    ):
        if values:
            query = query.where(column.in_(values))
    return _newest(connection, query, limit)


def of(connection: Connection, arn: str, limit: int) -> list[Change]:
    """Return what happened to one resource, newest first."""
    query = select(ResourceChangeRow).where(ResourceChangeRow.arn == arn)
    return _newest(connection, query, limit)


def _newest(connection: Connection, query: Select[ResourceChangeRow], limit: int) -> list[Change]:
    ordered = query.order_by(ResourceChangeRow.seq.desc()).limit(limit)
    return [change_of(row) for row in connection.execute(ordered)]


def change_of(row: Row[Any]) -> Change:
    """Return the record of a row."""
    fields: dict[str, list[JsonValue]] = json.loads(row.fields)
    return Change(
        at=row.at,
        kind=ChangeKind(row.kind),
        arn=row.arn,
        resource_type=row.resource_type,
        account_id=row.account_id,
        region=row.region,
        name=row.name,
        fields=tuple(
            FieldChange(field=field, before=before, after=after)
            for field, (before, after) in fields.items()
        ),
    )

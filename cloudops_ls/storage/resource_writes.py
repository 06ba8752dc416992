"""Writing resources: what is new, what differs, what was merely seen again, and what is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, bindparam, delete, func, select, update

from cloudops_ls.storage import changes, sync
from cloudops_ls.storage.records import ChangeKind, Scope, now
from cloudops_ls.storage.resource_rows import (
    advance_revision,
    current_revision,
    digest_of,
    document_of,
    load,
    loading,
    resource_of,
    values_of,
)
from cloudops_ls.storage.tables import ResourceRow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cloudops_ls.storage.database import Database
    from cloudops_ls.storage.resource import Resource

LOOKUP_SIZE = 500
_SCOPE_COLUMNS = (ResourceRow.account_id, ResourceRow.region, ResourceRow.resource_type)


class Written(NamedTuple):
    """What writing a batch did."""

    new: list[Resource]
    different: list[Resource]
    same: int
    """How many were stored like this already."""


def write_resources(
    database: Database,
    connection: Connection,
    batch: Sequence[Resource],
    generation: int | None,
) -> Written:
    """Add or replace the resources of ``batch``, in which no ARN occurs twice.

    Parameters
    ----------
    generation
        Of the listing they come from; without one they count as seen by any listing under way.
    """
    known = _digests(connection, batch)
    stamps = _stamps(connection, batch, generation)
    revision = current_revision(connection) + 1
    new: list[Resource] = []
    different: list[Resource] = []
    writes: list[dict[str, Any]] = []
    touches: list[dict[str, Any]] = []
    for resource in batch:
        document = document_of(resource)
        digest = digest_of(document)
        seen = stamps[_scope_of(resource)]
        before = known.get(resource.arn)
        if before == digest:
            touches.append(
                {"which": resource.arn, "seen": seen, "last_synced": resource.last_synced}
            )
            continue
        (new if before is None else different).append(resource)
        writes.append(values_of(resource, document, digest, seen=seen, revision=revision))
    if writes:
        statement = database.insert(ResourceRow)
        replaced = {column: statement.excluded[column] for column in writes[0] if column != "arn"}
        _record_changes(database, connection, new, different)
        connection.execute(
            statement.on_conflict_do_update(index_elements=["arn"], set_=replaced), writes
        )
        advance_revision(database, connection, revision)
    if touches:
        table = ResourceRow.__table__
        connection.execute(update(ResourceRow).where(table.c.arn == bindparam("which")), touches)
    return Written(new, different, len(touches))


def sweep(database: Database, connection: Connection, scope: Scope, generation: int) -> list[str]:
    """Delete the resources of a scope that listing ``generation`` did not see; return their ARNs.

    The caller advances the estate's revision.
    """
    return remove(database, connection, and_(_in_scope(scope), ResourceRow.seen < generation))


def remove(database: Database, connection: Connection, condition: ColumnElement[bool]) -> list[str]:
    """Delete resources and record that they went; return their ARNs."""
    gone = [resource_of(row) for row in connection.execute(loading().where(condition))]
    if gone:
        connection.execute(delete(ResourceRow).where(condition))
        rows = (changes.change_row(ChangeKind.REMOVED, one, None, now()) for one in gone)
        changes.record(database, connection, rows)
    return [one.arn for one in gone]


def _record_changes(
    database: Database,
    connection: Connection,
    new: Sequence[Resource],
    different: Sequence[Resource],
) -> None:
    """Record what is about to be written, while the earlier records can still be read.

    What the first listing of a scope finds was there before it: that is no news.
    """
    known = sync.listed_before(connection, {_scope_of(resource) for resource in new})
    rows = [
        changes.change_row(ChangeKind.ADDED, None, resource, resource.last_synced)
        for resource in new
        if _scope_of(resource) in known
    ]
    before = {one.arn: one for one in load(connection, (resource.arn for resource in different))}
    rows += [
        changes.change_row(ChangeKind.CHANGED, before[resource.arn], resource, resource.last_synced)
        for resource in different
        if resource.arn in before
    ]
    changes.record(database, connection, rows)


def count_seen(connection: Connection, scope: Scope, generation: int) -> int:
    """Return how many resources of a scope were last seen by listing ``generation``."""
    return connection.execute(
        select(func.count())
        .select_from(ResourceRow)
        .where(_in_scope(scope), ResourceRow.seen == generation)
    ).scalar_one()


def _digests(connection: Connection, batch: Sequence[Resource]) -> dict[str, bytes]:
    """Return the digests of those resources of ``batch`` that are stored, by ARN."""
    known: dict[str, bytes] = {}
    for start in range(0, len(batch), LOOKUP_SIZE):
        arns = [resource.arn for resource in batch[start : start + LOOKUP_SIZE]]
        rows = connection.execute(
            select(ResourceRow.arn, ResourceRow.digest).where(ResourceRow.arn.in_(arns))
        )
        known.update((arn, digest) for arn, digest in rows)
    return known


def _stamps(
    connection: Connection, batch: Sequence[Resource], generation: int | None
) -> dict[Scope, int]:
    """Return the generation to stamp the resources of each scope with."""
    scopes = {_scope_of(resource) for resource in batch}
    if generation is not None:
        return dict.fromkeys(scopes, generation)
    stamps = dict.fromkeys(scopes, 0)
    pending = list(scopes)
    for start in range(0, len(pending), LOOKUP_SIZE // 5):
        stamps |= sync.current_generations(connection, pending[start : start + LOOKUP_SIZE // 5])
    return stamps


def _scope_of(resource: Resource) -> Scope:
    return Scope(resource.account_id, resource.region, resource.resource_type)


def _in_scope(scope: Scope) -> ColumnElement[bool]:
    return and_(*(column == value for column, value in zip(_SCOPE_COLUMNS, scope, strict=True)))

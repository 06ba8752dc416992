"""Between a resource record and its row."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Row, select, update

from cloudops_ls.storage.resource import Resource
from cloudops_ls.storage.tables import MetaRow, ResourceRow

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from sqlalchemy import Select

    from cloudops_ls.storage.database import Database

REVISION = "estate_revision"
_LOAD_CHUNK = 500
_NOT_IN_DOCUMENT = {"last_synced"}


def document_of(resource: Resource) -> str:
    """Return the record as JSON, without when it was seen."""
    return resource.model_dump_json(exclude=_NOT_IN_DOCUMENT)


def digest_of(document: str) -> bytes:
    """Return what tells two versions of a record apart."""
    return hashlib.sha256(document.encode()).digest()


def name_key(text: str) -> str:
    """Return ``text`` as names are compared: without case."""
    return text.casefold()


def values_of(
    resource: Resource, document: str, digest: bytes, *, seen: int, revision: int
) -> dict[str, Any]:
    """Return the row of a record."""
    return {
        "arn": resource.arn,
        "resource_type": resource.resource_type,
        "identifier": resource.identifier,
        "account_id": resource.account_id,
        "region": resource.region,
        "name": resource.name,
        "name_key": name_key(resource.name),
        "state": resource.state,
        "seen": seen,
        "revision": revision,
        "digest": digest,
        "last_synced": resource.last_synced,
        "document": document,
    }


def loading() -> Select[str, datetime]:
    """Return the SELECT that `resource_of` understands."""
    return select(ResourceRow.document, ResourceRow.last_synced)


def resource_of(row: Row[str, datetime]) -> Resource:
    """Return the record of a row."""
    return Resource.model_validate({**json.loads(row.document), "last_synced": row.last_synced})


def load(connection: Connection, arns: Iterable[str]) -> Iterator[Resource]:
    """Return the records of ``arns`` that exist, in the order given."""
    wanted = list(arns)
    for start in range(0, len(wanted), _LOAD_CHUNK):
        chunk = wanted[start : start + _LOAD_CHUNK]
        rows = connection.execute(loading().where(ResourceRow.arn.in_(chunk)))
        found = {resource.arn: resource for resource in map(resource_of, rows)}
        yield from (found[arn] for arn in chunk if arn in found)


def current_revision(connection: Connection) -> int:
    """Return the revision of the estate; 0 before the first write."""
    value = connection.execute(
        select(MetaRow.value).where(MetaRow.key == REVISION)
    ).scalar_one_or_none()
    return value or 0


def advance_revision(database: Database, connection: Connection, revision: int) -> None:
    """Set the revision of the estate."""
    changed = connection.execute(
        update(MetaRow).where(MetaRow.key == REVISION).values(value=revision)
    )
    if not changed.rowcount:
        connection.execute(database.insert(MetaRow).values(key=REVISION, value=revision))

"""What name indexes read of every resource, without making a record of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from cloudops_ls.storage.document_parts import engine_of, metadata_of, tags_of
from cloudops_ls.storage.records import NameChanges, NameRow
from cloudops_ls.storage.resource_rows import current_revision
from cloudops_ls.storage.tables import ResourceRow

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlalchemy import Select

    from cloudops_ls.storage.database import Database

CHUNK = 5000
"""Rows read at once."""


def stream_names(database: Database) -> Iterator[NameRow]:
    """Yield what completion needs of every resource, by name."""
    columns = (getattr(ResourceRow, field) for field in NameRow._fields)
    return map(NameRow._make, _stream(database, select(*columns).order_by(ResourceRow.name_key)))


def stream_details(database: Database) -> Iterator[tuple[str, str, str | None]]:
    """Yield what descriptions look at: ARN, tags but ``Name`` as JSON, and engine."""
    document = ResourceRow.document
    return _stream(database, select(ResourceRow.arn, tags_of(document), engine_of(document)))


def stream_metadata(database: Database, types: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield ARN and metadata, as JSON, of every resource of some types."""
    query = select(ResourceRow.arn, metadata_of(ResourceRow.document))
    return _stream(database, query.where(ResourceRow.resource_type.in_(list(types))))


def names_since(database: Database, revision: int, limit: int) -> NameChanges | None:
    """Return what has changed since a revision; None when it is more than ``limit``."""
    columns = [getattr(ResourceRow, field) for field in NameRow._fields]
    query = (
        select(*columns, tags_of(ResourceRow.document).label("tags"))
        .where(ResourceRow.revision > revision)
        .limit(limit + 1)
    )
    with database.read() as connection:
        now = current_revision(connection)
        rows = [(NameRow(*row[:-1]), row[-1]) for row in connection.execute(query)]
        count = connection.execute(select(func.count(ResourceRow.arn))).scalar_one()
    return NameChanges(now, count, rows) if len(rows) <= limit else None


def _stream(database: Database, query: Select[*tuple[Any, ...]]) -> Iterator[Any]:
    with database.read() as connection:
        # The driver's own cursor: SQLAlchemy's rows would double the time for 100,000 names.
        cursor = connection.connection.cursor()
        try:
            options = {"literal_binds": True}
            text = query.compile(dialect=connection.dialect, compile_kwargs=options)
            cursor.execute(str(text))
            while chunk := cursor.fetchmany(CHUNK):
                yield from chunk
        finally:
            cursor.close()

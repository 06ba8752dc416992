"""The name index of whoever built it last, kept for the next process that opens the store.

It is made from the resources at any time, and what it looks like is its maker's business.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import select

from cloudops_ls.storage.tables import NameSnapshotRow

if TYPE_CHECKING:
    from cloudops_ls.storage.database import Database

_ONLY = 1


class NameSnapshot(NamedTuple):
    """A name index as bytes.

    Attributes
    ----------
    revision
        Of the estate when it was made.
    data
        What its maker wrote.
    """

    revision: int
    data: bytes


def kept(database: Database) -> NameSnapshot | None:
    """Return what was kept last, None where nothing was."""
    query = select(NameSnapshotRow.revision, NameSnapshotRow.data)
    with database.read() as connection:
        row = connection.execute(query).one_or_none()
    return None if row is None else NameSnapshot(row.revision, row.data)


def kept_revision(database: Database) -> int | None:
    """Return the estate's revision of what was kept last, without reading all of it."""
    with database.read() as connection:
        return connection.execute(select(NameSnapshotRow.revision)).scalar_one_or_none()


def keep(database: Database, snapshot: NameSnapshot) -> None:
    """Keep an index instead of what was kept before, unless that is as new."""
    row = {"id": _ONLY, "revision": snapshot.revision, "data": snapshot.data}
    # A power cut may take it: the next process builds the index then.
    with database.write(durable=False) as connection:
        statement = database.insert(NameSnapshotRow)
        connection.execute(
            statement.values(row).on_conflict_do_update(
                index_elements=["id"],
                set_={"revision": statement.excluded.revision, "data": statement.excluded.data},
                where=NameSnapshotRow.revision < statement.excluded.revision,
            )
        )

"""A backup's rows in a database of their own, whole and checked before the store is touched."""

from __future__ import annotations

import contextlib
import secrets
from typing import TYPE_CHECKING, Any, Self

from sqlalchemy import bindparam, func, insert, select, update

from cloudops_ls.errors import CloudOpsError
from cloudops_ls.storage.backup.errors import BackupDamagedError
from cloudops_ls.storage.backup.streams import LOCAL_COLUMNS, SIGHTINGS, RowReader
from cloudops_ls.storage.database import Database
from cloudops_ls.storage.keys import KEY_BYTES, DataKey
from cloudops_ls.storage.schema import HEAD
from cloudops_ls.storage.sqlcipher import SqlCipher
from cloudops_ls.storage.tables import Base

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path
    from types import TracebackType

    from sqlalchemy import Connection, Table

    from cloudops_ls.storage.backup.documents import Stream

_NAME = "restore-"
_BATCH = 100
"""Rows at once; one of a command's output may have a quarter of a megabyte."""


class Aside:
    """A temporary database under a key that is never written down; use as a context manager.

    Parameters
    ----------
    directory
        Where its file is; what an interrupted restore left there is removed first.
    """

    def __init__(self, directory: Path) -> None:
        for left in directory.glob(f"{_NAME}*.db*"):
            left.unlink(missing_ok=True)
        self._path = directory / f"{_NAME}{secrets.token_hex(4)}.db"
        key = DataKey("aside", secrets.token_bytes(KEY_BYTES))
        self.database = Database(SqlCipher(self._path, key))
        with self.database.write() as connection:
            # What the migrations lead to, without their second of work.
            Base.metadata.create_all(connection)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.database.close()
        for name in (self._path.name, f"{self._path.name}-wal", f"{self._path.name}-shm"):
            with contextlib.suppress(OSError):
                self._path.with_name(name).unlink()

    def load(
        self, streams: Sequence[Stream], chunks: Iterable[tuple[str, bytes]], *, where: str
    ) -> None:
        """Fill the database with a backup, all of it or nothing.

        Parameters
        ----------
        streams
            What the backup consists of.
        chunks
            Each chunk once, in any order, already proven.
        where
            The backup, for messages.

        Raises
        ------
        BackupDamagedError
            Rows are missing, doubled, refer to others that are missing, or are of no known table.
        """
        readers = [RowReader(stream.table, stream.columns) for stream in streams]
        users: dict[str, list[int]] = {}
        for number, stream in enumerate(streams):
            if stream.table not in Base.metadata.tables:
                raise _incompatible(where)
            for chunk in stream.chunks:
                users.setdefault(chunk, []).append(number)
        loaded = [0] * len(streams)
        later: list[tuple[int, bytes]] = []
        try:
            with self.database.write() as connection:
                # Rows come in the order of content objects, not of tables.
                connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
                for chunk, content in chunks:
                    for number in users.get(chunk, ()):
                        if _is_sightings(streams[number]):
                            later.append((number, content))
                        else:
                            loaded[number] += _insert(connection, readers[number], content)
                for number, content in later:
                    loaded[number] += _update(connection, readers[number], content)
                if loaded != [stream.rows for stream in streams]:
                    raise BackupDamagedError(
                        "A backup does not have as many rows as it says", where
                    )
        except ValueError:
            raise _incompatible(where) from None
        self._check(where)

    def count(self, source: Table) -> int:
        """Return how many rows a table has."""
        with self.database.read() as connection:
            return connection.execute(select(func.count()).select_from(source)).scalar_one()

    def rows(self, source: Table) -> Iterator[list[dict[str, Any]]]:
        """Yield the rows of a table by column key, in the order of its primary key."""
        query = select(source).order_by(*source.primary_key.columns)
        keys = source.columns.keys()
        with self.database.read() as connection:
            result = connection.execution_options(yield_per=_BATCH).execute(query)
            for batch in result.partitions(_BATCH):
                yield [dict(zip(keys, row, strict=True)) for row in batch]

    def _check(self, where: str) -> None:
        with self.database.read() as connection:
            structure = connection.exec_driver_sql("PRAGMA integrity_check").scalar()
            lost = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
        if structure != "ok" or lost is not None:
            raise BackupDamagedError("The rows of a backup do not fit together", where)


def require_known(revision: str, *, where: str) -> None:
    """Refuse a backup whose tables are newer than this program.

    Raises
    ------
    CloudOpsError
        They are.
    """
    if revision > HEAD:
        raise CloudOpsError(
            f"The backup was made by a newer version (schema {revision}, this one knows {HEAD})",
            where=where,
            fix="Update cloudops-ls",
        )


def _is_sightings(stream: Stream) -> bool:
    apart = SIGHTINGS.get(stream.table)
    return apart is not None and apart.keys() <= {each.name for each in stream.columns}


def _insert(connection: Connection, reader: RowReader, chunk: bytes) -> int:
    rows = reader.rows(chunk)
    name = reader.table.name
    missing = {**LOCAL_COLUMNS.get(name, {}), **SIGHTINGS.get(name, {})}
    if missing:
        # Not the backup's columns alone, so with the types of today's table.
        connection.execute(insert(Base.metadata.tables[name]), [{**row, **missing} for row in rows])
    else:
        connection.execute(insert(reader.table), rows)
    return len(rows)


def _update(connection: Connection, reader: RowReader, chunk: bytes) -> int:
    table = Base.metadata.tables[reader.table.name]
    keys = list(table.primary_key.columns)
    rows = [
        {**{f"key_{each.name}": row.pop(each.name) for each in keys}, **row}
        for row in reader.rows(chunk)
    ]
    statement = update(table)
    for each in keys:
        statement = statement.where(each == bindparam(f"key_{each.name}"))
    return connection.execute(statement, rows).rowcount


def _incompatible(where: str) -> CloudOpsError:
    return BackupDamagedError(
        "A backup holds rows that this version does not know", where, fix="Update cloudops-ls"
    )

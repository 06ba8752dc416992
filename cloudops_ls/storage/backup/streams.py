"""Rows as the text that backups hold: which tables, which columns, one JSON object a line."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pydantic_core import from_json, to_json
from sqlalchemy import JSON, LargeBinary, Table, column, select, table

from cloudops_ls.storage.backup.documents import Column, ColumnKind
from cloudops_ls.storage.backup.layout import ObjectKind
from cloudops_ls.storage.tables import (
    AccountRow,
    AuditSealRow,
    BackupStateRow,
    Base,
    MetaRow,
    NameSnapshotRow,
    ResourceChangeRow,
    ResourceRow,
    SyncRunRow,
    SyncScopeRow,
    UtcDateTime,
    VectorRow,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from sqlalchemy import Connection, Select
    from sqlalchemy.sql.selectable import TableClause

    from cloudops_ls.storage.backup.backup_key import BackupKey

LEFT_OUT = frozenset(
    row.__tablename__ for row in (VectorRow, NameSnapshotRow, BackupStateRow, AuditSealRow)
)
"""Tables that are rebuilt from the others, or belong to this store alone."""
_ESTATE = frozenset(
    row.__tablename__
    for row in (ResourceRow, AccountRow, SyncScopeRow, SyncRunRow, ResourceChangeRow, MetaRow)
)
LOCAL_COLUMNS: dict[str, dict[str, Any]] = {ResourceRow.__tablename__: {"revision": 0}}
"""Columns that only mean something within one store, and what they are until a restore knows."""
SIGHTINGS: dict[str, dict[str, Any]] = {
    ResourceRow.__tablename__: {"seen": 0, "last_synced": datetime(1970, 1, 1, tzinfo=UTC)}
}
"""Columns that every scan changes in every row: a stream of their own, so that the rest of the
row is stored once and not once a scan. With what they are until that stream is read."""
ROWS_PER_CHUNK = 32
SIGHTINGS_PER_CHUNK = 2048
MOST_CHUNK_BYTES = 2**20
_FETCH = 100
"""Rows at once; one of a command's output may have a quarter of a megabyte."""


@dataclass(frozen=True, slots=True, eq=False)
class StreamSource:
    """Some columns of one table, in the order of its primary key.

    Attributes
    ----------
    part
        The half of the backup that it belongs to.
    names
        The columns, key first.
    key
        How many of them are the primary key.
    rows_per_chunk
        On average.
    """

    table: Table
    part: ObjectKind
    names: tuple[str, ...]
    key: int
    rows_per_chunk: int

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns as the backup describes them."""
        return tuple(
            Column(name=self.table.columns[name].name, kind=_kind(self.table.columns[name].type))
            for name in self.names
        )

    def query(self) -> Select[Any]:
        """Return the query of its rows."""
        chosen = [self.table.columns[name] for name in self.names]
        return select(*chosen).order_by(*chosen[: self.key])

    def lines(self, connection: Connection) -> Iterator[tuple[bytes, bytes]]:
        """Yield key and line of every row; a line ends in a newline."""
        names = [each.name for each in self.columns]
        rows = connection.execution_options(yield_per=_FETCH).execute(self.query())
        for row in rows:
            yield (
                to_json(row[: self.key], bytes_mode="base64"),
                to_json(dict(zip(names, row, strict=True)), bytes_mode="base64") + b"\n",
            )


def sources() -> tuple[StreamSource, ...]:
    """Return what a backup holds: every table that cannot be rebuilt, parents first."""
    found: list[StreamSource] = []
    for each in Base.metadata.sorted_tables:
        if each.name in LEFT_OUT:
            continue
        key = [name for name in each.columns.keys() if each.columns[name].primary_key]  # noqa: SIM118
        part = ObjectKind.AWS_ESTATE if each.name in _ESTATE else ObjectKind.CHAT_HISTORY
        apart = SIGHTINGS.get(each.name, {})
        local = LOCAL_COLUMNS.get(each.name, {})
        rest = [
            name
            for name in each.columns.keys()  # noqa: SIM118
            if name not in key and name not in {**apart, **local}
        ]
        found.append(StreamSource(each, part, (*key, *rest), len(key), ROWS_PER_CHUNK))
        if apart:
            names = (*key, *sorted(apart))
            found.append(StreamSource(each, part, names, len(key), SIGHTINGS_PER_CHUNK))
    return tuple(found)


def cut(
    lines: Iterable[tuple[bytes, bytes]], boundary: Callable[[bytes], bool]
) -> Iterator[tuple[bytes, int]]:
    """Cut lines into chunks that end where a key says so; yield chunk and number of rows.

    Where a chunk ends depends on the keys of its own rows alone, so a row that is added, changed
    or removed changes the one or two chunks around it and no others.
    """
    gathered: list[bytes] = []
    size = 0
    for key, line in lines:
        gathered.append(line)
        size += len(line)
        if size >= MOST_CHUNK_BYTES or boundary(key):
            yield b"".join(gathered), len(gathered)
            gathered, size = [], 0
    if gathered:
        yield b"".join(gathered), len(gathered)


def boundaries(key: BackupKey, rows_per_chunk: int) -> Callable[[bytes], bool]:
    """Return what ends a chunk after one in ``rows_per_chunk`` rows, chosen by keyed digest."""
    base = key.digest()
    base.update(b"boundary\0")

    def ends(row_key: bytes) -> bool:
        digest = base.copy()
        digest.update(row_key)
        return int.from_bytes(digest.digest()[:8], "big") % rows_per_chunk == 0

    return ends


class RowReader:
    """Turns lines back into rows of a table, whatever the table looks like today.

    Parameters
    ----------
    table_name, columns
        As the backup says.
    """

    def __init__(self, table_name: str, columns: Iterable[Column]) -> None:
        self._name = table_name
        self._columns = tuple(columns)

    @cached_property
    def table(self) -> TableClause:
        """The table with the columns that the backup has, for statements."""
        types: dict[ColumnKind, Any] = {
            ColumnKind.JSON: JSON(),
            ColumnKind.TIME: UtcDateTime(),
            ColumnKind.BYTES: LargeBinary(),
        }
        return table(
            self._name, *(column(each.name, types.get(each.kind)) for each in self._columns)
        )

    def rows(self, chunk: bytes) -> list[dict[str, Any]]:
        """Return the rows of a chunk.

        Raises
        ------
        ValueError
            The chunk does not hold such rows.
        """
        decoded = [from_json(line) for line in chunk.split(b"\n")[:-1]]
        names = [each.name for each in self._columns]
        for row in decoded:
            if not isinstance(row, dict) or list(row) != names:
                raise ValueError("a row has other columns than its stream")
            for each in self._columns:
                value = row[each.name]
                if value is not None and each.kind in _DECODERS:
                    row[each.name] = _DECODERS[each.kind](value)
        return decoded


_DECODERS: dict[ColumnKind, Callable[[Any], Any]] = {
    ColumnKind.TIME: datetime.fromisoformat,
    ColumnKind.BYTES: lambda text: base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)),
}


def _kind(kind: Any) -> ColumnKind:
    if isinstance(kind, UtcDateTime):
        return ColumnKind.TIME
    if isinstance(kind, JSON):
        return ColumnKind.JSON
    if isinstance(kind, LargeBinary):
        return ColumnKind.BYTES
    return ColumnKind.PLAIN

"""The stored output of executions: pieces, so that streaming does not rewrite what came before."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from sqlalchemy import func, insert, select

from cloudops_ls.storage.tables import ExecutionOutputRow, ExecutionRow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

    from cloudops_ls.storage.database import Database

PIECE = 262_144
"""Characters of a row at most; whoever reads an output holds a few of them."""
_AT_ONCE = 4


def add_output(connection: Connection, execution_id: str, text: str) -> None:
    """Add to the output; nothing where ``text`` is empty."""
    for start in range(0, len(text), PIECE):
        piece = text[start : start + PIECE]
        connection.execute(insert(ExecutionOutputRow).values(execution_id=execution_id, text=piece))


def output_of(connection: Connection, execution_id: str) -> str:
    """Return the whole output so far."""
    return "".join(_pieces(connection, execution_id))


def output_length(connection: Connection, execution_id: str) -> int:
    """Return the characters of the output so far."""
    lengths = select(func.sum(func.length(ExecutionOutputRow.text))).where(
        ExecutionOutputRow.execution_id == execution_id
    )
    return int(connection.execute(lengths).scalar() or 0)


def stream_output(database: Database, execution_id: str) -> Iterator[str]:
    """Yield the output piece by piece; what is added meanwhile comes too.

    Between pieces nothing of the database is held, so a slow reader keeps nobody from anything.
    """
    seq = 0
    while True:
        pieces = (
            select(ExecutionOutputRow.seq, ExecutionOutputRow.text)
            .where(ExecutionOutputRow.execution_id == execution_id, ExecutionOutputRow.seq > seq)
            .order_by(ExecutionOutputRow.seq)
            .limit(_AT_ONCE)
        )
        with database.read() as connection:
            rows = connection.execute(pieces).all()
        if not rows:
            return
        seq = rows[-1].seq
        yield from (row.text for row in rows)


def output_digest(connection: Connection, execution_id: str) -> str | None:
    """Return SHA-256 of the whole output in UTF-8, in hex; None for no such execution."""
    known = select(ExecutionRow.id).where(ExecutionRow.id == execution_id)
    if connection.execute(known).first() is None:
        return None
    digest = hashlib.sha256()
    for piece in _pieces(connection, execution_id):
        digest.update(piece.encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def _pieces(connection: Connection, execution_id: str) -> Iterator[str]:
    pieces = (
        select(ExecutionOutputRow.text)
        .where(ExecutionOutputRow.execution_id == execution_id)
        .order_by(ExecutionOutputRow.seq)
        .execution_options(yield_per=_AT_ONCE)
    )
    yield from connection.execute(pieces).scalars()

"""The stored output of executions: pieces, so that streaming does not rewrite what came before."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from sqlalchemy import insert, select

from cloudops_ls.storage.tables import ExecutionOutputRow, ExecutionRow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection


def add_output(connection: Connection, execution_id: str, text: str) -> None:
    """Add a piece; an empty one is none."""
    if text:
        connection.execute(insert(ExecutionOutputRow).values(execution_id=execution_id, text=text))


def output_of(connection: Connection, execution_id: str) -> str:
    """Return the whole output so far."""
    return "".join(_pieces(connection, execution_id))


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
    )
    yield from connection.execute(pieces).scalars()

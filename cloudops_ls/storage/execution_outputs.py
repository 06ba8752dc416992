"""The stored output of executions: pieces, so that streaming does not rewrite what came before."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import func, insert, select

from cloudops_ls.storage.tables import ExecutionOutputRow, ExecutionRow

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlalchemy import Connection

    from cloudops_ls.storage.database import Database

PIECE = 262_144
"""Characters of a row at most; whoever reads an output holds a few of them."""
_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class OutputPiece:
    """One stored piece of an output, as it will be read back; ``seq`` is its place."""

    seq: int
    text: str


class OutputDigest:
    """SHA-256 of an execution's whole output in UTF-8, kept while pieces are added.

    It is signed in the transaction that closes the execution, for which all other writers wait:
    hundreds of megabytes must have been read before that.
    """

    def __init__(self) -> None:
        self._sha256 = hashlib.sha256()
        self._seq = 0
        self._pieces = 0

    def add(self, pieces: Iterable[OutputPiece]) -> None:
        """Take in pieces that follow those it has."""
        for piece in pieces:
            self._sha256.update(piece.text.encode("utf-8", "surrogatepass"))
            self._seq = piece.seq
            self._pieces += 1

    def read(self, connection: Connection, execution_id: str) -> None:
        """Take in all stored pieces that it does not have yet."""
        following = (
            select(ExecutionOutputRow.seq, ExecutionOutputRow.text)
            .where(
                ExecutionOutputRow.execution_id == execution_id,
                ExecutionOutputRow.seq > self._seq,
            )
            .order_by(ExecutionOutputRow.seq)
            .execution_options(yield_per=_AT_ONCE)
        )
        self.add(OutputPiece(row.seq, row.text) for row in connection.execute(following))

    def covers(self, connection: Connection, execution_id: str) -> bool:
        """Return whether it has every stored piece; reads none of them."""
        stored = select(func.count(ExecutionOutputRow.seq), func.max(ExecutionOutputRow.seq)).where(
            ExecutionOutputRow.execution_id == execution_id
        )
        count, last = connection.execute(stored).one()
        return (count, last or 0) == (self._pieces, self._seq)

    def hexdigest(self) -> str:
        """Return the digest of what it has."""
        return self._sha256.hexdigest()


def add_output(connection: Connection, execution_id: str, text: str) -> list[OutputPiece]:
    """Add to the output, nothing where ``text`` is empty; return what was stored."""
    adding = insert(ExecutionOutputRow).returning(ExecutionOutputRow.seq)
    keep = ExecutionOutputRow.__table__.c.text.type.dialect_impl(connection.dialect).bind_processor(
        connection.dialect
    )
    added = []
    for start in range(0, len(text), PIECE):
        piece = text[start : start + PIECE]
        row = {"execution_id": execution_id, "text": piece}
        seq = connection.execute(adding, row).scalar_one()
        # As the database keeps it, which not every one does with every character.
        added.append(OutputPiece(seq, piece if keep is None else str(keep(piece))))
    return added


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
    digest = OutputDigest()
    digest.read(connection, execution_id)
    return digest.hexdigest()


def _pieces(connection: Connection, execution_id: str) -> Iterator[str]:
    pieces = (
        select(ExecutionOutputRow.text)
        .where(ExecutionOutputRow.execution_id == execution_id)
        .order_by(ExecutionOutputRow.seq)
        .execution_options(yield_per=_AT_ONCE)
    )
    yield from connection.execute(pieces).scalars()

"""Embeddings already computed, in the encrypted database, by the digest of their text."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from sqlalchemy import delete, func, select

from cloudops_ls.storage.tables import VectorRow

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray
    from sqlalchemy import Connection

    from cloudops_ls.storage.database import Database

LOOKUP_SIZE = 500


class VectorCache:
    """The vectors of one model.

    Parameters
    ----------
    database
        Where they are kept.
    model
        Name of the model: vectors of another one are not found.
    dim
        Dimension; vectors of another one are not found.
    """

    def __init__(self, database: Database, model: str, dim: int) -> None:
        self._database = database
        self._model = model
        self._dim = dim

    def get(self, texts: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """Return the known vectors of ``texts``, by text."""
        import numpy as np

        by_digest = {_digest(text): text for text in texts}
        digests = list(by_digest)
        found: dict[str, NDArray[np.float32]] = {}
        with self._database.read() as connection:
            for start in range(0, len(digests), LOOKUP_SIZE):
                rows = connection.execute(
                    select(VectorRow.digest, VectorRow.vector).where(
                        VectorRow.model == self._model,
                        VectorRow.dim == self._dim,
                        VectorRow.digest.in_(digests[start : start + LOOKUP_SIZE]),
                    )
                )
                found.update(
                    (by_digest[digest], np.frombuffer(vector, "<f4")) for digest, vector in rows
                )
        return found

    def put(self, vectors: Mapping[str, NDArray[np.float32]]) -> None:
        """Keep vectors, by text."""
        if not vectors:
            return
        rows = [
            {
                "model": self._model,
                "digest": _digest(text),
                "dim": self._dim,
                "vector": vector.astype("<f4").tobytes(),
            }
            for text, vector in vectors.items()
        ]
        with self._database.write() as connection:
            statement = self._database.insert(VectorRow)
            connection.execute(
                statement.on_conflict_do_update(
                    index_elements=["model", "digest"],
                    set_={"dim": statement.excluded.dim, "vector": statement.excluded.vector},
                ),
                rows,
            )


def count_kept(database: Database) -> dict[tuple[str, int], int]:
    """Return how many vectors are kept, by model and dimension."""
    query = select(VectorRow.model, VectorRow.dim, func.count()).group_by(
        VectorRow.model, VectorRow.dim
    )
    with database.read() as connection:
        return {(model, dim): count for model, dim, count in connection.execute(query)}


def keep_only(database: Database, model: str) -> None:
    """Drop the vectors of all models but one."""
    with database.write() as connection:
        connection.execute(delete(VectorRow).where(VectorRow.model != model))


def forget(connection: Connection, texts: Sequence[str]) -> None:
    """Drop the vectors of texts, of every model; whoever still has such a text computes it anew."""
    digests = [_digest(text) for text in texts]
    for start in range(0, len(digests), LOOKUP_SIZE):
        some = digests[start : start + LOOKUP_SIZE]
        connection.execute(delete(VectorRow).where(VectorRow.digest.in_(some)))


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()

"""The meaning of texts as vectors: an embedding model, its cache, and life without either."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudops_ls.errors import CloudOpsError
from cloudops_ls.storage.health import HealthPart, PartState
from cloudops_ls.storage.vectors.cache import VectorCache
from cloudops_ls.storage.vectors.embeddings import EmbeddingModel, find_model

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from cloudops_ls.storage.database import Database


class TextVectors:
    """Vectors of texts, computed once; none at all where there is no usable model.

    Parameters
    ----------
    database
        Where vectors are kept.
    models
        Directory of the embedding models.
    name
        Directory name of the model; None for whichever is installed.
    threads
        Threads for embedding; None leaves it to ONNX Runtime.
    """

    def __init__(
        self, database: Database, models: Path, name: str | None, threads: int | None
    ) -> None:
        self._problem: CloudOpsError | None = None
        self._model: EmbeddingModel | None = None
        try:
            self._model = find_model(models, name, threads=threads)
        except CloudOpsError as error:
            self._problem = error
        self._cache = (
            VectorCache(database, self._model.name, self._model.dim) if self._model else None
        )

    @property
    def dim(self) -> int | None:
        """Dimension of the vectors; None where there are none to come."""
        return self._model.dim if self._model else None

    def known(self, texts: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """Return the vectors of ``texts`` that were computed before, by text."""
        return self._cache.get(texts) if self._cache else {}

    def compute(self, texts: Sequence[str]) -> bool:
        """Compute and keep the vectors of ``texts``.

        Returns
        -------
        bool
            False when the model turns out to be unusable: it is given up, and `health` says why.
        """
        model, cache = self._model, self._cache
        if model is None or cache is None:
            return False
        try:
            if texts:
                cache.put(dict(zip(texts, model.embed(texts), strict=True)))
        except CloudOpsError as error:
            self._problem = error
            self._model = self._cache = None
            return False
        return True

    def of_query(self, query: str) -> list[float] | None:
        """Return the vector of a query; None until the model is loaded: no search waits for it."""
        model = self._model
        if model is None or not model.ready:
            return None
        vector: list[float] = model.embed([query])[0].tolist()
        return vector

    def health(self, pending: int) -> HealthPart:
        """Return how the model is, with ``pending`` resources still to embed."""
        name = "embeddings"
        problem, model = self._problem, self._model
        if problem is not None:
            return HealthPart(
                name=name,
                state=PartState.DEGRADED,
                detail=f"{problem.what}: exact and keyword search only.",
                fix=problem.fix,
            )
        if model is None:
            return HealthPart(
                name=name,
                state=PartState.DEGRADED,
                detail="No embedding model: exact and keyword search only.",
                fix="Install a model to search by meaning",
            )
        detail = f"Model {model.name}, {model.dim} dimensions"
        if pending:
            return HealthPart(
                name=name,
                state=PartState.DEGRADED,
                detail=f"{detail}, {pending:,} resources still to embed.",
            )
        return HealthPart(name=name, state=PartState.OK, detail=f"{detail}.")

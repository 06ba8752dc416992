"""The meaning of texts as vectors of one model: computed once, kept, given up where impossible."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudops_ls.errors import CloudOpsError
from cloudops_ls.storage.vectors.cache import VectorCache

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from cloudops_ls.storage.database import Database
    from cloudops_ls.storage.vectors.embeddings import EmbeddingModel


class TextVectors:
    """Vectors of texts, computed once; none at all where there is no usable model.

    Parameters
    ----------
    database
        Where vectors are kept, by the digest of their text.
    model
        Computes them; None for none.
    """

    def __init__(self, database: Database, model: EmbeddingModel | None) -> None:
        self._model = model
        self._cache = VectorCache(database, model.name, model.dim) if model else None
        self._problem: CloudOpsError | None = None

    @property
    def name(self) -> str | None:
        """Name of the model, its revision included."""
        return self._model.name if self._model else None

    @property
    def dim(self) -> int | None:
        """Dimension of the vectors; None where there is no model."""
        return self._model.dim if self._model else None

    @property
    def usable(self) -> bool:
        """Whether there is a model and, as far as is known, it works."""
        return self._model is not None and self._problem is None

    @property
    def problem(self) -> CloudOpsError | None:
        """Why the model was given up."""
        return self._problem

    def known(self, texts: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """Return the vectors of ``texts`` that were computed before, by text."""
        return self._cache.get(texts) if self._cache else {}

    def compute(self, texts: Sequence[str]) -> bool:
        """Compute and keep the vectors of ``texts``; without any, load the model.

        Returns
        -------
        bool
            False when there is no usable model, or it turns out to be none: it is given up, and
            `problem` says why.
        """
        model, cache = self._model, self._cache
        if model is None or cache is None or not self.usable:
            return False
        try:
            if texts:
                cache.put(dict(zip(texts, model.embed(texts), strict=True)))
            else:
                model.load()
        except CloudOpsError as error:
            self._problem = error
            return False
        return True

    def of_query(self, query: str) -> list[float] | None:
        """Return the vector of a query; None until the model is loaded: no search waits for it."""
        model = self._model
        if model is None or not self.usable or not model.ready:
            return None
        vector: list[float] = model.embed_query(query).tolist()
        return vector

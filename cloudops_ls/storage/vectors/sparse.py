"""Texts as sparse vectors for BM25; the same encoder for every engine of a process."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING, Protocol

from cloudops_ls.storage.vectors.index import SparseVector

if TYPE_CHECKING:
    from qdrant_edge import Bm25

AVERAGE_LENGTH = 24.0
"""Terms of a usual resource's text; BM25 judges length by it."""


class SparseEncoder(Protocol):
    """Encodes documents with term weights, queries with ones; the engine adds the IDF."""

    def document(self, text: str) -> SparseVector:
        """Encode a text to be found."""
        ...

    def query(self, text: str) -> SparseVector | None:
        """Encode a text to search for; None if there is no term in it."""
        ...


class QdrantEncoder:
    """Qdrant's own BM25, from qdrant-edge-py: English stems.

    Parameters
    ----------
    prose
        Whether the texts are sentences, whose stop words say nothing. Names may consist of stop
        words (``a``, ``the``, ``on``), and the IDF makes common terms cheap anyway.
    """

    def __init__(self, *, prose: bool = False) -> None:
        from qdrant_edge import Bm25, Bm25Config, Language, StopwordsSet

        config = Bm25Config(
            avg_len=AVERAGE_LENGTH,
            language="english",
            lowercase=True,
            ascii_folding=True,
            stopwords=StopwordsSet(languages={Language.English} if prose else set(), custom=set()),
        )
        self._model: Bm25 = Bm25(config)

    def document(self, text: str) -> SparseVector:
        """Encode a text to be found."""
        found = self._model.embed_document(text)
        return SparseVector(found.indices, found.values)

    def query(self, text: str) -> SparseVector | None:
        """Encode a text to search for."""
        found = self._model.embed_query(text)
        return SparseVector(found.indices, found.values) if found.indices else None


class FastembedEncoder:
    """fastembed's BM25, where qdrant-edge-py has no wheel (Windows).

    With the stop words given inline it needs no file, so that nothing is downloaded.
    """

    def __init__(self) -> None:
        from fastembed.sparse.bm25 import Bm25

        self._model = Bm25(
            "Qdrant/bm25",
            avg_len=AVERAGE_LENGTH,
            stopwords=set(),
            specific_model_path=tempfile.gettempdir(),
            local_files_only=True,
        )

    def document(self, text: str) -> SparseVector:
        """Encode a text to be found."""
        found = next(iter(self._model.embed([text])))
        return SparseVector(found.indices.tolist(), found.values.tolist())

    def query(self, text: str) -> SparseVector | None:
        """Encode a text to search for."""
        found = next(iter(self._model.query_embed(text)))
        indices = found.indices.tolist()
        return SparseVector(indices, found.values.tolist()) if indices else None


def load_encoder(*, prose: bool = False) -> SparseEncoder:
    """Return the encoder that this machine has, for names or for prose."""
    try:
        return QdrantEncoder(prose=prose)
    except ImportError:
        return FastembedEncoder()

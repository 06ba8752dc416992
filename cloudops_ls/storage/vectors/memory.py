"""The ``memory`` engine: qdrant-client's local mode, where ``edge`` cannot be."""

from __future__ import annotations

import threading
import warnings
from typing import TYPE_CHECKING, TypeVar

from qdrant_client import QdrantClient

from cloudops_ls.storage.vectors.client import ClientIndex

if TYPE_CHECKING:
    from collections.abc import Callable

    from cloudops_ls.storage.vectors.index import CollectionSpec

T = TypeVar("T")
# It recommends a server from 20,000 points on; health says which engine runs and why.
warnings.filterwarnings("ignore", message="Local mode is not recommended")


class MemoryIndex(ClientIndex):
    """One collection in Python's memory; slower than ``edge``, with the same answers.

    Parameters
    ----------
    spec
        What it holds.
    """

    name = "memory"

    def __init__(self, spec: CollectionSpec) -> None:
        super().__init__(spec, QdrantClient(":memory:"), name=spec.name, owned={})
        # Local mode is not made for threads.
        self._lock = threading.Lock()
        self._create()

    def close(self) -> None:
        """Drop the collection."""
        with self._lock:
            super().close()

    def _call(self, request: Callable[[], T]) -> T:
        with self._lock:
            self._require_open()
            return request()

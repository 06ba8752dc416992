"""The worker's part for the search index: keeps it whole in the background."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from cloudops_ls.errors import CloudOpsError
from cloudops_ls.logs import logger
from cloudops_ls.storage.health import PartState
from cloudops_ls.worker import wire

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cloudops_ls.storage.estate_index import EstateIndex
    from cloudops_ls.storage.service import StorageService
    from cloudops_ls.worker.service import Notify


class IndexPart:
    """Builds, fills and mends the search index; search goes by text until it is whole.

    Parameters
    ----------
    storage
        The store, opened with or without a search index.
    notify
        Notifies every client; callable from any thread.
    """

    def __init__(self, storage: StorageService, notify: Notify) -> None:
        self._storage = storage
        self._notify = notify
        self._closing = threading.Event()
        self._wanted = threading.Event()
        self.methods: Mapping[str, Callable[[dict[str, Any]], Any]] = {wire.HEALTH: self.health}

    @property
    def busy(self) -> bool:
        """An index is rebuilt at any time; nobody need wait for it."""
        return False

    def start(self) -> None:
        """Keep the index whole on a thread of its own."""
        index = self._storage.index
        if index is not None:
            threading.Thread(target=self._keep, args=(index,), name="index", daemon=True).start()

    def refresh(self) -> None:
        """Have new resources indexed."""
        self._wanted.set()

    def mend(self) -> None:
        """Have the index filled again if it was replaced, as when its directory filled up."""
        index = self._storage.index
        if index is not None and not index.complete:
            self._wanted.set()

    def abandon(self) -> None:
        """Go on: the index serves whoever comes next."""

    def close(self) -> None:
        """Stop building."""
        self._closing.set()
        self._wanted.set()

    def health(self, _params: dict[str, Any]) -> dict[str, Any]:
        """Return how every part of the store is."""
        return self._storage.health().model_dump(mode="json")

    def _keep(self, index: EstateIndex) -> None:
        told = False
        while not self._closing.is_set():
            self._wanted.clear()
            try:
                if index.complete:
                    index.embed_pending(cancelled=self._closing.is_set)
                else:
                    index.rebuild(cancelled=self._closing.is_set)
            except CloudOpsError as error:
                logger.warning("the search index could not be built: %s", type(error).__name__)
            except Exception:
                logger.exception("the search index could not be built")
            told = told or self._tell_of_index()
            self._wanted.wait()

    def _tell_of_index(self) -> bool:
        """Tell the operator when search is worse than it could be; return whether it is."""
        search = self._storage.health().part("search")
        if search.state is PartState.OK or self._closing.is_set():
            return False
        advice = f" {search.fix}." if search.fix else ""
        self._notify(wire.WORKER_MESSAGE, {"message": f"Search: {search.detail}{advice}"})
        return True

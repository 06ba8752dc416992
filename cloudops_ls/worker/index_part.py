"""The worker's part for the search index: keeps it whole in the background."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from cloudops_ls.errors import CloudOpsError, RetryableError
from cloudops_ls.logs import logger
from cloudops_ls.storage.health import PartState
from cloudops_ls.worker import wire
from cloudops_ls.worker.allocator import give_back

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cloudops_ls.storage.indexing.search_index import SearchIndex
    from cloudops_ls.storage.service import StorageService
    from cloudops_ls.worker.service import Notify

RETRY_SECONDS = 30.0
"""How long an index that is not whole is left before it is tried again."""
COMPARE_SECONDS = 3600.0
"""How often a whole one is compared with the database."""
_PATIENCE = 60.0
"""Seconds that somebody who asks for the status waits for an index that is being filled."""
_NO_MODEL = "no_model"


class IndexPart:
    """Builds, fills and mends the search index; search goes by text until it is whole.

    Parameters
    ----------
    storage
        The store, opened with or without a search index.
    notify
        Notifies every client; callable from any thread.
    wanted_model
        Returns the name of the embedding model in the settings as they are now.
    """

    def __init__(
        self,
        storage: StorageService,
        notify: Notify,
        *,
        wanted_model: Callable[[], str | None] = lambda: None,
    ) -> None:
        self._storage = storage
        self._notify = notify
        self._wanted_model = wanted_model
        self._closing = threading.Event()
        self._wanted = threading.Event()
        self._paused = threading.Event()
        self._abandoned = threading.Event()
        self._filled = threading.Event()
        self._renewing = threading.Lock()
        self._told = False
        self.methods: Mapping[str, Callable[[dict[str, Any]], Any]] = {
            wire.HEALTH: self.health,
            wire.INDEX_STATUS: self.status,
            wire.INDEX_REBUILD: self.rebuild,
            wire.MODELS_CHANGED: self.models_changed,
        }

    @property
    def busy(self) -> bool:
        """Whether somebody waits for a rebuild; what goes on unasked, nobody need wait for."""
        return self._renewing.locked()

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
        """End a rebuild that somebody waited for; what serves goes on for whoever comes next."""
        self._abandoned.set()

    def close(self) -> None:
        """Stop building."""
        self._closing.set()
        self._abandoned.set()
        self._filled.set()
        self._wanted.set()

    def health(self, _params: dict[str, Any]) -> dict[str, Any]:
        """Return how every part of the store is."""
        health = self._storage.health().model_dump(mode="json")
        self.mend()
        return health

    def status(self, _params: dict[str, Any]) -> dict[str, Any]:
        """Compare the index with the database.

        Returns
        -------
        dict
            ``collections``, each with its name, engine, points, what is missing, stale, extra
            (null while it is built), and still to embed; ``parts`` of the health that belong to
            it.
        """
        index = self._index()
        if not index.complete:
            # As after the start of the worker: soon there is more to say.
            self.mend()
            self._filled.wait(_PATIENCE)
        compared = index.compare()
        collections = []
        for state in index.states():
            found = compared.get(state.collection)
            collections.append(
                {
                    "collection": state.collection,
                    "engine": state.engine,
                    "points": state.points,
                    "complete": state.complete,
                    "missing": found.missing if found else None,
                    "stale": found.stale if found else None,
                    "extra": found.extra if found else None,
                    "unembedded": state.unembedded,
                    "repairs": state.repairs,
                }
            )
        parts = [part.model_dump(mode="json") for part in index.health()]
        self.mend()
        return {"collections": collections, "parts": parts}

    def rebuild(self, _params: dict[str, Any]) -> dict[str, Any]:
        """Make the index anew from the database; searches are answered meanwhile.

        Returns
        -------
        dict
            ``complete``: whether it came to its end; ``parts`` of the health that belong to it.
        """
        index = self._index()
        if not self._renewing.acquire(blocking=False):
            raise RetryableError("The search index is being rebuilt already", fix="Wait for it")
        try:
            self._abandoned.clear()
            self._paused.set()
            complete = index.renew(self._report, self._abandoned.is_set)
        finally:
            give_back()
            self._paused.clear()
            self._renewing.release()
            self._wanted.set()
        parts = [part.model_dump(mode="json") for part in index.health()]
        return {"complete": complete, "parts": parts}

    def models_changed(self, _params: dict[str, Any]) -> None:
        """Look for embedding models again, after one was installed."""
        index = self._index()
        self._paused.set()
        try:
            index.use_model(self._wanted_model())
        finally:
            self._paused.clear()
            self._wanted.set()

    def _index(self) -> SearchIndex:
        index = self._storage.index
        if index is None:
            raise CloudOpsError("This store was opened without a search index")
        return index

    def _report(self, what: str, done: int, total: int) -> None:
        self._notify(wire.INDEX_PROGRESS, {"what": what, "done": done, "total": total})

    def _interrupted(self) -> bool:
        return self._closing.is_set() or self._paused.is_set()

    def _keep(self, index: SearchIndex) -> None:
        while not self._closing.is_set():
            self._wanted.clear()
            whole = self._attempt(lambda: self._bring_in_line(index))
            give_back()
            self._filled.set()
            if not self._interrupted():
                self._attempt(lambda: self._tell(index))
            if not self._wanted.wait(COMPARE_SECONDS if whole else RETRY_SECONDS) and whole:
                self._attempt(lambda: index.compare() is not None)

    def _attempt(self, work: Callable[[], bool]) -> bool:
        """Do a part of the thread's work; return False where it failed, to be tried again."""
        try:
            return work()
        except CloudOpsError as error:
            logger.warning("the search index could not be kept: %s", type(error).__name__)
        except Exception:  # a defect here must not leave the index to itself for ever
            logger.exception("the search index could not be kept")
        return False

    def _bring_in_line(self, index: SearchIndex) -> bool:
        if index.complete:
            return index.embed_pending(cancelled=self._interrupted)
        return index.rebuild(cancelled=self._interrupted)

    def _tell(self, index: SearchIndex) -> bool:
        self._told = self._told or self._tell_of_index()
        self._tell_of_model(index)
        return True

    def _tell_of_index(self) -> bool:
        """Tell the operator when search is worse than it could be; return whether it is."""
        search = self._storage.health().part("search")
        if search.state is PartState.OK:
            return False
        advice = f" {search.fix}." if search.fix else ""
        self._notify(wire.WORKER_MESSAGE, {"message": f"Search: {search.detail}{advice}"})
        return True

    def _tell_of_model(self, index: SearchIndex) -> None:
        """Tell the operator once, and not with every start, that meaning is not searched by."""
        if index.searches_by_meaning:
            self._storage.notices.forget(_NO_MODEL)
        elif self._storage.notices.first(_NO_MODEL):
            part = self._storage.health().part("embeddings")
            advice = f" {part.fix}." if part.fix else ""
            self._notify(wire.WORKER_MESSAGE, {"message": f"Search: {part.detail}{advice}"})

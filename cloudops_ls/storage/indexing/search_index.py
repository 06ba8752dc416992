"""The search index of a store: built from the database, never the only copy of anything."""

from __future__ import annotations

import os
import secrets
import threading
import time
from typing import TYPE_CHECKING, Protocol

from sqlalchemy import select

from cloudops_ls.errors import CloudOpsError
from cloudops_ls.logs import logger
from cloudops_ls.storage.indexing.chat_source import ChatSource
from cloudops_ls.storage.indexing.collection import Collection, EstateCollection
from cloudops_ls.storage.indexing.collection_state import THINGS
from cloudops_ls.storage.indexing.estate_source import EstateSource
from cloudops_ls.storage.indexing.index_health import model_health, search_health
from cloudops_ls.storage.indexing.models import Choice, choose
from cloudops_ls.storage.tables import MetaRow
from cloudops_ls.storage.vectors.cache import keep_only
from cloudops_ls.storage.vectors.engines import Engine
from cloudops_ls.storage.vectors.sparse import load_encoder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from cloudops_ls.storage.database import Database
    from cloudops_ls.storage.health import HealthPart
    from cloudops_ls.storage.indexing.collection_state import CollectionState
    from cloudops_ls.storage.indexing.projection import Differences
    from cloudops_ls.storage.indexing.projection import Progress as Counting
    from cloudops_ls.storage.indexing.settings import VectorSettings
    from cloudops_ls.storage.indexing.text_vectors import TextVectors
    from cloudops_ls.storage.vectors.server import QdrantServer

STORE_ID = "store_id"
_COMPARED_FOR = 60.0
"""Seconds for which a comparison of a large index counts as new."""
_SMALL = 5_000
"""Points up to which every health check compares."""


class Progress(Protocol):
    """Told how far a long task is."""

    def __call__(self, what: str, done: int, total: int) -> None:
        """Take note of ``done`` steps out of ``total`` of ``what``: "indexing resources"."""
        ...


class SearchIndex:
    """Hybrid search over the estate and over what was said.

    Empty when opened, unless it is on a server: `rebuild` fills it, in a background thread if its
    owner likes; until then searches go by the database alone.

    Parameters
    ----------
    database
        The truth.
    models
        Directory of the embedding models, unless the settings name another one.
    settings
        How to search.

    Attributes
    ----------
    estate, chat
        The collections ``aws_resources`` and ``chat_history``.
    """

    def __init__(self, database: Database, models: Path, settings: VectorSettings) -> None:
        self._database = database
        self._models = settings.models or models
        self._threads = settings.threads or max(1, (os.cpu_count() or 2) // 2)
        # One long task at a time.
        self._working = threading.Lock()
        self._compared: tuple[float, dict[str, Differences | None]] = (0.0, {})
        self._choice = choose(database, self._models, settings.model, threads=self._threads)
        self._server_problem: CloudOpsError | None = None
        server = self._find_server(settings)
        serving = self._choice.serving
        self.estate = EstateCollection(
            database,
            EstateSource(settings.words),
            settings,
            load_encoder(),
            serving,
            server,
        )
        self.chat = Collection(
            database, ChatSource(), settings, load_encoder(prose=True), serving, server
        )
        self._collections: tuple[Collection, ...] = (self.estate, self.chat)

    @property
    def complete(self) -> bool:
        """Whether everything stored is in the index; without that, search goes by text alone."""
        return all(each.complete for each in self._collections)

    @property
    def searches_by_meaning(self) -> bool:
        """Whether there is a usable embedding model."""
        return self._choice.serving.usable

    def rebuild(
        self,
        progress: Progress | None = None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> bool:
        """Bring the index in line with the database, then compute missing embeddings.

        Parameters
        ----------
        progress
            Called after every batch.
        cancelled
            Asked before every batch.

        Returns
        -------
        bool
            Whether it came to its end; False when cancelled or closed, or a server is away.
        """
        with self._working:
            for each in self._collections:
                if not each.fill(_counting(progress, "indexing", each), cancelled):
                    return False
        return self.embed_pending(progress, cancelled)

    def renew(
        self,
        progress: Progress | None = None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> bool:
        """Make the index anew from the database; the old one serves meanwhile.

        Returns
        -------
        bool
            As `rebuild` does.
        """
        with self._working:
            for each in self._collections:
                counting = _counting(progress, "indexing", each)
                if not each.renew(self._choice.serving, counting, cancelled):
                    return False
        return self.embed_pending(progress, cancelled)

    def embed_pending(
        self,
        progress: Progress | None = None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> bool:
        """Compute the embeddings that are missing; return whether none is left.

        Records written in bulk are found by their words at once, by their meaning after this.
        Where another model is to take over, its vectors are computed too, and it does.
        """
        with self._working:
            for each in self._collections:
                if not each.embed(_counting(progress, "embedding", each), cancelled):
                    return False
            coming = self._choice.coming
            return coming is None or self._change_model(coming, progress, cancelled)

    def use_model(self, name: str | None) -> None:
        """Choose the model again, as after an installation; `rebuild` then makes it serve."""
        with self._working:
            choice = choose(self._database, self._models, name, threads=self._threads)
            before, wanted = self._choice.serving, choice.coming or choice.serving
            # What serves goes on, with its model loaded, until the other one is complete.
            coming = wanted if wanted.name not in (before.name, None) else None
            self._choice = Choice(before, coming, choice.problem)

    def compare(self) -> dict[str, Differences | None]:
        """Compare every point with what is stored, by collection; None where that cannot be told.

        What differs is mended by the next `rebuild`.
        """
        found: dict[str, Differences | None] = {}
        for each in self._collections:
            state = each.state()
            found[state.collection] = each.compare() if state.complete else None
            difference = found[state.collection]
            if difference is not None and difference.total:
                logger.warning("%d points of the search index differ", difference.total)
                each.doubt()
        self._compared = (time.monotonic(), found)
        return found

    def states(self) -> tuple[CollectionState, ...]:
        """Return how the collections are."""
        return tuple(each.state() for each in self._collections)

    def health(self) -> tuple[HealthPart, ...]:
        """Return how the index and the embedding model are."""
        states = self.states()
        return (
            search_health(states, self._server_problem, lambda: self._differing(states)),
            model_health(self._choice, lambda: sum(each.unembedded for each in states)),
        )

    def close(self) -> None:
        """Drop the index; a rebuild under way ends at its next batch."""
        for each in self._collections:
            each.close()

    # Inside

    def _change_model(
        self, coming: TextVectors, progress: Progress | None, cancelled: Callable[[], bool]
    ) -> bool:
        for each in self._collections:
            counting = _counting(progress, "embedding", each)
            if not each.embed_with(coming, counting, cancelled):
                return False
        for each in self._collections:
            if not each.renew(coming, _counting(progress, "indexing", each), cancelled):
                return False
        self._choice = Choice(coming)
        if coming.name is not None:
            keep_only(self._database, coming.name)
        logger.info("another embedding model serves now")
        # Records that came meanwhile.
        return all(each.embed(None, cancelled) for each in self._collections)

    def _find_server(self, settings: VectorSettings) -> QdrantServer | None:
        if settings.server is None:
            if settings.engine is Engine.SERVER:
                self._server_problem = CloudOpsError(
                    "no Qdrant server is set", fix="Set cloudops.qdrant.url"
                )
            return None
        from cloudops_ls.storage.vectors.server import QdrantServer

        given = settings.server
        server = QdrantServer(
            url=given.url,
            store=_store_id(self._database),
            api_key=given.api_key(),
            ca_file=given.ca_file,
            prefix=given.prefix,
            timeout=given.timeout,
        )
        try:
            server.check()
        except CloudOpsError as error:
            # An engine in this process serves instead, and health says why.
            self._server_problem = error
            return None
        return server

    def _differing(self, states: Sequence[CollectionState]) -> int:
        """Return how many points differ; of a large index, as of a minute ago."""
        at, found = self._compared
        points = sum(state.points or 0 for state in states)
        if not found or points <= _SMALL or time.monotonic() - at > _COMPARED_FOR:
            found = self.compare()
        return sum(each.total for each in found.values() if each is not None)


def _counting(progress: Progress | None, doing: str, collection: Collection) -> Counting | None:
    if progress is None:
        return None
    what = f"{doing} {THINGS[collection.name]}"
    return lambda done, total: progress(what, done, total)


def _store_id(database: Database) -> str:
    """Return what tells this store from all others, making it the first time."""
    query = select(MetaRow.value).where(MetaRow.key == STORE_ID)
    with database.read() as connection:
        found = connection.execute(query).scalar_one_or_none()
    if found is None:
        with database.write() as connection:
            connection.execute(
                database.insert(MetaRow)
                .values(key=STORE_ID, value=secrets.randbits(31))
                .on_conflict_do_nothing(index_elements=["key"])
            )
            found = connection.execute(query).scalar_one()
    return f"{found:08x}"

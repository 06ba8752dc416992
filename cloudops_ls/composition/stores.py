"""The store of a home and its search index."""

from __future__ import annotations

from importlib.metadata import version as installed_version
from pathlib import Path
from typing import TYPE_CHECKING

from cloudops_ls.composition.assistants import qdrant_api_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cloudops_ls.config import Settings
    from cloudops_ls.home import Home
    from cloudops_ls.storage.indexing.settings import VectorSettings
    from cloudops_ls.storage.resource import Resource
    from cloudops_ls.storage.service import StorageService


def open_storage(home: Home) -> StorageService:
    """Open the store without a search index, as front ends do."""
    from cloudops_ls.storage.keys import KeyRing

    keys = KeyRing(home)
    url = database_url(home)
    if url is None:
        # While SQLAlchemy is imported.
        keys.prepare()
    from cloudops_ls.storage.service import StorageService

    return StorageService.open(home, keys=keys, database_url=url)


def database_url(home: Home) -> str | None:
    """Return the PostgreSQL database that the operator chose, None for the home's own file.

    Editors have no say: all processes of a home must agree, and a workspace must not move a store.

    Raises
    ------
    CloudOpsError
        The setting is wrong. Ignoring it would begin a second store, in another place.
    """
    from cloudops_ls.config import load_settings
    from cloudops_ls.errors import CloudOpsError

    settings, problems = load_settings(home)
    for problem in problems:
        if problem.setting.partition(".")[0] == "database":
            raise CloudOpsError(
                f"Where the store is cannot be told: {problem.reason}",
                where=f"cloudops.{problem.setting} in {problem.source}",
                fix="Correct it",
            )
    return settings.database.url


def vector_settings(
    home: Home, settings: Settings, *, words: Callable[[Resource], Iterable[str]]
) -> VectorSettings:
    """Return how to search, from the settings.

    Parameters
    ----------
    words
        What else a resource is called.
    """
    from cloudops_ls.storage.indexing.settings import ServerSettings, VectorSettings
    from cloudops_ls.storage.vectors.engines import Engine

    qdrant = settings.qdrant
    server = None
    if qdrant.url is not None:
        server = ServerSettings(
            url=qdrant.url,
            api_key=qdrant_api_key,
            ca_file=Path(qdrant.ca_file).expanduser() if qdrant.ca_file else None,
            prefix=qdrant.prefix,
            timeout=qdrant.timeout_seconds,
        )
    return VectorSettings(
        engine=Engine(settings.search.engine.value),
        model=settings.search.model,
        models=models_directory(home, settings),
        words=words,
        vocabulary=installed_version("cloudops-ls"),
        server=server,
    )


def models_directory(home: Home, settings: Settings) -> Path:
    """Return where embedding models are installed."""
    chosen = settings.search.models_directory
    return Path(chosen).expanduser() if chosen is not None else home.models

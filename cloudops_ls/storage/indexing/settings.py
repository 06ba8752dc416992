"""How to search."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cloudops_ls.storage.vectors.engines import RESERVE, Engine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from cloudops_ls.storage.resource import Resource


def _no_words(_resource: Resource) -> Iterable[str]:
    return ()


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """A Qdrant server.

    Attributes
    ----------
    url
        Where it is.
    api_key
        Called for the key once the server is needed: a keychain may take its time.
    ca_file, prefix, timeout
        As in `QdrantServer`.
    """

    url: str
    api_key: Callable[[], str | None] = field(default=lambda: None, repr=False)
    ca_file: Path | None = None
    prefix: str = ""
    timeout: float = 10.0


@dataclass(frozen=True, slots=True)
class VectorSettings:
    """How to search.

    Attributes
    ----------
    engine
        Which engine to use where the machine can.
    model
        Name of the embedding model; None for the one installed last.
    models
        Directory of the embedding models; None for the home's.
    words
        What else a resource is called: its type's title and synonyms.
    vocabulary
        Changes when `words` does, so that what was indexed with other words is indexed again.
    places
        Where to look for memory-backed directories; None for the usual places.
    reserve
        Bytes to leave free there.
    threads
        Threads for embedding; None for half of the processors.
    server
        A Qdrant server to use instead of an engine in this process.
    """

    engine: Engine = Engine.AUTO
    model: str | None = None
    models: Path | None = None
    words: Callable[[Resource], Iterable[str]] = _no_words
    vocabulary: str = ""
    places: tuple[Path, ...] | None = None
    reserve: int = RESERVE
    threads: int | None = None
    server: ServerSettings | None = None

"""Choosing the engine: the best that this machine can carry."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from cloudops_ls.storage.vectors.directory import (
    MemoryDirectory,
    candidates,
    free_bytes,
    memory_backed,
)
from cloudops_ls.storage.vectors.index import IndexUnusableError

if TYPE_CHECKING:
    from pathlib import Path

    from cloudops_ls.storage.vectors.index import CollectionSpec, VectorIndex
    from cloudops_ls.storage.vectors.server import QdrantServer

RESERVE = 16 * 2**20
"""Bytes always left free in a memory-backed directory, for all others who use it."""


class Engine(StrEnum):
    """Which engine to use."""

    AUTO = "auto"
    """``server`` where one is set; ``edge`` where it is installed and fits into a memory-backed
    directory; else ``memory``."""
    EDGE = "edge"
    """As ``auto``: it falls back too, because a search that is slow is better than none."""
    MEMORY = "memory"
    SERVER = "server"
    """As ``auto``; health says so where no server is set."""


@dataclass(frozen=True, slots=True)
class OpenedIndex:
    """An index, and why it is not the best engine, where it is not."""

    index: VectorIndex
    note: str | None = None


def open_index(
    engine: Engine,
    spec: CollectionSpec,
    *,
    expected: int,
    places: tuple[Path, ...] | None = None,
    reserve: int = RESERVE,
    server: QdrantServer | None = None,
) -> OpenedIndex:
    """Open an index: empty, unless it is on a server.

    Parameters
    ----------
    engine
        What the operator wants.
    spec
        The collection.
    expected
        How many points will come, for judging whether there is room.
    places
        Where to look for memory-backed directories instead of the usual places.
    reserve
        Bytes to leave free there.
    server
        The Qdrant server, where there is one; checked.
    """
    if engine is Engine.MEMORY:
        return _memory(spec, None)
    if server is not None and engine is not Engine.EDGE:
        from cloudops_ls.storage.vectors.server import ServerIndex

        return OpenedIndex(ServerIndex(spec, server))
    try:
        from cloudops_ls.storage.vectors.edge import EdgeIndex, bytes_per_point
    except ImportError:
        return _memory(spec, "Qdrant's own engine is not installed for this platform")
    usable = memory_backed(candidates() if places is None else places)
    if not usable:
        return _memory(spec, "there is no memory-backed directory")
    needed = reserve + expected * bytes_per_point(spec.dim)
    roomy = [place for place in usable if free_bytes(place) >= needed]
    if not roomy:
        return _memory(
            spec, f"no memory-backed directory has the {needed / 2**20:.0f} MB that are needed"
        )
    directory = MemoryDirectory(roomy[0])
    try:
        return OpenedIndex(EdgeIndex(spec, directory, reserve=reserve))
    except IndexUnusableError:
        directory.close()
        return _memory(spec, "the memory-backed directory filled up")


def _memory(spec: CollectionSpec, note: str | None) -> OpenedIndex:
    # It costs more than a second to import: only for those who need it.
    from cloudops_ls.storage.vectors.memory import MemoryIndex

    return OpenedIndex(MemoryIndex(spec), note)

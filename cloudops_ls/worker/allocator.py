"""How the C library keeps memory in a process of many threads and one large index."""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Final

# From glibc's malloc.h; see mallopt(3).
_M_ARENA_MAX: Final = -8
_ARENAS: Final = 2


def share_arenas() -> None:
    """Let threads share what they allocate from, where the C library is glibc.

    It gives every thread an arena of its own otherwise, and none of them hands on what is freed.
    To be called before there are threads.
    """
    if (library := _glibc()) is not None:
        library.mallopt(_M_ARENA_MAX, _ARENAS)


def give_back() -> None:
    """Give memory that was freed back to the system, where the C library is glibc.

    Of an index that was made anew it keeps a fifth of the worker's memory otherwise.
    """
    if (library := _glibc()) is not None:
        library.malloc_trim(0)


@cache
def _glibc() -> ctypes.CDLL | None:
    try:
        library = ctypes.CDLL(None)
        # musl, macOS and Windows have no such function.
        return library if library.malloc_trim and library.mallopt else None
    except (AttributeError, OSError, TypeError):
        return None

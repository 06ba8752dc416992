"""Streams through a thread: what is large is neither in memory nor on the disk as a whole."""

from __future__ import annotations

import contextlib
import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_PIECE = 2**16


@contextlib.contextmanager
def pushing(work: Callable[[BinaryIO], None]) -> Iterator[BinaryIO]:
    """Give a file to write what ``work`` reads; its failure is raised here."""
    reader, writer = os.pipe()

    def run() -> None:
        with os.fdopen(reader, "rb") as source:
            work(source)

    with ThreadPoolExecutor(1) as threads:
        working = threads.submit(run)
        try:
            with os.fdopen(writer, "wb") as target:
                yield target
        except BrokenPipeError:
            # Why is known by the one that stopped reading.
            working.result()
            raise
        working.result()


@contextlib.contextmanager
def pulling(work: Callable[[BinaryIO], None]) -> Iterator[BinaryIO]:
    """Give a file to read what ``work`` writes; its failure is raised here."""
    reader, writer = os.pipe()

    def run() -> None:
        with os.fdopen(writer, "wb") as target:
            work(target)

    with ThreadPoolExecutor(1) as threads:
        working = threads.submit(run)
        try:
            with os.fdopen(reader, "rb") as source:
                yield source
                while source.read(_PIECE):
                    # To its end, which is what proves it whole.
                    pass
        except Exception:
            # Whatever the reader made of half a file: why it is half is known by the writer.
            problem = working.exception()
            if problem is not None and not isinstance(problem, BrokenPipeError):
                raise problem from None
            raise
        working.result()

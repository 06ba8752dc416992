"""Find out whether a write-ahead log lost something since the last process used it.

SQLite takes the valid beginning of a log for the whole of it: a log that was cut short or damaged
would silently lose what was committed last. After a crash the log's index (``-shm``) still says
how much had been committed, so the two can be held against each other before SQLite opens them.
Formats: https://www.sqlite.org/fileformat.html#the_write_ahead_log and
https://www.sqlite.org/walformat.html.
"""

from __future__ import annotations

import struct
from operator import mul
from typing import TYPE_CHECKING, NamedTuple

from cloudops_ls.errors import CloudOpsError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_INDEX_HEADER = 48
_INDEX_VERSION = 3007000
_LOG_HEADER = 32
_FRAME_HEADER = 24
_BIG_ENDIAN_SUMS = 0x377F0683
_MASK = 0xFFFFFFFF


class _Committed(NamedTuple):
    """What the index says about its log."""

    frames: int
    folded: int
    """How many of them are in the database file already."""
    salt: bytes


def check(database: Path) -> None:
    """Check the log of ``database``, which nobody has open.

    Raises
    ------
    CloudOpsError
        Something that had been committed is no longer in it.
    """
    committed = _committed(database.with_name(f"{database.name}-shm"))
    # Nothing is known where the index is missing or was not written whole.
    if committed is None or committed.frames <= committed.folded:
        return
    log = database.with_name(f"{database.name}-wal")
    valid = _valid_frames(log, committed)
    if valid < committed.frames:
        raise CloudOpsError(
            f"The write-ahead log is damaged: {committed.frames - valid} of {committed.frames} "
            "pages that were committed last are lost",
            where=str(log),
            fix="Put the file back from a copy or restore a backup; to go on without the last "
            "changes, remove cloudops.db-shm. Nothing was changed",
        )


def _committed(path: Path) -> _Committed | None:
    """Return what the index at ``path`` says; None if it says nothing that can be relied on."""
    try:
        with path.open("rb") as file:
            head = file.read(100)
    except OSError:
        return None
    size = _INDEX_HEADER
    if len(head) < 2 * size + 4 or head[:size] != head[size : 2 * size]:
        return None
    *words, first, second = struct.unpack(f"={size // 4}I", head[:size])
    if words[0] != _INDEX_VERSION or _checksum(words, (0, 0)) != (first, second):
        return None
    (folded,) = struct.unpack("=I", head[2 * size : 2 * size + 4])
    return _Committed(frames=words[4], folded=folded, salt=head[32:40])


def _valid_frames(path: Path, committed: _Committed) -> int:
    """Return how many frames are as they were written, up to those committed."""
    try:
        with path.open("rb") as file:
            head = file.read(_LOG_HEADER)
            if len(head) < _LOG_HEADER or head[16:24] != committed.salt:
                return 0
            magic, _, page_size = struct.unpack(">3I", head[:12])
            order = ">" if magic == _BIG_ENDIAN_SUMS else "<"
            words = struct.unpack(f"{order}6I", head[:24])
            sums = _checksum(words, (0, 0))
            if sums != struct.unpack(">2I", head[24:32]) or not 512 <= page_size <= 65536:
                return 0
            weights = _weights(2 + page_size // 4)
            for number in range(committed.frames):
                frame = file.read(_FRAME_HEADER + page_size)
                if len(frame) < _FRAME_HEADER + page_size or frame[8:16] != committed.salt:
                    return number
                words = struct.unpack(
                    f"{order}{2 + page_size // 4}I", frame[:8] + frame[_FRAME_HEADER:]
                )
                sums = _weighted(words, sums, weights)
                if sums != struct.unpack(">2I", frame[16:24]):
                    return number
            return committed.frames
    except OSError:
        return 0


def _checksum(words: Sequence[int], start: tuple[int, int]) -> tuple[int, int]:
    """Return SQLite's checksum of an even number of 32-bit words."""
    first, second = start
    for even, odd in zip(words[::2], words[1::2], strict=True):
        first = (first + even + second) & _MASK
        second = (second + odd + first) & _MASK
    return first, second


class _Weights(NamedTuple):
    first: list[int]
    second: list[int]
    start: tuple[tuple[int, int], tuple[int, int]]


def _weights(count: int) -> _Weights:
    """Return by how much each of ``count`` words counts in both sums (Fibonacci numbers).

    A page has a thousand words, a log a thousand pages; two sums of products are twenty times
    faster than a step for each pair.
    """
    numbers = [0, 1]
    while len(numbers) < count + 2:
        numbers.append((numbers[-1] + numbers[-2]) & _MASK)
    # Word i of n: the first sum takes F(n - 1 - i) of it, the second F(n - i).
    first = [numbers[count - 1 - index] for index in range(count)]
    second = [numbers[count - index] for index in range(count)]
    start = ((numbers[count - 1], numbers[count]), (numbers[count], numbers[count + 1]))
    return _Weights(first, second, start)


def _weighted(words: Sequence[int], sums: tuple[int, int], weights: _Weights) -> tuple[int, int]:
    (one, two), (three, four) = weights.start
    return (
        (sum(map(mul, words, weights.first)) + one * sums[0] + two * sums[1]) & _MASK,
        (sum(map(mul, words, weights.second)) + three * sums[0] + four * sums[1]) & _MASK,
    )

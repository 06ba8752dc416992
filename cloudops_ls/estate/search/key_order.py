"""Keys in the order of the texts they stand for: prefix search by binary search.

A key is a number that says which text it starts in and where, so that no suffix is ever stored.
From its highest bits: the number of a resource, one bit for its name (0) or identifier (1), and
the offset in that text. Who keeps the texts turns keys into texts.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from heapq import merge
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

OFFSET_BITS = 8
MAX_OFFSET = (1 << OFFSET_BITS) - 1
NUMBER_SHIFT = OFFSET_BITS + 1
LETTERS = 4
"""Letters by which keys are put into buckets before sorting."""
_BUCKET = 8192
"""Keys sorted at once; some 5 ms."""
_LAST = "\U0010ffff"


class KeyOrder:
    """Keys in order, all together and by group. Immutable.

    Parameters
    ----------
    buckets
        The keys by the first `LETTERS` letters of their texts; emptied on the way.
    text_of
        Returns the text that a key stands for.
    group_of
        The group of each resource, by its number.
    groups
        How many groups there are.
    """

    def __init__(
        self,
        buckets: dict[str, list[int]],
        text_of: Callable[[int], str],
        group_of: Sequence[int],
        groups: int,
    ) -> None:
        self._text_of = text_of
        self._keys = _joined(buckets, text_of, LETTERS)
        self._groups = [array("Q") for _ in range(groups)]
        appends = [keys.append for keys in self._groups]
        for key in self._keys:
            appends[group_of[key >> NUMBER_SHIFT]](key)

    @classmethod
    def of(
        cls, keys: array[int], groups: list[array[int]], text_of: Callable[[int], str]
    ) -> KeyOrder:
        """Return the order whose `arrays` these are."""
        order = cls.__new__(cls)
        order._text_of, order._keys, order._groups = text_of, keys, groups
        return order

    def arrays(self) -> list[array[int]]:
        """Return all keys in order, and then those of each group."""
        return [self._keys, *self._groups]

    def matching(self, prefix: str, groups: Iterable[int] | None = None) -> Iterable[int]:
        """Return the keys whose text starts with ``prefix``, in order.

        Parameters
        ----------
        groups
            Where to look; everywhere when None.
        """
        if groups is None:
            return self._starting(self._keys, prefix)
        found = (self._starting(self._groups[group], prefix) for group in groups)
        return merge(*found, key=self._text_of)

    def count(self, prefix: str) -> int:
        """Return how many keys there are whose text starts with ``prefix``."""
        low = bisect_left(self._keys, prefix, key=self._text_of)
        return bisect_left(self._keys, prefix + _LAST, lo=low, key=self._text_of) - low

    def _starting(self, keys: array[int], prefix: str) -> Iterator[int]:
        text_of = self._text_of
        for position in range(bisect_left(keys, prefix, key=text_of), len(keys)):
            key = keys[position]
            if not text_of(key).startswith(prefix):
                return
            yield key


def _joined(buckets: dict[str, list[int]], text_of: Callable[[int], str], depth: int) -> array[int]:
    """Put keys in order that are in buckets by ``depth`` letters (a radix sort, then a sort)."""
    result = array("Q")
    for letters in sorted(buckets):
        keys = buckets.pop(letters)
        if len(letters) < depth:
            # Texts that end here are all equal.
            result.extend(keys)
        elif len(keys) <= _BUCKET:
            keys.sort(key=text_of)
            result.extend(keys)
        else:
            finer: dict[str, list[int]] = {}
            for key in keys:
                finer.setdefault(text_of(key)[: depth + LETTERS], []).append(key)
            result.extend(_joined(finer, text_of, depth + LETTERS))
    return result

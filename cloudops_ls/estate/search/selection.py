"""Which resources of an index pass a query's filters (pure)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import translate
from functools import cache
from itertools import compress
from typing import TYPE_CHECKING

from cloudops_ls.estate.search.query import Filter, FilterKey

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from cloudops_ls.estate.search.names import NameIndex
    from cloudops_ls.estate.search.vocabulary import Vocabulary


_BYTE = 256
_SPARSE = 16
_TURNED = bytes([1, 0, *range(2, 256)])


@dataclass(frozen=True, slots=True)
class Selection:
    """The resources that pass.

    Attributes
    ----------
    mask
        One byte per resource: 1 when it passes.
    unmatched
        The filters that no resource at all fulfils.
    places
        Numbers of the places that those that pass are in.
    """

    mask: bytes
    unmatched: tuple[Filter, ...]
    places: frozenset[int]

    @property
    def count(self) -> int:
        """How many pass."""
        return self.mask.count(1)

    def __iter__(self) -> Iterator[int]:
        """Yield the numbers of those that pass, ascending."""
        return _ones(self.mask)


class Columns:
    """The columns of an index that filters look at, one byte per resource where that suffices.

    Translating a hundred thousand bytes takes 0.1 ms; asking a set for each number takes 5.
    """

    def __init__(self, index: NameIndex) -> None:
        self.index = index
        self._bytes: dict[str, bytes] = {}

    def passing(self, name: str, column: Sequence[int], wanted: frozenset[int]) -> bytes:
        """Return which resources have one of the ``wanted`` numbers in a column."""
        narrow = self._bytes.get(name)
        if narrow is None:
            # Not bytes(column): that would be the array's own bytes.
            narrow = bytes(iter(column)) if max(column, default=0) < _BYTE else b""
            self._bytes[name] = narrow
        if narrow or not column:
            return narrow.translate(bytes(number in wanted for number in range(_BYTE)))
        return bytes(map(wanted.__contains__, column))


def select(columns: Columns, filters: Iterable[Filter], vocabulary: Vocabulary) -> Selection:
    """Return what passes all of ``filters``."""
    mask: bytes | None = None
    unmatched = []
    for one in filters:
        name, column, wanted = _wanted(columns.index, one, vocabulary)
        if not wanted:
            unmatched.append(one)
        passing = columns.passing(name, column, wanted)
        if one.excluded:
            passing = passing.translate(_TURNED)
        mask = passing if mask is None else _both(mask, passing)
    if mask is None:
        mask = b"\1" * len(columns.index.names)
    column = columns.index.place_numbers
    places = frozenset(
        # Ten times faster where few pass.
        map(column.__getitem__, _ones(mask))
        if mask.count(1) < len(mask) // _SPARSE
        else compress(column, mask)
    )
    return Selection(mask, tuple(unmatched), places)


def _ones(mask: bytes) -> Iterator[int]:
    number = mask.find(1)
    while number >= 0:
        yield number
        number = mask.find(1, number + 1)


def _both(first: bytes, second: bytes) -> bytes:
    size = len(first)
    both = int.from_bytes(first, "little") & int.from_bytes(second, "little")
    return both.to_bytes(size, "little")


def _wanted(
    index: NameIndex, one: Filter, vocabulary: Vocabulary
) -> tuple[str, Sequence[int], frozenset[int]]:
    """Return the column that a filter looks at, its name, and the numbers in it that it wants."""
    match one.key:
        case FilterKey.TYPE:
            present = [text or "" for text in index.types.texts]
            return "type_numbers", index.type_numbers, _named(one.values, present, vocabulary.types)
        case FilterKey.STATE:
            states = [text or "" for text in index.states.texts]
            return "state_numbers", index.state_numbers, _named(one.values, states, _same)
        case FilterKey.REGION:
            regions = [region for _, region in index.places]
            return (
                "place_numbers",
                index.place_numbers,
                _named(one.values, regions, vocabulary.regions),
            )
        case FilterKey.ACCOUNT:
            accounts = [account for account, _ in index.places]
            return (
                "place_numbers",
                index.place_numbers,
                _named(one.values, accounts, vocabulary.accounts),
            )
        case FilterKey.TAG:
            return "tags", index.tags.numbers(), _tagged(index, one)


def _named(
    words: Iterable[str],
    present: Sequence[str],
    meant: Callable[[str, Iterable[str]], frozenset[str]],
) -> frozenset[int]:
    distinct = frozenset(present)
    wanted: set[str] = set()
    for word in words:
        if "*" in word:
            matches = _pattern(word)
            wanted.update(text for text in distinct if matches(text))
        else:
            wanted |= meant(word, distinct)
    return frozenset(number for number, text in enumerate(present) if text in wanted)


def _same(word: str, present: Iterable[str]) -> frozenset[str]:
    folded = word.casefold()
    return frozenset(text for text in present if text.casefold() == folded)


def _tagged(index: NameIndex, one: Filter) -> frozenset[int]:
    # Each text is looked at once: with tags that are unique, there is a combination a resource.
    key = cache(_pattern(one.tag or "*"))
    values = [_pattern(value) for value in one.values]
    wanted = cache(lambda text: not values or any(value(text) for value in values))
    passing = []
    for which, pairs in index.tags.combinations():
        for name, text in pairs:
            if key(name) and wanted(text):
                passing.append(which)
                break
    return frozenset(passing)


def _pattern(text: str) -> Callable[[str], bool]:
    """Return what tells whether a text is ``text``, in which ``*`` stands for anything."""
    if "*" not in text:
        folded = text.casefold()
        return lambda candidate: candidate.casefold() == folded
    literal = "*".join(re.sub(r"([\[?])", r"[\1]", part) for part in text.split("*"))
    matches = re.compile(translate(literal), re.IGNORECASE).match
    return lambda candidate: matches(candidate) is not None

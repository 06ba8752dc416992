"""Finds resources by what somebody types: the one search behind all features (pure).

A text matches in one of these ways, best first: it is a name or identifier (or ARN), one begins
with it, a word inside one does (``main1`` finds ``pg-instance-main1``); only when nothing does, it
stands anywhere in one; only when that fails too, one is within two misspellings of it. Within one
way the runbook's own account and region come first, then its account, then its region; then what
the file mentioned last; then the alphabet.
"""

from __future__ import annotations

from enum import IntEnum
from functools import cached_property
from itertools import chain, islice
from typing import TYPE_CHECKING, NamedTuple

from cloudops_ls.estate.search.fuzzy import Misspellings
from cloudops_ls.estate.search.key_order import NUMBER_SHIFT
from cloudops_ls.estate.search.names import NameEntry, NameIndex, part_starts
from cloudops_ls.estate.search.selection import Columns, Selection, select
from cloudops_ls.estate.search.vocabulary import Vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from cloudops_ls.estate.search.key_order import KeyOrder
    from cloudops_ls.estate.search.query import Filter, SearchQuery

_CHUNK = 2048
"""Resources whose texts are searched as one string."""
_ANYWHERE = 3
"""Letters from which on a text is looked for anywhere in names."""
_SELECTIONS = 16
"""Answers to filters that are kept: typing on asks with the same ones."""
_MOST_SORTED = 4000
"""Resources looked at one by one where an order of keys would be longer."""
_MOST_ANYWHERE = 1000
_BETWEEN = "\x1f"


class Quality(IntEnum):
    """In which way a resource matches; smaller is better."""

    EXACT = 0
    PREFIX = 1
    WORD = 2
    ANYWHERE = 3
    MISSPELLED = 4
    LISTED = 5
    """Nothing but filters was asked for."""


class Where(NamedTuple):
    """Where the question is asked.

    Attributes
    ----------
    account_id, region
        In which the runbook works.
    recent
        Names, identifiers and ARNs that the file mentions, the last one first.
    """

    account_id: str | None = None
    region: str | None = None
    recent: Sequence[str] = ()


class Hit(NamedTuple):
    """One resource that was found."""

    entry: NameEntry
    quality: Quality
    edits: int = 0
    """For misspellings: how many letters differ."""


class Found(NamedTuple):
    """The answer to one query.

    Attributes
    ----------
    hits
        Best first, each resource once.
    unmatched
        Filters that nothing in the estate fulfils.
    """

    hits: list[Hit]
    unmatched: tuple[Filter, ...] = ()


class Finder:
    """Search over one index; immutable like it.

    Parameters
    ----------
    index
        The names.
    vocabulary
        What types, regions and accounts are called in filters.
    """

    def __init__(self, index: NameIndex, vocabulary: Vocabulary | None = None) -> None:
        self.index = index
        self._vocabulary = vocabulary or Vocabulary()
        self._columns = Columns(index)
        self._selections: dict[tuple[Filter, ...], Selection] = {}

    def over(self, index: NameIndex) -> Finder:
        """Return the same search over an index with other tags, states or hidden resources."""
        result = Finder.__new__(Finder)
        result.__dict__.update(self.__dict__)
        result.index = index
        result._columns = Columns(index)
        result._selections = {}
        return result

    def select(self, filters: tuple[Filter, ...]) -> Selection:
        """Return which resources pass ``filters``."""
        known = self._selections.get(filters)
        if known is None:
            known = select(self._columns, filters, self._vocabulary)
            if len(self._selections) >= _SELECTIONS:
                self._selections.clear()
            self._selections[filters] = known
        return known

    def spellings(self, word: str) -> dict[str, int]:
        """Return the words of names that a folded word may be misspelt for, with the edits."""
        return self.misspellings.spellings(word)

    @cached_property
    def misspellings(self) -> Misspellings:
        """Words of names by their length."""
        return Misspellings(self.index)

    @cached_property
    def chunks(self) -> list[tuple[int, str]]:
        """The texts of all resources as few long strings, each with the first one's number."""
        return list(_chunks(self.index))

    def prepare(self) -> Finder:
        """Make what names that are not typed in full need; else the first of them waits.

        It takes a quarter of a second at 100,000 names, which completion need not wait for.
        """
        _ = self.misspellings, self.chunks
        return self

    def find(self, query: SearchQuery, limit: int = 100, where: Where = Where()) -> Found:  # noqa: B008 -- immutable
        """Return the best ``limit`` resources for a query."""
        selection = self.select(query.filters) if query.filters else None
        if selection is not None and not selection.count:
            return Found([], selection.unmatched)
        return Found(_Search(self, query.text.lower(), limit, where, selection).run())


class _Search:
    """One search under way."""

    def __init__(
        self, finder: Finder, text: str, limit: int, where: Where, selection: Selection | None
    ) -> None:
        self._index = finder.index
        self._finder = finder
        self._text = text
        self._limit = limit
        self._selection = selection
        self._hidden = finder.index.hidden
        self._found: dict[int, tuple[Quality, int]] = {}
        self._levels = _levels(self._index.places, where)
        self._ranks = {place: rank for rank, places in enumerate(self._levels) for place in places}
        recent = (self._numbers(token) for token in where.recent)
        self._recent = list(dict.fromkeys(chain.from_iterable(recent)))

    def run(self) -> list[Hit]:
        text = self._text
        if not text:
            self._list()
        else:
            self._typed()
            words = text.split()
            if len(words) > 1 and not self._full:
                self._take(self._with_all(words), Quality.WORD)
            if not self._found and len(text) >= _ANYWHERE:
                found = islice(filter(self._passes, self._anywhere()), _MOST_ANYWHERE)
                self._take(self._in_order(found), Quality.ANYWHERE)
            if not self._found:
                for number, edits in self._finder.misspellings.find(text, self._preferred):
                    self._add(number, Quality.MISSPELLED, edits)
                    if self._full:
                        break
        return [
            Hit(self._index.entry(number), quality, edits)
            for number, (quality, edits) in self._found.items()
        ]

    # What is taken, and in which order

    @property
    def _full(self) -> bool:
        return len(self._found) >= self._limit

    def _passes(self, number: int) -> bool:
        return number not in self._hidden and (
            self._selection is None or bool(self._selection.mask[number])
        )

    def _add(self, number: int, quality: Quality, edits: int = 0) -> None:
        if number not in self._found and self._passes(number):
            self._found[number] = quality, edits

    def _take(self, numbers: Iterable[int], quality: Quality) -> None:
        for number in numbers:
            self._add(number, quality)
            if self._full:
                return

    def _rank(self, number: int) -> int:
        return self._ranks.get(self._index.place_numbers[number], len(self._levels))

    def _preferred(self, number: int) -> tuple[int, int]:
        """Return what to sort resources by that match equally well."""
        rank = self._rank(number)
        if number in self._recent:
            return rank, self._recent.index(number)
        return rank, len(self._recent)

    def _in_order(self, numbers: Iterable[int]) -> list[int]:
        names = self._index.folded
        return sorted(numbers, key=lambda number: (*self._preferred(number), names[2 * number]))

    def _numbers(self, token: str) -> Iterator[int]:
        number = self._index.number_of(token)
        return iter((number,)) if number is not None else self._index.exact(token.lower())

    # Ways to match

    def _list(self) -> None:
        """Take what passes the filters, without any text."""
        if self._selection is not None and self._selection.count <= _MOST_SORTED:
            self._take(self._in_order(self._selection), Quality.LISTED)
            return
        self._take(self._recent, Quality.LISTED)
        self._ordered(self._index.whole, Quality.LISTED)

    def _typed(self) -> None:
        """Take what is called so, or begins so, at its start or at a word's."""
        text, index = self._text, self._index
        if text.startswith("arn:"):
            # ARNs may hold capitals, and their case matters; what was typed is folded here.
            self._take(
                (n for n, arn in enumerate(index.arns) if arn.lower() == text), Quality.EXACT
            )
        orders = ((index.whole, Quality.PREFIX), (index.parts, Quality.WORD))
        if self._selection is not None:
            few = self._selection.count
            if few <= min(_MOST_SORTED, sum(order.count(text) for order, _ in orders)):
                self._among(self._selection)
                return
        self._take(self._in_order(index.exact(text)), Quality.EXACT)
        for order, quality in orders:
            if not self._full:
                self._ordered(order, quality)

    def _among(self, numbers: Iterable[int]) -> None:
        """Look at a few resources one by one."""
        matches = [
            (quality, *self._preferred(number), matched, number)
            for number in numbers
            for quality, matched in self._match(number)
        ]
        for quality, *_, number in sorted(matches):
            self._add(number, quality)
            if self._full:
                return

    def _match(self, number: int) -> Iterator[tuple[Quality, str]]:
        """Yield the best way in which a resource matches, and the part of it that does."""
        index, text = self._index, self._text
        name, identifier = index.folded[2 * number : 2 * number + 2]
        if text in (name, identifier):
            yield Quality.EXACT, text
            return
        starting = [each for each in (name, identifier) if each.startswith(text)]
        if starting:
            yield Quality.PREFIX, min(starting)
            return
        parts = [
            folded[start:]
            for folded, source in (
                (name, index.names[number]),
                (identifier, index.identifiers[number]),
            )
            if text in folded
            for start in part_starts(source, folded)
            if folded.startswith(text, start)
        ]
        if parts:
            yield Quality.WORD, min(parts)

    def _ordered(self, order: KeyOrder, quality: Quality) -> None:
        """Take from an order of keys, preferred places first, in each the recent ones first."""
        for rank, places in enumerate(self._searched()):
            for number in self._recent:
                if self._rank(number) == rank and any(q == quality for q, _ in self._match(number)):
                    self._add(number, quality)
            for key in order.matching(self._text, places):
                if self._full:
                    return
                self._add(key >> NUMBER_SHIFT, quality)

    def _searched(self) -> Iterator[list[int] | None]:
        """Yield the places to search, best level first; None for everywhere."""
        if self._selection is None:
            yield from self._levels
            yield None
            return
        passing = self._selection.places
        for level in self._levels:
            yield [place for place in level if place in passing]
        # Where filters leave few places, the keys of all others need not be walked over.
        yield None if 2 * len(passing) > len(self._index.places) else sorted(passing)

    def _with_all(self, words: list[str]) -> Iterator[int]:
        """Yield what has every one of ``words`` at the start of a word, in any order."""
        orders = (self._index.whole, self._index.parts)
        rarest = min(words, key=lambda word: sum(order.count(word) for order in orders))
        keys = (
            order.matching(rarest, places) for places in (*self._levels, None) for order in orders
        )
        numbers = (key >> NUMBER_SHIFT for key in chain.from_iterable(keys))
        for number in chain(self._recent, numbers):
            if self._passes(number) and all(self._has_word(number, word) for word in words):
                yield number

    def _has_word(self, number: int, word: str) -> bool:
        index = self._index
        return any(
            folded.startswith(word)
            or (
                word in folded
                and any(folded.startswith(word, start) for start in part_starts(source, folded))
            )
            for folded, source in (
                (index.folded[2 * number], index.names[number]),
                (index.folded[2 * number + 1], index.identifiers[number]),
            )
        )

    def _anywhere(self) -> Iterator[int]:
        """Yield what has the text anywhere in its name or identifier."""
        for first, chunk in self._finder.chunks:
            number, end = first, 0
            while (place := chunk.find(self._text, end)) >= 0:
                number += chunk.count("\n", end, place)
                yield number
                # On with the next resource.
                end = chunk.find("\n", place)
                if end < 0:
                    break


def _levels(places: Sequence[tuple[str, str]], where: Where) -> list[list[int]]:
    """Return the places to look in before all others, best level first."""
    both: list[int] = []
    account: list[int] = []
    region: list[int] = []
    for number, (its_account, its_region) in enumerate(places):
        if its_account == where.account_id:
            (both if its_region == where.region else account).append(number)
        elif its_region == where.region:
            region.append(number)
    return [level for level in (both, account, region) if level]


def _chunks(index: NameIndex) -> Iterator[tuple[int, str]]:
    """Yield the folded texts of many resources as one string, a line each."""
    texts = index.folded
    for first in range(0, len(index.names), _CHUNK):
        last = min(first + _CHUNK, len(index.names))
        lines = (
            name
            if (identifier := texts[2 * number + 1]) is (name := texts[2 * number])
            else f"{name}{_BETWEEN}{identifier}"
            for number in range(first, last)
        )
        yield first, "\n".join(line.replace("\n", " ") for line in lines)

"""Names within two misspellings of a text (pure).

A misspelling is a letter too many, too few, another one, or two that changed places (optimal
string alignment). A name is near when each word of the text is near a word of the name, or begins
it; two misspellings in all, one where a word is short. Where no name is, those count that are near
as a whole: with separators left out or put in.

Comparing one text with a hundred thousand takes some 15 ms even in C. So names are kept by their
length, and words by theirs: an estate has few different words.
"""

from __future__ import annotations

import importlib
import re
from array import array
from itertools import islice
from typing import TYPE_CHECKING

from cloudops_ls.estate.search.key_order import NUMBER_SHIFT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cloudops_ls.estate.search.names import NameIndex

MOST_EDITS = 2
_SHORT, _LONG = 3, 5
"""Letters from which on one and two misspellings are allowed."""
_SEPARATORS = re.compile(r"[-_./:\s]+")
_OPAQUE = re.compile(r"\d*|[0-9a-f]{8,}")
"""Numbers and hexadecimal ids: nobody misspells them into each other."""
_MOST_CANDIDATES = 4000
_MOST_SPELLINGS = 200


def edits_allowed(text: str) -> int:
    """Return how many misspellings a text of this length may have."""
    return 0 if len(text) < _SHORT else 1 if len(text) < _LONG else MOST_EDITS


class Misspellings:
    """Names and words of one index by length; immutable."""

    def __init__(self, index: NameIndex) -> None:
        self._index = index
        self._names: dict[int, tuple[list[str], array[int]]] = {}
        words: set[str] = set()
        for number, name in enumerate(index.folded[::2]):
            texts, numbers = self._names.setdefault(len(name), ([], array("I")))
            texts.append(name)
            numbers.append(number)
            words.update(_SEPARATORS.split(name))
        self._words: dict[int, list[str]] = {}
        for word in words:
            if len(word) >= _SHORT and not _OPAQUE.fullmatch(word):
                self._words.setdefault(len(word), []).append(word)
        if words:
            # Here, where nobody waits, and not with the first misspelling.
            importlib.import_module("rapidfuzz.process")

    def find(self, text: str, preferred: Callable[[int], tuple[int, int]]) -> list[tuple[int, int]]:
        """Return the numbers of near names and their misspellings, nearest first.

        Parameters
        ----------
        text
            Folded.
        preferred
            What to sort equally near ones by.
        """
        found: dict[int, int] = {}
        if edits_allowed(text):
            found = dict(self._by_words(text)) or dict(self._whole(text))
        digits = _digits(text)
        names = self._index.folded

        def rank(item: tuple[int, int]) -> tuple[int, bool, tuple[int, int], str]:
            number, edits = item
            name = names[2 * number]
            # web-1 and web-2 are two machines, not two spellings.
            return edits, _digits(name) != digits, preferred(number), name

        return sorted(found.items(), key=rank)

    def spellings(self, word: str) -> dict[str, int]:
        """Return the words of the estate's names that a folded word may be, with the edits."""
        return dict(_near(word, self._words))

    def _whole(self, text: str) -> Iterator[tuple[int, int]]:
        allowed = edits_allowed(text)
        for length in range(len(text) - allowed, len(text) + allowed + 1):
            if length in self._names:
                texts, numbers = self._names[length]
                for edits, place in _extract(text, texts, allowed):
                    yield numbers[place], edits

    def _by_words(self, text: str) -> Iterator[tuple[int, int]]:
        words = [word for word in _SEPARATORS.split(text) if word]
        spellings = {word: self.spellings(word) for word in words if len(word) >= _SHORT}
        if not spellings:
            return
        index = self._index

        def keys(word: str) -> int:
            return sum(
                order.count(spelling)
                for spelling in (word, *spellings[word])
                for order in (index.whole, index.parts)
            )

        rarest = min(spellings, key=keys)
        nearest = sorted(spellings[rarest].items(), key=lambda item: item[1])
        found = (
            key >> NUMBER_SHIFT
            for spelling in (rarest, *(word for word, _ in nearest))
            for order in (index.whole, index.parts)
            for key in order.matching(spelling)
        )
        candidates = dict.fromkeys(islice(found, _MOST_CANDIDATES))
        for number in candidates:
            edits = self._edits(number, words, spellings)
            if edits <= MOST_EDITS:
                yield number, edits

    def _edits(self, number: int, words: list[str], spellings: dict[str, dict[str, int]]) -> int:
        """Return how many misspellings there are in ``words`` if they mean this resource."""
        parts = _SEPARATORS.split(self._index.folded[2 * number])
        total = 0
        for word in words:
            near = spellings.get(word, {})
            total += min(
                (0 if part.startswith(word) else near.get(part, MOST_EDITS + 1) for part in parts),
                default=MOST_EDITS + 1,
            )
            if total > MOST_EDITS:
                break
        return total


def _near(word: str, by_length: dict[int, list[str]]) -> Iterator[tuple[str, int]]:
    allowed = edits_allowed(word)
    for length in range(len(word) - allowed, len(word) + allowed + 1):
        texts = by_length.get(length, [])
        for edits, place in _extract(word, texts, allowed, _MOST_SPELLINGS):
            yield texts[place], edits


def _extract(
    text: str, texts: list[str], allowed: int, limit: int | None = None
) -> Iterator[tuple[int, int]]:
    """Yield the misspellings and the place of each of ``texts`` that is near enough."""
    from rapidfuzz.distance import OSA
    from rapidfuzz.process import extract

    for _, edits, place in extract(
        text, texts, scorer=OSA.distance, score_cutoff=allowed, limit=limit
    ):
        yield int(edits), place


def _digits(text: str) -> str:
    return "".join(filter(str.isdigit, text))

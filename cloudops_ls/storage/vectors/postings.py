"""Which points have which keyword: the inverted lists of an engine's payload."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from pyroaring import BitMap

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from cloudops_ls.storage.vectors.index import Condition


class Postings:
    """The numbers of the points that have a keyword, for every keyword of every field.

    Lists are Roaring bitmaps, as in Qdrant itself (Lemire et al., "Roaring Bitmaps: Implementation
    of an Optimized Software Library", 2018). Not thread-safe: its owner has a lock.
    """

    def __init__(self) -> None:
        # A keyword that one point alone has, such as its name, needs no list.
        self._points: dict[str, int | BitMap] = {}
        self._terms: dict[int, tuple[str, ...]] = {}

    def put(self, number: int, payload: Mapping[str, str | Sequence[str]]) -> None:
        """Take in the keywords of a point, instead of those that it had."""
        terms = tuple(dict.fromkeys(_terms(payload)))
        before = self._terms.get(number, ())
        if terms == before:
            return
        for term in before:
            self._remove(term, number)
        self._terms[number] = terms
        for term in terms:
            known = self._points.setdefault(term, number)
            if isinstance(known, BitMap):
                known.add(number)
            elif known != number:
                self._points[term] = BitMap((known, number))

    def drop(self, number: int) -> None:
        """Forget a point; harmless when it is not known."""
        for term in self._terms.pop(number, ()):
            self._remove(term, number)

    def passing(self, conditions: Iterable[Condition]) -> BitMap | None:
        """Return the numbers of the points that meet all ``conditions``; None where all do."""
        passing: BitMap | None = None
        for field, values in conditions:
            lists = [self._list(_term(field, value)) for value in values]
            either = BitMap.union(*lists) if lists else BitMap()
            passing = either if passing is None else passing & either
        return passing

    def _list(self, term: str) -> BitMap:
        known = self._points.get(term)
        if known is None:
            return BitMap()
        return known if isinstance(known, BitMap) else BitMap((known,))

    def _remove(self, term: str, number: int) -> None:
        known = self._points[term]
        if isinstance(known, BitMap):
            known.discard(number)
            if known:
                return
        del self._points[term]


def _terms(payload: Mapping[str, str | Sequence[str]]) -> Iterator[str]:
    for field, values in payload.items():
        for value in (values,) if isinstance(values, str) else values:
            # The same few texts in most points.
            yield sys.intern(_term(field, value))


def _term(field: str, value: str) -> str:
    return f"{field}\0{value}"

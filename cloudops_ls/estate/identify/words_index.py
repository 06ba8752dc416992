"""Which resources a word may belong to: by a word of the name, a tag's value, or the account."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from cloudops_ls.estate.search.key_order import MAX_OFFSET, NUMBER_SHIFT, OFFSET_BITS
from cloudops_ls.estate.search.selection import Columns

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cloudops_ls.estate.search.names import NameIndex
    from cloudops_ls.storage.records import AccountRecord

_SEPARATORS: Final = re.compile(r"[-_./:\s]+")
_KEPT: Final = 256
"""Masks kept: the same words come again with the next key, and when the request is sent."""


class WordsIndex:
    """Masks over one index: a byte per resource, 1 where it fits. Thread-safe.

    Parameters
    ----------
    index
        The resources.
    accounts
        Whose aliases are words, too.
    """

    def __init__(self, index: NameIndex, accounts: Sequence[AccountRecord] = ()) -> None:
        self._index = index
        self._columns = Columns(index)
        self._accounts = {
            account.account_id: {
                part for name in (account.alias or "", *account.profiles) for part in _parts(name)
            }
            for account in accounts
        }
        self._masks: dict[str, bytes] = {}
        self._values: set[str] | None = None

    def word(self, spellings: Iterable[str]) -> bytes | None:
        """Return what a word fits, in any of its spellings; None for nothing."""
        mask: bytes | None = None
        for word in spellings:
            one = self._masks.get(word)
            if one is None:
                one = self._fitting(word)
                if len(self._masks) >= _KEPT:
                    self._masks.clear()
                self._masks[word] = one
            mask = one if mask is None else either(mask, one)
        return mask if mask is not None and 1 in mask else None

    def types(self, names: Iterable[str]) -> bytes:
        """Return the resources of some types."""
        return self._column("type_numbers", self._index.types.texts, frozenset(names))

    def states(self, names: Iterable[str]) -> bytes:
        """Return the resources in some states, in any case."""
        wanted = {name.casefold() for name in names}
        texts = self._index.states.texts
        return self._column(
            "state_numbers", texts, {text for text in texts if text and text.casefold() in wanted}
        )

    def engines(self, names: Iterable[str]) -> bytes:
        """Return the resources whose engine's name contains one of some texts."""
        texts = self._index.engines.texts
        wanted = {text for text in texts if text and any(name in text for name in names)}
        return self._column("engine_numbers", texts, wanted)

    def regions(self, codes: Iterable[str]) -> bytes:
        """Return the resources in some regions."""
        wanted = frozenset(codes)
        numbers = frozenset(
            n for n, (_, region) in enumerate(self._index.places) if region in wanted
        )
        return self._columns.passing("place_numbers", self._index.place_numbers, numbers)

    @property
    def values(self) -> set[str]:
        """Every word of a tag's value."""
        if self._values is None:
            self._values = {
                part
                for _, pairs in self._index.tags.combinations()
                for _, value in pairs
                for part in _parts(value)
            }
        return self._values

    def _column(self, name: str, texts: Sequence[str | None], wanted: Iterable[str]) -> bytes:
        chosen = frozenset(wanted)
        numbers = frozenset(number for number, text in enumerate(texts) if text in chosen)
        return self._columns.passing(name, getattr(self._index, name), numbers)

    def _fitting(self, word: str) -> bytes:
        index = self._index
        mask = bytearray(len(index.names))
        folded, length = index.folded, len(word)
        for order in (index.whole, index.parts):
            for key in order.matching(word):
                text = folded[key >> OFFSET_BITS]
                end = (key & MAX_OFFSET) + length
                # A whole word: web is not in webhook, but it is in web1.
                if end == len(text) or not text[end].isalpha():
                    mask[key >> NUMBER_SHIFT] = 1
        tagged = frozenset(
            which
            for which, pairs in index.tags.combinations()
            if any(word == value.casefold() or word in _parts(value) for _, value in pairs)
        )
        found = either(bytes(mask), self._columns.passing("tags", index.tags.numbers(), tagged))
        places = frozenset(
            number
            for number, (account, _) in enumerate(index.places)
            if word in self._accounts.get(account, ())
        )
        return either(found, self._columns.passing("place_numbers", index.place_numbers, places))


def either(first: bytes, second: bytes) -> bytes:
    """Return what is in one mask or the other."""
    both = int.from_bytes(first, "little") | int.from_bytes(second, "little")
    return both.to_bytes(len(first), "little")


def both(first: bytes, second: bytes) -> bytes:
    """Return what is in one mask and in the other."""
    shared = int.from_bytes(first, "little") & int.from_bytes(second, "little")
    return shared.to_bytes(len(first), "little")


def _parts(text: str) -> set[str]:
    return {part for part in _SEPARATORS.split(text.casefold()) if part}

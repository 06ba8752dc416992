"""Every name of the estate in memory, for completion and lookup that wait for nothing.

The index is immutable: after a sync a new one is built aside and swapped in whole. It holds, per
resource, three strings and five small integers, and two orderings of keys: one of whole names
and identifiers, one of what follows a word boundary inside them. What is found in it, and in
which order, is :mod:`cloudops_ls.estate.search.finder`'s.

Building never holds Python's interpreter lock for long (keys are put in order by buckets of a few
thousand), because it happens in the language server while somebody types.
"""

from __future__ import annotations

import copy
import re
from array import array
from typing import TYPE_CHECKING, Any, NamedTuple

from cloudops_ls.estate.search.key_order import (
    LETTERS,
    MAX_OFFSET,
    NUMBER_SHIFT,
    OFFSET_BITS,
    KeyOrder,
)
from cloudops_ls.estate.search.tag_sets import TagSets
from cloudops_ls.runbook.mentions import WORD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

_PART = re.compile(r"(?<=[-_./: ])(?=[^-_./: ])|(?<=[a-z0-9])(?=[A-Z])")
"""Where a new word starts inside a name: after a separator, or at a capital in camelCase."""


class NameEntry(NamedTuple):
    """One resource as completion needs it; fields as in the stored record."""

    name: str
    identifier: str
    arn: str
    resource_type: str
    account_id: str
    region: str
    state: str | None


class Pool:
    """Small numbers for texts that repeat; ``texts`` has them by number."""

    def __init__(self) -> None:
        self.texts: list[str | None] = []
        self._numbers: dict[str | None, int] = {}

    def number(self, text: str | None) -> int:
        """Return the number of a text, a new one if it was never seen."""
        known = self._numbers.get(text)
        if known is None:
            # In this order: whoever reads meanwhile must find a text for every number.
            self.texts.append(text)
            known = self._numbers[text] = len(self.texts) - 1
        return known

    def extend(self, texts: Iterable[str | None]) -> None:
        """Give numbers to these texts, in their order."""
        for text in texts:
            self.number(text)


class NameIndex:
    """Names, identifiers and ARNs of all resources. Immutable; build it with :meth:`build`.

    Resources go by numbers; the attributes are columns by that number, for reading only.

    Attributes
    ----------
    names, identifiers, arns
        As in the record.
    types, type_numbers, states, state_numbers
        Texts, and the number of each resource's text.
    places, place_numbers
        Pairs of account id and region, and the number of each resource's pair.
    tags, engines, engine_numbers
        Empty until :meth:`with_details`.
    whole, parts
        Keys of the folded names and identifiers, and of what starts at a word inside them.
    hidden
        Resources that are gone; their names are still known as such.
    text_of
        Returns the folded text from where a key of `whole` or `parts` points to its end.
    """

    def __init__(self) -> None:
        # An identifier that is the name, and a folded text that is the text itself, share one
        # string object.
        self.names: list[str] = []
        self.identifiers: list[str] = []
        self.arns: list[str] = []
        self.types = Pool()
        self.type_numbers = array("I")
        self.states = Pool()
        self.state_numbers = array("I")
        self.places: list[tuple[str, str]] = []
        self.place_numbers = array("I")
        self._numbered_places: dict[tuple[str, str], int] = {}
        # Texts in lower case, two per resource: name at 2n, identifier at 2n + 1.
        self.folded: list[str] = []
        self._known: frozenset[str] = frozenset()
        self._longer: dict[str, int] = {}
        """Words of the longest name by its first word, for names of more than one."""
        self.text_of = _texts(self.folded)
        self.whole = KeyOrder({}, self.text_of, self.place_numbers, 0)
        self.parts = KeyOrder({}, self.text_of, self.place_numbers, 0)
        self._by_arn: dict[str, int] = {}
        self.tags = TagSets.build(0, ())
        self.engines = Pool()
        self.engine_numbers = array("I")
        self.hidden: frozenset[int] = frozenset()

    @classmethod
    def build(cls, rows: Iterable[tuple[str, str, str, str, str, str, str | None]]) -> NameIndex:
        """Build an index.

        Parameters
        ----------
        rows
            Tuples in the order of :class:`NameEntry`'s fields, such as storage's ``NameRow``.
        """
        index = cls()
        whole: dict[str, list[int]] = {}
        parts: dict[str, list[int]] = {}
        for row in rows:
            index._add(row, whole, parts)
        places = len(index.places)
        index.whole = KeyOrder(whole, index.text_of, index.place_numbers, places)
        index.parts = KeyOrder(parts, index.text_of, index.place_numbers, places)
        index._know()
        return index.with_details(())

    @classmethod
    def from_columns(cls, texts: list[list[Any]], arrays: list[array[int]]) -> NameIndex:
        """Return the index that `columns` took apart, without details.

        Raises
        ------
        ValueError, IndexError
            The columns do not belong together.
        """
        index = cls()
        names, identifiers, arns, types, states, places = texts
        columns = iter(arrays)
        index.names = names
        index.identifiers = [
            name if given is None else given for name, given in zip(names, identifiers, strict=True)
        ]
        index.arns = arns
        index.types.extend(types)
        index.states.extend(states)
        index.type_numbers, index.state_numbers, index.place_numbers = (
            next(columns),
            next(columns),
            next(columns),
        )
        index.hidden = frozenset(next(columns))
        index.places = [(account_id, region) for account_id, region in places]
        for name, given in zip(names, identifiers, strict=True):
            for text in (name,) if given is None else (name, given):
                folded = text.lower()
                index.folded.append(text if folded == text else folded)
            if given is None:
                index.folded.append(index.folded[-1])
        index._by_arn = dict(zip(arns, range(len(arns)), strict=True))
        if {len(arns)} != {
            len(each)
            for each in (names, index.type_numbers, index.state_numbers, index.place_numbers)
        }:
            raise ValueError("columns of different length")
        groups = len(places)
        index.whole = KeyOrder.of(
            next(columns), [next(columns) for _ in range(groups)], index.text_of
        )
        index.parts = KeyOrder.of(
            next(columns), [next(columns) for _ in range(groups)], index.text_of
        )
        index._know()
        return index.with_details(())

    def columns(self) -> tuple[list[list[Any]], list[array[int]]]:
        """Return the index as lists of texts and arrays of numbers; details are left out."""
        same = (
            None if identifier == name else identifier
            for name, identifier in zip(self.names, self.identifiers, strict=True)
        )
        texts: list[list[Any]] = [
            self.names,
            list(same),
            self.arns,
            self.types.texts,
            self.states.texts,
            list(self.places),
        ]
        arrays = [
            self.type_numbers,
            self.state_numbers,
            self.place_numbers,
            array("I", sorted(self.hidden)),
            *self.whole.arrays(),
            *self.parts.arrays(),
        ]
        return texts, arrays

    def _add(
        self,
        row: tuple[str, str, str, str, str, str, str | None],
        whole: dict[str, list[int]],
        parts: dict[str, list[int]],
    ) -> None:
        """Take in one resource; its keys go to buckets by their text's first letters."""
        name, identifier, arn, resource_type, account_id, region, state = row
        if identifier == name:
            identifier = name
        number = len(self.names)
        self.names.append(name)
        self.identifiers.append(identifier)
        self.arns.append(arn)
        self.type_numbers.append(self.types.number(resource_type))
        self.state_numbers.append(self.states.number(state))
        place = self._numbered_places.setdefault((account_id, region), len(self.places))
        if place == len(self.places):
            self.places.append((account_id, region))
        self.place_numbers.append(place)
        self._by_arn[arn] = number
        key = number << NUMBER_SHIFT
        for text in (name,) if identifier is name else (name, identifier):
            folded = text.lower()
            if folded == text:
                folded = text
            self.folded.append(folded)
            whole.setdefault(folded[:LETTERS], []).append(key)
            for start in part_starts(text, folded):
                parts.setdefault(folded[start : start + LETTERS], []).append(key | start)
            key |= 1 << OFFSET_BITS
        if identifier is name:
            self.folded.append(self.folded[-1])

    def with_details(self, details: Iterable[tuple[str, str, str | None]]) -> NameIndex:
        """Return the same index with the resources' tags and engines.

        Parameters
        ----------
        details
            ARN, tags as a JSON object without ``Name``, and engine; unknown ARNs are ignored.
        """
        result = copy.copy(self)
        engines = Pool()
        engine_numbers = array("I", [engines.number(None)]) * len(self.names)

        def tags() -> Iterator[tuple[int, str]]:
            for arn, text, engine in details:
                number = self._by_arn.get(arn)
                if number is not None:
                    engine_numbers[number] = engines.number(engine)
                    yield number, text

        result.tags = TagSets.build(len(self.names), tags())
        result.engines, result.engine_numbers = engines, engine_numbers
        return result

    def updated(self, states: Mapping[str, str | None], gone: Iterable[str] = ()) -> NameIndex:
        """Return the same index with other states of a few resources, and without others.

        Parameters
        ----------
        states
            The new states by ARN; unknown ARNs are ignored.
        gone
            ARNs of resources that do not exist any more.
        """
        result = copy.copy(self)
        result.state_numbers = self.state_numbers[:]
        for arn, state in states.items():
            number = self._by_arn.get(arn)
            if number is not None:
                result.state_numbers[number] = self.states.number(state)
        missing = {self._by_arn[arn] for arn in gone if arn in self._by_arn}
        back = {self._by_arn[arn] for arn in states if arn in self._by_arn}
        result.hidden = (self.hidden - back) | missing
        return result

    def __len__(self) -> int:
        return len(self.names) - len(self.hidden)

    def __iter__(self) -> Iterator[NameEntry]:
        hidden = self.hidden
        return (self.entry(number) for number in range(len(self.names)) if number not in hidden)

    def __contains__(self, token: object) -> bool:
        # Asked for every word of a hovered line: a lookup, not a search.
        return isinstance(token, str) and (token in self._by_arn or token.lower() in self._known)

    def _know(self) -> None:
        """Prepare for being asked about every word of a text."""
        self._known = frozenset(self.folded)
        for text in self._known:
            first = WORD.match(text)
            if first is not None and first.end() < len(text):
                words = len(WORD.findall(text))
                self._longer[first[0]] = max(self._longer.get(first[0], 0), words)

    def most_words(self, first: str) -> int:
        """Return the number of words of the longest name that begins with word ``first``."""
        folded = first.lower()
        return self._longer.get(folded) or (1 if folded in self._known else 0)

    def canonical(self, token: str) -> bool:
        """Tell whether ``token`` is the whole name, identifier or ARN of a resource.

        One that is gone counts: a runbook that names it should hear so.
        """
        return token in self

    def find(self, token: str) -> list[NameEntry]:
        """Return the resources whose whole name, identifier or ARN is ``token``.

        Those that match in another case are returned only when none matches exactly.
        """
        return [self.entry(number) for number in self._numbers_of(token)]

    def gone(self, token: str) -> list[NameEntry]:
        """Return the resources that are gone and were called ``token``, in any case."""
        numbers = {self._by_arn.get(token, -1), *self.exact(token.lower())}
        return [self.entry(number) for number in sorted(numbers & self.hidden)]

    def is_unique(self, name: str) -> bool:
        """Tell whether ``name`` stands for exactly one resource."""
        numbers = self._numbers_of(name)
        return next(numbers, None) is not None and next(numbers, None) is None

    def number_of(self, arn: str) -> int | None:
        """Return the number of a resource, None when the index does not have it."""
        return self._by_arn.get(arn)

    def exact(self, folded: str) -> Iterator[int]:
        """Yield the resources whose folded name or identifier is ``folded``, each once."""
        seen: set[int] = set()
        for key in self.whole.matching(folded):
            if len(self.folded[key >> OFFSET_BITS]) != len(folded):
                # Equal texts come before all longer ones that start with them.
                return
            number = key >> NUMBER_SHIFT
            if number not in seen:
                seen.add(number)
                yield number

    def entry(self, number: int) -> NameEntry:
        """Return a resource by its number."""
        account_id, region = self.places[self.place_numbers[number]]
        return NameEntry(
            self.names[number],
            self.identifiers[number],
            self.arns[number],
            self.types.texts[self.type_numbers[number]] or "",
            account_id,
            region,
            self.states.texts[self.state_numbers[number]],
        )

    def _numbers_of(self, token: str) -> Iterator[int]:
        number = self._by_arn.get(token)
        if number is not None:
            if number not in self.hidden:
                yield number
            return
        others: list[int] = []
        exact = False
        for number in self.exact(token.lower()):
            if number in self.hidden:
                continue
            if token in (self.names[number], self.identifiers[number]):
                exact = True
                yield number
            else:
                others.append(number)
        if not exact:
            yield from others


def _texts(folded: list[str]) -> Callable[[int], str]:
    # Not a method: an index that refers to itself would wait for the garbage collector.
    def text_of(key: int) -> str:
        return folded[key >> OFFSET_BITS][key & MAX_OFFSET :]

    return text_of


def part_starts(text: str, folded: str) -> Iterator[int]:
    """Yield where words start inside a name, other than at its beginning.

    Parameters
    ----------
    text
        The name.
    folded
        The same in lower case, in which the offsets count.
    """
    # Lower-casing may change the length of exotic letters; then offsets would be wrong.
    source = text if len(folded) == len(text) else folded
    return (match.start() for match in _PART.finditer(source, 1, MAX_OFFSET))

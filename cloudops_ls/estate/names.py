"""Every name of the estate in memory: completion and lookup that wait for nothing.

The index is immutable: after a sync a new one is built aside and swapped in whole. It holds, per
resource, three strings and four small integers, and two orderings of keys: one of whole names
and identifiers, one of what follows a word boundary inside them.

Building never holds Python's interpreter lock for long (keys are put in order by buckets of a few
thousand), because it happens in the language server while somebody types.
"""

from __future__ import annotations

import re
from array import array
from typing import TYPE_CHECKING, NamedTuple

from cloudops_ls.estate.name_order import LETTERS, MAX_OFFSET, NUMBER_SHIFT, OFFSET_BITS, KeyOrder

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

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


class _Pool:
    """Small numbers for texts that repeat."""

    def __init__(self) -> None:
        self.texts: list[str | None] = []
        self._numbers: dict[str | None, int] = {}

    def number(self, text: str | None) -> int:
        known = self._numbers.get(text)
        if known is None:
            known = self._numbers[text] = len(self.texts)
            self.texts.append(text)
        return known


class NameIndex:
    """Names, identifiers and ARNs of all resources. Immutable; build it with :meth:`build`."""

    def __init__(self) -> None:
        # Per resource; an identifier that is the name, and a folded text that is the text itself,
        # share one string object.
        self._names: list[str] = []
        self._identifiers: list[str] = []
        self._arns: list[str] = []
        self._pool = _Pool()
        self._types = array("I")
        self._states = array("I")
        self._groups = array("I")
        self._group_numbers: dict[tuple[str, str], int] = {}
        self._group_fields: list[tuple[str, str]] = []
        # Texts in lower case, two per resource: name at 2n, identifier at 2n + 1.
        self._folded: list[str] = []
        self._known: frozenset[str] = frozenset()
        self._whole = KeyOrder({}, self._text_of, self._groups, 0)
        self._parts = KeyOrder({}, self._text_of, self._groups, 0)
        self._by_arn: dict[str, int] = {}

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
        groups = len(index._group_fields)
        index._whole = KeyOrder(whole, index._text_of, index._groups, groups)
        index._parts = KeyOrder(parts, index._text_of, index._groups, groups)
        index._known = frozenset(index._folded)
        return index

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
        number = len(self._names)
        self._names.append(name)
        self._identifiers.append(identifier)
        self._arns.append(arn)
        self._types.append(self._pool.number(resource_type))
        self._states.append(self._pool.number(state))
        group = self._group_numbers.setdefault((account_id, region), len(self._group_fields))
        if group == len(self._group_fields):
            self._group_fields.append((account_id, region))
        self._groups.append(group)
        self._by_arn[arn] = number
        key = number << NUMBER_SHIFT
        for text in (name,) if identifier is name else (name, identifier):
            folded = text.lower()
            if folded == text:
                folded = text
            self._folded.append(folded)
            whole.setdefault(folded[:LETTERS], []).append(key)
            # Lower-casing may change the length of exotic letters; then offsets would be wrong.
            source = text if len(folded) == len(text) else folded
            for match in _PART.finditer(source, 1, MAX_OFFSET):
                start = match.start()
                letters = folded[start : start + LETTERS]
                parts.setdefault(letters, []).append(key | start)
            key |= 1 << OFFSET_BITS
        if identifier is name:
            self._folded.append(self._folded[-1])

    def __len__(self) -> int:
        return len(self._names)

    def __iter__(self) -> Iterator[NameEntry]:
        return (self._entry(number) for number in range(len(self._names)))

    def __contains__(self, token: object) -> bool:
        # Asked for every word of a hovered line: a lookup, not a search.
        return isinstance(token, str) and (token in self._by_arn or token.lower() in self._known)

    def canonical(self, token: str) -> bool:
        """Tell whether ``token`` is the whole name, identifier or ARN of a resource."""
        return token in self

    def complete(
        self,
        prefix: str,
        limit: int = 100,
        *,
        account_id: str | None = None,
        region: str | None = None,
    ) -> list[NameEntry]:
        """Return the resources whose name, identifier or a word of either starts with a prefix.

        Whole names that equal it come first, then names and identifiers that start with it, then
        those with a word that does; within each, the given account and region come first, then
        the account, then the region, then alphabetical order.

        Parameters
        ----------
        prefix
            As typed, any case.
        account_id, region
            Where the runbook works.
        """
        folded = prefix.lower()
        if not folded:
            return [entry for entry, _ in zip(iter(self), range(limit), strict=False)]
        found: dict[int, None] = {}
        for number in self._in_preferred_order(self._exact(folded), account_id, region):
            found[number] = None
        preferred = self._preferred_groups(account_id, region)
        for order in (self._whole, self._parts):
            for groups in (*preferred, None):
                if len(found) >= limit:
                    break
                for key in order.matching(folded, groups):
                    found.setdefault(key >> NUMBER_SHIFT)
                    if len(found) >= limit:
                        break
        return [self._entry(number) for number in list(found)[:limit]]

    def find(self, token: str) -> list[NameEntry]:
        """Return the resources whose whole name, identifier or ARN is ``token``.

        Those that match in another case are returned only when none matches exactly.
        """
        return [self._entry(number) for number in self._numbers_of(token)]

    def is_unique(self, name: str) -> bool:
        """Tell whether ``name`` stands for exactly one resource."""
        numbers = self._numbers_of(name)
        return next(numbers, None) is not None and next(numbers, None) is None

    def _numbers_of(self, token: str) -> Iterator[int]:
        number = self._by_arn.get(token)
        if number is not None:
            yield number
            return
        others: list[int] = []
        exact = False
        for number in self._exact(token.lower()):
            if token in (self._names[number], self._identifiers[number]):
                exact = True
                yield number
            else:
                others.append(number)
        if not exact:
            yield from others

    def _exact(self, folded: str) -> Iterator[int]:
        """Yield the resources whose folded name or identifier is ``folded``, each once."""
        seen: set[int] = set()
        for key in self._whole.matching(folded):
            if len(self._folded[key >> OFFSET_BITS]) != len(folded):
                # Equal texts come before all longer ones that start with them.
                return
            number = key >> NUMBER_SHIFT
            if number not in seen:
                seen.add(number)
                yield number

    def _preferred_groups(self, account_id: str | None, region: str | None) -> list[list[int]]:
        """Return the groups to look in first, best level first."""
        exact, account, place = [], [], []
        for number, (its_account, its_region) in enumerate(self._group_fields):
            if its_account == account_id and its_region == region:
                exact.append(number)
            elif its_account == account_id:
                account.append(number)
            elif its_region == region:
                place.append(number)
        return [groups for groups in (exact, account, place) if groups]

    def _in_preferred_order(
        self, numbers: Iterable[int], account_id: str | None, region: str | None
    ) -> list[int]:
        def rank(number: int) -> tuple[bool, bool]:
            its_account, its_region = self._group_fields[self._groups[number]]
            return (
                account_id is not None and its_account != account_id,
                region is not None and its_region != region,
            )

        return sorted(numbers, key=rank)

    def _text_of(self, key: int) -> str:
        return self._folded[key >> OFFSET_BITS][key & MAX_OFFSET :]

    def _entry(self, number: int) -> NameEntry:
        account_id, region = self._group_fields[self._groups[number]]
        return NameEntry(
            self._names[number],
            self._identifiers[number],
            self._arns[number],
            self._pool.texts[self._types[number]] or "",
            account_id,
            region,
            self._pool.texts[self._states[number]],
        )

"""Tags of all resources in memory: each combination that occurs is kept once."""

from __future__ import annotations

import json
import sys
from array import array
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


class TagSets:
    """Which combination of tags each resource has. Immutable; build it with :meth:`build`.

    Resources made by one template share their tags, but for ``Name``: so that is left out, and a
    hundred thousand resources have some hundred combinations.
    """

    def __init__(self, numbers: array[int], sets: list[tuple[str, ...]]) -> None:
        self._numbers = numbers
        self._sets = sets

    @classmethod
    def build(cls, count: int, tags: Iterable[tuple[int, str]]) -> TagSets:
        """Build them.

        Parameters
        ----------
        count
            How many resources there are.
        tags
            The number of a resource and its tags as a JSON object, ``Name`` left out.
        """
        numbers = array("I", bytes(4 * count))
        sets: list[tuple[str, ...]] = [()]
        known: dict[str, int] = {"": 0, "{}": 0}
        for number, text in tags:
            which = known.get(text)
            if which is None:
                which = known[text] = len(sets)
                # Flat, and each text once: a dictionary would be three times the size.
                sets.append(
                    tuple(
                        sys.intern(str(piece))
                        for pair in json.loads(text).items()
                        for piece in pair
                    )
                )
            numbers[number] = which
        return cls(numbers, sets)

    def of(self, number: int) -> Mapping[str, str]:
        """Return the tags of a resource, without ``Name``."""
        return dict(_pairs(self._sets[self._numbers[number]]))

    def numbers(self) -> array[int]:
        """Return the number of each resource's combination."""
        return self._numbers

    def combinations(self) -> Iterator[tuple[int, Iterator[tuple[str, str]]]]:
        """Yield each combination's number and its keys and values."""
        return ((which, _pairs(flat)) for which, flat in enumerate(self._sets))


def _pairs(flat: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    return zip(flat[::2], flat[1::2], strict=True)

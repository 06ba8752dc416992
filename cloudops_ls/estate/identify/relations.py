"""Which resources refer to which: the catalog's relations, between the numbers of an index."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pydantic import JsonValue

    from cloudops_ls.estate.catalog.loader import Catalog
    from cloudops_ls.estate.search.names import NameIndex

HUBS: Final = frozenset({"vpc", "subnet", "security_group", "kms_key", "iam_role", "ami"})
"""What half an estate refers to: two resources that share one have little else in common."""
_REACH: Final = 3


class Relations:
    """References in both directions; immutable.

    Parameters
    ----------
    index
        Whose numbers they are between.
    catalog
        Which metadata fields refer to which types.
    metadata
        ARN and metadata, as JSON, of the resources that may refer to others.
    """

    def __init__(
        self, index: NameIndex, catalog: Catalog, metadata: Iterable[tuple[str, str]]
    ) -> None:
        self._index = index
        self._near: dict[int, list[int]] = defaultdict(list)
        by_identifier: dict[str, list[int]] = defaultdict(list)
        for place, identifier in enumerate(index.identifiers):
            by_identifier[identifier].append(place)
        types, places = index.types.texts, index.places
        for arn, text in metadata:
            known = index.number_of(arn)
            if known is None:
                continue
            number = known
            kind = catalog.get(types[index.type_numbers[number]] or "")
            if kind is None or not kind.relations:
                continue
            account, _ = places[index.place_numbers[number]]
            fields = json.loads(text or "{}")
            for field, target in kind.relations.items():
                for value in _texts(fields.get(field)):
                    found = index.number_of(value)
                    others = [found] if found is not None else by_identifier.get(value, ())
                    for other in others:
                        if (
                            other != number
                            and types[index.type_numbers[other]] == target
                            and (
                                found is not None
                                or places[index.place_numbers[other]][0] == account
                            )
                        ):
                            self._near[number].append(other)
                            self._near[other].append(number)

    def around(self, number: int, types: frozenset[str]) -> set[int]:
        """Return what is related to a resource and of one of ``types``: the nearest such.

        Paths lead over at most two others, and over none that half an estate refers to.
        """
        index = self._index
        seen, edge = {number}, {number}
        for _ in range(_REACH):
            edge = {
                other
                for one in edge
                if one == number or index.types.texts[index.type_numbers[one]] not in HUBS
                for other in self._near.get(one, ())
            } - seen
            seen |= edge
            found = {one for one in edge if index.types.texts[index.type_numbers[one]] in types}
            if found:
                return found
        return set()


def _texts(value: JsonValue) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)

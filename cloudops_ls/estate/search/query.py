"""What was asked for: words, and filters among them (pure).

``type:rds region:us-west-2 tag:env=prod state:stopped account:acme-production payments`` — filters
in any order, anywhere between the words; all of them must hold. Commas are alternatives
(``state:stopped,stopping``), ``*`` stands for anything, ``-`` before a filter turns it round,
quotes keep spaces together (``tag:"cost centre"=42``). Case never counts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class FilterKey(StrEnum):
    """What a filter looks at."""

    TYPE = "type"
    REGION = "region"
    STATE = "state"
    ACCOUNT = "account"
    TAG = "tag"


_KEYS = "|".join(FilterKey)
_VALUE = r"(?:\"[^\"\n]*\"?|[^\s\"])*"
_FILTER = re.compile(rf"(?<!\S)(?P<no>-?)(?P<key>{_KEYS}):(?P<value>{_VALUE})", re.IGNORECASE)
FILTER_PATTERN = rf"-?(?:{_KEYS}):{_VALUE}"
"""One filter as it is typed: the value may still be empty, its last quote still missing."""
_PIECE = re.compile(r"\"([^\"]*)\"?|([^\",=]+)|([,=])")


@dataclass(frozen=True, slots=True)
class Filter:
    """One condition.

    Attributes
    ----------
    key
        What it looks at.
    values
        Any of these will do; for a tag, none means that the tag is there at all.
    tag
        For :attr:`FilterKey.TAG`: the tag's key.
    excluded
        Only what does *not* fulfil it is wanted.
    """

    key: FilterKey
    values: tuple[str, ...] = ()
    tag: str | None = None
    excluded: bool = False

    def __str__(self) -> str:
        sign = "-" if self.excluded else ""
        values = ",".join(map(_quoted, self.values))
        if self.tag is not None:
            values = _quoted(self.tag) + (f"={values}" if values else "")
        return f"{sign}{self.key}:{values}"


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """Words to search for, and the filters that results must pass."""

    text: str = ""
    filters: tuple[Filter, ...] = ()

    @classmethod
    def parse(cls, text: str) -> SearchQuery:
        """Take filters and words apart; a filter without a value does not count yet."""
        filters = [made for match in _FILTER.finditer(text) if (made := _filter(match)) is not None]
        return cls(" ".join(_FILTER.sub(" ", text).split()), tuple(dict.fromkeys(filters)))

    def narrowed(
        self,
        *,
        types: Iterable[str] = (),
        regions: Iterable[str] = (),
        states: Iterable[str] = (),
        accounts: Iterable[str] = (),
        tags: Mapping[str, str] | None = None,
    ) -> SearchQuery:
        """Return the same query with more filters; empty ones do not restrict."""
        wanted = {
            FilterKey.TYPE: tuple(types),
            FilterKey.REGION: tuple(regions),
            FilterKey.STATE: tuple(states),
            FilterKey.ACCOUNT: tuple(accounts),
        }
        more = [Filter(key, values) for key, values in wanted.items() if values]
        more += [Filter(FilterKey.TAG, (value,), key) for key, value in (tags or {}).items()]
        return SearchQuery(self.text, (*self.filters, *more))


def _filter(match: re.Match[str]) -> Filter | None:
    key, excluded = FilterKey(match["key"].lower()), bool(match["no"])
    names: list[str] = [""]
    values: list[str] = []
    current = names
    for quoted, plain, sign in _PIECE.findall(match["value"]):
        if sign == "=" and key is FilterKey.TAG and current is names:
            current = values
            values.append("")
        elif sign == ",":
            current.append("")
        else:
            current[-1] += quoted or plain or sign
    if key is FilterKey.TAG:
        found = tuple(filter(None, values))
        # `tag:env=` is still being typed: as long as that, the key alone counts.
        return Filter(key, found, names[0], excluded) if names[0] else None
    found = tuple(filter(None, names))
    return Filter(key, found, None, excluded) if found else None


def _quoted(text: str) -> str:
    return f'"{text}"' if re.search(r"[\s,=]", text) else text

"""AWS regions by the names of their cities, countries and areas; the data is ``regions.toml``."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources


class Places:
    """Which region codes a place's name means. Immutable.

    Parameters
    ----------
    regions
        Names in lower case by region code.
    areas
        Prefixes of region codes by the area's name in lower case.
    """

    def __init__(self, regions: dict[str, list[str]], areas: dict[str, list[str]]) -> None:
        named: dict[str, set[str]] = {}
        for code, names in regions.items():
            for name in names:
                named.setdefault(name, set()).add(code)
        for name, prefixes in areas.items():
            named.setdefault(name, set()).update(
                code for code in regions if code.startswith(tuple(prefixes))
            )
        self._named = {name: frozenset(codes) for name, codes in named.items()}
        self.codes = frozenset(regions)

    @classmethod
    @cache
    def load(cls) -> Places:
        """Read the names that come with the package."""
        text = (resources.files(__package__) / "regions.toml").read_text(encoding="utf-8")
        data = tomllib.loads(text)
        return cls(data["regions"], data["areas"])

    @property
    def names(self) -> frozenset[str]:
        """Every name of a place, in lower case."""
        return frozenset(self._named)

    def called(self, name: str) -> frozenset[str]:
        """Return the region codes that a code or a place's name means; empty when unknown."""
        folded = name.casefold()
        return frozenset({folded}) if folded in self.codes else self._named.get(folded, frozenset())

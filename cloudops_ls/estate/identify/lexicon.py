"""Words of a request and what each of them can mean in this estate."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Final

from cloudops_ls.estate.catalog.model import plural

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cloudops_ls.estate.catalog.loader import Catalog
    from cloudops_ls.estate.search.places import Places

_TOKEN: Final = re.compile(r"[^\W_]+(?:[-_'’./][^\W_]+)*")
_LONGEST_PHRASE: Final = 4
_SHORT: Final = 2


class Role(StrEnum):
    """What a phrase does in a request."""

    TYPE = "type"
    PLACE = "place"
    STATE = "state"
    ENGINE = "engine"
    RELATION = "relation"
    ALL = "all"
    INDEFINITE = "indefinite"
    VERB = "verb"
    """Something that can be done to resources of some types."""
    PRONOUN = "pronoun"
    PRONOUNS = "pronouns"
    """One that points at several things."""
    SILENT = "silent"
    WORD = "word"
    """Part of a name, a tag's value, or nothing."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """Some words of a request.

    Attributes
    ----------
    role, text
        What it does, and the folded words.
    start, end
        Where it stands.
    meanings
        Types, region codes, states, engines: what the phrase stands for.
    """

    role: Role
    text: str
    start: int
    end: int
    meanings: frozenset[str] = frozenset()


class Lexicon:
    """The phrases of the catalog, of the regions, and of ``words.toml``.

    Parameters
    ----------
    catalog, places
        What types and regions are called.
    """

    def __init__(self, catalog: Catalog, places: Places) -> None:
        words = _words()
        self._known: dict[str, dict[Role, set[str]]] = {}
        for word in words["silent"]["words"]:
            self._add(word, Role.SILENT)
        for kind in catalog:
            for action in kind.actions.values():
                for verb in action.verbs:
                    self._add(verb.casefold(), Role.VERB, kind.name)
        for word in words["relations"]["words"]:
            self._add(word, Role.RELATION)
        for name, role in (("all", Role.ALL), ("indefinite", Role.INDEFINITE)):
            for word in words["quantifiers"][name]:
                self._add(word, role)
        for name, role in (("one", Role.PRONOUN), ("many", Role.PRONOUNS)):
            for word in words["pronouns"][name]:
                self._add(word, role)
        for state, called in words["states"].items():
            for word in called:
                self._add(word, Role.STATE, state)
        for engine, called in words["engines"].items():
            for word in called:
                self._add(word, Role.ENGINE, engine)
        for name in places.names:
            self._add(name, Role.PLACE, *places.called(name))
        for code in places.codes:
            self._add(code, Role.PLACE, code)
        for kind in catalog:
            if kind.generic:
                continue  # a "resource" is one of any type
            for phrase in (kind.title.casefold(), kind.name, *kind.synonyms):
                self._add(phrase, Role.TYPE, kind.name)
                self._add(plural(phrase), Role.TYPE, kind.name)
        for name, called in words["types"].items():
            for word in called:
                self._add(word, Role.TYPE, name)
        self._general = frozenset(words["general"]["words"])
        self._spellings: dict[str, frozenset[str]] = {}
        for spellings in words["spellings"].values():
            for word in spellings:
                self._spellings[word] = self._spellings.get(word, frozenset()) | set(spellings)

    def _add(self, phrase: str, role: Role, *meanings: str) -> None:
        self._known.setdefault(phrase, {}).setdefault(role, set()).update(meanings)

    def __contains__(self, phrase: str) -> bool:
        return phrase in self._known

    def is_general(self, word: str) -> bool:
        """Tell whether a word says nothing beside others, as in "the shop app"."""
        return word in self._general or "'" in word

    @property
    def phrases(self) -> Iterable[str]:
        """Every phrase that has a role, and every word that has several spellings."""
        return self._known.keys() | self._spellings.keys()

    def spellings(self, word: str) -> frozenset[str]:
        """Return the other ways to write a word, and itself: ``prod`` for ``production``."""
        same = {word, word.removesuffix("s"), f"{word}s"} if len(word) > _SHORT else {word}
        return frozenset().union(same, *(self._spellings.get(one, frozenset()) for one in same))

    def roles(self, phrase: str) -> Mapping[Role, set[str]]:
        """Return what a phrase can do, with its meanings."""
        return self._known.get(phrase, {})

    def read(self, text: str) -> list[Phrase]:
        """Take a request apart into phrases, the longest known ones first."""
        tokens = [
            (match[0].casefold().replace("’", "'"), match.span()) for match in _TOKEN.finditer(text)
        ]
        phrases: list[Phrase] = []
        at = 0
        while at < len(tokens):
            for size in range(min(_LONGEST_PHRASE, len(tokens) - at), 0, -1):
                phrase = " ".join(word for word, _ in tokens[at : at + size])
                between = text[tokens[at][1][0] : tokens[at + size - 1][1][1]]
                roles = self._known.get(phrase)
                if roles is None or (size > 1 and re.search(r"[.,;:!?\n]", between)):
                    if size > 1:
                        continue
                    role, meanings = Role.WORD, frozenset[str]()
                else:
                    role = _first(roles)
                    meanings = frozenset(roles[role])
                start, end = tokens[at][1][0], tokens[at + size - 1][1][1]
                phrases.append(Phrase(role, phrase, start, end, meanings))
                at += size
                break
        return phrases


def _first(roles: Mapping[Role, set[str]]) -> Role:
    """Return what a phrase does when it can do several things."""
    for role in (
        Role.PRONOUN,
        Role.PRONOUNS,
        Role.ALL,
        Role.INDEFINITE,
        Role.TYPE,
        Role.PLACE,
        Role.ENGINE,
        Role.STATE,
        Role.VERB,
        Role.RELATION,
    ):
        if role in roles:
            return role
    return Role.SILENT


@cache
def _words() -> dict[str, dict[str, list[str]]]:
    text = (resources.files(__package__) / "words.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)

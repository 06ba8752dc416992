"""Finds the catalog's verbs in a prompt: what is asked to be done, and where it says so."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cloudops_ls.estate.catalog.model import ResourceType

_WORD: Final = re.compile(r"(?<![\w-])[^\W\d_]+(?:['’][^\W\d_]+)?(?![\w-])")
_LINK_TARGET: Final = re.compile(r"(?<=\])\([^()\s]*\)")
_BREAK: Final = re.compile(r"[.,;:!?\n]")
_NEGATIONS: Final = frozenset(
    {"not", "never", "without", "avoid", "cannot", "don't", "dont", "can't", "won't", "shouldn't"}
)
_REACH: Final = 3
"""Words that may stand within a phrasal verb ("turn the old one off"), or after a negation."""


@dataclass(frozen=True, slots=True)
class VerbUse:
    """A verb in a prompt.

    Attributes
    ----------
    action
        Name of the catalog's action: ``stop``.
    start
        Where it stands in the prompt.
    word
        What stands there, such as ``shut``; for people.
    negated
        It says what not to do.
    """

    action: str
    start: int
    word: str
    negated: bool = False


class VerbLexicon:
    """The verbs of all actions of a catalog."""

    def __init__(self, types: Iterable[ResourceType]) -> None:
        phrases: dict[tuple[str, ...], str] = {}
        for kind in types:
            for name, action in kind.actions.items():
                for verb in action.verbs:
                    phrases.setdefault(tuple(verb.casefold().split()), name)
        self._phrases = sorted(phrases.items(), key=lambda item: -len(item[0]))

    def __contains__(self, word: str) -> bool:
        return any(phrase == (word.casefold(),) for phrase, _ in self._phrases)

    def find(self, prompt: str, names: Iterable[str] = ()) -> list[VerbUse]:
        """Return the verbs of a prompt in the order they stand there.

        Parameters
        ----------
        prompt
            The user's words.
        names
            Resource names in it, which are never verbs.
        """
        text = _LINK_TARGET.sub(_blank, prompt)
        for name in sorted(names, key=len, reverse=True):
            text = re.sub(rf"(?<![\w-]){re.escape(name)}(?![\w-])", _blank, text)
        words = list(_WORD.finditer(text))
        linked = [
            not _BREAK.search(text, first.end(), second.start())
            for first, second in pairwise(words)
        ]
        folded = [word[0].casefold().replace("’", "'") for word in words]
        uses: list[VerbUse] = []
        taken: set[int] = set()
        for index, word in enumerate(words):
            if index in taken:
                continue
            for phrase, action in self._phrases:
                places = _places(phrase, folded, linked, index)
                if places:
                    taken.update(places)
                    negated = _negated(folded, linked, index)
                    uses.append(VerbUse(action, word.start(), word[0], negated))
                    break
        return uses


def _blank(match: re.Match[str]) -> str:
    return " " * len(match[0])


def _places(
    phrase: tuple[str, ...], words: list[str], linked: list[bool], index: int
) -> list[int] | None:
    """Return the indexes of ``phrase``'s words from ``index`` on, None if it is not there."""
    if words[index] != phrase[0]:
        return None
    places = [index]
    for part in phrase[1:]:
        place = places[-1]
        for _ in range(_REACH + 1):
            if place >= len(linked) or not linked[place]:
                return None
            place += 1
            if words[place] == part:
                places.append(place)
                break
        else:
            return None
    return places


def _negated(words: list[str], linked: list[bool], index: int) -> bool:
    for place in range(index - 1, max(index - 1 - _REACH, -1), -1):
        if not linked[place]:
            return False
        if words[place] in _NEGATIONS:
            return True
    return False

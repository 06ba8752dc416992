"""Finds the catalog's verbs in a prompt: what is asked to be done, and where it says so."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cloudops_ls.estate.catalog.loader import Catalog

_WORD: Final = re.compile(r"(?<![\w-])[^\W\d_]+(?:['’][^\W\d_]+)?(?![\w-])")
_LINK_TARGET: Final = re.compile(r"(?<=\])\([^()\s]*\)")
_BREAK: Final = re.compile(r"[.,;:!?\n]")
_NEGATIONS: Final = frozenset(
    {"not", "never", "without", "avoid", "cannot", "don't", "dont", "can't", "won't", "shouldn't"}
)
_BEFORE_NOUNS: Final = frozenset(
    {"the", "a", "an", "this", "that", "these", "my", "our", "all", "every", "each", "which"}
    | {"any", "no", "list", "show", "describe", "what", "of", "for", "in", "from", "each", "many"}
)
_LONGEST_TYPE: Final = 4
"""Words of the longest name of a type that may begin with a verb."""
_REACH: Final = 3
"""Words that may stand within a phrasal verb ("turn the old one off"), or after a negation."""


@dataclass(frozen=True, slots=True)
class VerbUse:
    """A verb in a prompt.

    Attributes
    ----------
    action
        What it means for most types, as the name of the catalog's action: ``stop``.
    start
        Where it stands in the prompt.
    word
        What stands there, such as ``shut``; for people.
    end
        Where its last word ends.
    negated
        It says what not to do.
    by_type
        What it means for single types: "turn off" disables an alarm and stops an instance.
    """

    action: str
    start: int
    word: str
    end: int = 0
    negated: bool = False
    by_type: Mapping[str, str] = field(default_factory=dict, compare=False)

    def action_for(self, resource_type: str) -> str:
        """Return the name of the action that is meant for a resource of a type."""
        return self.by_type.get(resource_type, self.action)


class VerbLexicon:
    """The verbs of all actions of a catalog."""

    def __init__(self, catalog: Catalog) -> None:
        meanings: defaultdict[tuple[str, ...], dict[str, str]] = defaultdict(dict)
        for kind in catalog:
            for name, action in kind.actions.items():
                for verb in action.verbs:
                    meanings[tuple(verb.casefold().split())].setdefault(kind.name, name)
        self._by_type = dict(meanings)
        self._called = catalog.called
        order = {name: number for number, name in enumerate(catalog.action_titles)}
        most = {
            phrase: min(names.values(), key=lambda name: (order.get(name, len(order)), name))
            for phrase, names in meanings.items()
        }
        self._phrases = sorted(most.items(), key=lambda item: -len(item[0]))

    def _is_noun(self, words: list[str], index: int) -> bool:
        """Tell whether a word is what a type is called: "the snapshot", "backup vaults"."""
        for length in range(2, _LONGEST_TYPE + 1):
            phrase = words[index : index + length]
            if len(phrase) == length and self._called(" ".join(phrase)):
                return True
        before = words[index - 1] if index else ""
        return before in _BEFORE_NOUNS and bool(self._called(words[index]))

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
        text = blanked(prompt, names)
        words = list(_WORD.finditer(text))
        linked = [
            not _BREAK.search(text, first.end(), second.start())
            for first, second in pairwise(words)
        ]
        folded = [word[0].casefold().replace("’", "'") for word in words]
        uses: list[VerbUse] = []
        taken: set[int] = set()
        for index, word in enumerate(words):
            if index in taken or self._is_noun(folded, index):
                continue
            for phrase, action in self._phrases:
                places = _places(phrase, folded, linked, index)
                if places:
                    taken.update(places)
                    negated = _negated(folded, linked, index)
                    by_type = self._by_type[phrase]
                    end = words[places[-1]].end()
                    uses.append(VerbUse(action, word.start(), word[0], end, negated, by_type))
                    break
        return uses


def blanked(prompt: str, names: Iterable[str]) -> str:
    """Return a prompt of the same length without link targets and names of resources."""
    text = _LINK_TARGET.sub(_blank, prompt)
    for name in sorted(names, key=len, reverse=True):
        text = re.sub(rf"(?<![\w-]){re.escape(name)}(?![\w-])", _blank, text)
    return text


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

"""What phrases of a request ask for, as masks over the names of an index (pure)."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import reduce
from itertools import zip_longest
from typing import TYPE_CHECKING, Final, NamedTuple

from rapidfuzz.distance import OSA
from rapidfuzz.process import extractOne

from cloudops_ls.estate.identify.lexicon import Lexicon, Phrase, Role
from cloudops_ls.estate.identify.words_index import WordsIndex, both
from cloudops_ls.estate.search.fuzzy import MOST_EDITS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from cloudops_ls.estate.search.finder import Finder

_JOINED: Final = re.compile(r"\W*(?:and|or|und|&|plus)?\W*(?:the|all|every|our)?\W*", re.IGNORECASE)
_ASKING: Final = frozenset({"is", "are", "was", "were", "why", "isn't", "aren't"})
_CORRECTED: Final = 5
"""Letters from which on an unknown word may be a misspelling of a known one."""
_CORRECTED_TWICE: Final = 7
DESCRIBED: Final = 0.9
"""How sure it is that what fulfils every condition is meant."""
_RELAXED: Final = 0.6
_CONDITIONS: Final = (Role.TYPE, Role.PLACE, Role.STATE, Role.ENGINE, Role.WORD)


class Condition(NamedTuple):
    """A phrase, and which names fulfil it: one byte each, 1 or 0."""

    phrase: Phrase
    mask: bytes


class Conditions:
    """Reads phrases as conditions on one state of the estate; thread-safe.

    Parameters
    ----------
    finder
        The estate's names.
    lexicon
        What words mean.
    words
        Which names, tags, places, states and engines have which words.
    """

    def __init__(self, finder: Finder, lexicon: Lexicon, words: WordsIndex) -> None:
        self._finder = finder
        self._lexicon = lexicon
        self._words = words

    def of(self, phrases: Sequence[Phrase], text: str = "") -> list[Condition]:
        """Return what the phrases ask for."""
        wanted = self._compounds(
            [self._corrected(one) for one in definite(self._used_as_words(phrases))], text
        )
        conditions: list[Condition] = []
        types = [one for one in wanted if one.role is Role.TYPE]
        if types:
            names = frozenset().union(*(one.meanings for one in types))
            mask = self._words.types(names)
            if 1 in mask:
                words = " ".join(one.text for one in types)
                joined = Phrase(Role.TYPE, words, types[0].start, types[-1].end, names)
                conditions.append(Condition(joined, mask))
            else:
                # Nothing is of that type; but "api" may be a word of a name.
                conditions += self._worded(types)
        places = [one for one in wanted if one.role is Role.PLACE]
        states = [one for one in wanted if one.role is Role.STATE]
        if places:
            codes = frozenset().union(*(one.meanings for one in places))
            conditions.append(Condition(places[0], self._words.regions(codes)))
        if states and not _asks_whether(phrases):
            names = frozenset().union(*(one.meanings for one in states))
            conditions.append(Condition(states[0], self._words.states(names)))
        engines = [one for one in wanted if one.role is Role.ENGINE]
        if engines:
            mask = self._words.engines(frozenset().union(*(one.meanings for one in engines)))
            if 1 in mask:
                conditions.append(Condition(engines[0], mask))
            else:
                conditions += self._worded(engines)
        conditions += self._worded([one for one in wanted if one.role is Role.WORD])
        if conditions and not {Role.TYPE, Role.ENGINE} & {one.phrase.role for one in conditions}:
            # What can be restarted is no security group.
            verbs = [one for one in phrases if one.role is Role.VERB]
            able = self._words.types(frozenset().union(*(one.meanings for one in verbs)))
            if verbs and 1 in able:
                conditions.append(Condition(verbs[0], able))
        return conditions

    def unknown(self, phrases: Sequence[Phrase]) -> tuple[str, ...]:
        """Return the words that should describe something, but fit nothing at all."""
        corrected = [self._corrected(one) for one in phrases]
        words = [one for one in corrected if one.role is Role.WORD]
        return tuple(
            dict.fromkeys(
                one.text
                for one in words
                if not self._lexicon.is_general(one.text) and not any(self._worded([one]))
            )
        )

    def satisfied(self, conditions: list[Condition]) -> tuple[list[Condition], float]:
        """Return the conditions that something fulfils together, and how sure that makes."""
        if not conditions or 1 in all_of(conditions):
            return conditions, DESCRIBED
        # "The checkout api" may be no API, but something that is called so.
        for place, one in enumerate(conditions):
            if one.phrase.role is Role.TYPE:
                mask = self._words.word(self._lexicon.spellings(one.phrase.text))
                if mask is not None:
                    word = Condition(replace(one.phrase, role=Role.WORD), mask)
                    others = [*conditions[:place], word, *conditions[place + 1 :]]
                    if 1 in all_of(others):
                        return others, DESCRIBED
        words = [one for one in conditions if one.phrase.role is Role.WORD]
        if len(words) > 1:
            kept = [[other for other in conditions if other is not one] for one in words]
            fulfilled = [some for some in kept if 1 in all_of(some)]
            if fulfilled:
                return min(fulfilled, key=lambda some: all_of(some).count(1)), _RELAXED
        return [], 0.0

    def _used_as_words(self, phrases: Sequence[Phrase]) -> list[Phrase]:
        """Return the phrases with verbs before a type as words: "every backup bucket"."""
        return [
            replace(one, role=Role.WORD)
            if one.role is Role.VERB and place and after is not None and after.role is Role.TYPE
            else one
            for place, (one, after) in enumerate(zip_longest(phrases, phrases[1:]))
        ]

    def _compounds(self, phrases: list[Phrase], text: str) -> list[Phrase]:
        """Return the phrases with one thing that is wanted, or several that are joined by "and".

        Of types side by side the last is meant: an ``orders api lambda`` is a function. Types
        further on say more about it, where a name has them: ``the firewall for the api``.
        """
        result: list[Phrase] = []
        head: Phrase | None = None
        for place, phrase in enumerate(phrases):
            if phrase.role is not Role.TYPE:
                result.append(phrase)
                continue
            after = phrases[place + 1] if place + 1 < len(phrases) else None
            modifies = (
                after is not None
                and after.role is Role.TYPE
                and after.start - phrase.end <= 1
                and not phrase.meanings & after.meanings
            )
            joined = head is not None and _JOINED.fullmatch(text, head.end, phrase.start)
            if not modifies and (head is None or joined):
                result.append(phrase)
                head = phrase
            elif self._words.word(self._lexicon.spellings(phrase.text)) is not None:
                result.append(Phrase(Role.WORD, phrase.text, phrase.start, phrase.end))
        return result

    def _corrected(self, phrase: Phrase) -> Phrase:
        """Return what an unknown word is a misspelling of; itself when it is of nothing."""
        word = phrase.text
        if phrase.role is not Role.WORD or len(word) < _CORRECTED or not word.isalpha():
            return phrase
        if self._words.word(self._lexicon.spellings(word)) is not None:
            return phrase
        allowed = MOST_EDITS if len(word) >= _CORRECTED_TWICE else 1
        nearest = self._nearest(word, allowed)
        if nearest is None:
            return phrase
        (known, *_) = self._lexicon.read(nearest) or [phrase]
        if known.role in _CONDITIONS:
            return Phrase(known.role, nearest, phrase.start, phrase.end, known.meanings)
        return phrase

    def _nearest(self, word: str, allowed: int) -> str | None:
        """Return the word of the lexicon, of a name or of a tag that is nearest to a word."""
        edits = dict(self._finder.spellings(word))
        for others in (self._lexicon.phrases, self._words.values):
            found = extractOne(
                word,
                [one for one in others if abs(len(one) - len(word)) <= allowed],
                scorer=OSA.distance,
                score_cutoff=allowed,
            )
            if found is not None:
                edits[found[0]] = min(edits.get(found[0], MOST_EDITS), int(found[1]))
        nearest = min(edits, key=lambda one: (edits[one], one), default=None)
        return nearest if nearest is not None and edits[nearest] <= allowed else None

    def _worded(self, phrases: Iterable[Phrase]) -> Iterator[Condition]:
        for phrase in phrases:
            mask = self._words.word(self._lexicon.spellings(phrase.text))
            if mask is None:
                # "payments-web" where nothing is called so, but something is in its parts.
                parts = [part for part in re.split(r"[-_./]", phrase.text) if part]
                masks = [self._words.word(self._lexicon.spellings(part)) for part in parts]
                if len(parts) > 1 and all(one is not None for one in masks):
                    mask = reduce(both, [one for one in masks if one is not None])
            if mask is not None and 1 in mask:
                yield Condition(phrase, mask)


def definite(phrases: Sequence[Phrase]) -> list[Phrase]:
    """Return the phrases that describe; what is only "a" something describes nothing."""
    kept: list[Phrase] = []
    indefinite = False
    for phrase in phrases:
        if phrase.role is Role.INDEFINITE:
            indefinite = True
        elif phrase.role in _CONDITIONS:
            if not indefinite:
                kept.append(phrase)
            elif phrase.role is Role.TYPE:
                indefinite = False
        elif phrase.role is not Role.SILENT or phrase.text in ("the", "my"):
            indefinite = False
    return kept


def _asks_whether(phrases: Sequence[Phrase]) -> bool:
    """Tell whether a state is asked about, not told: "is the database running?"."""
    first = next((one.text.split()[0] for one in phrases), "")
    return first in _ASKING and all(one.role is not Role.ALL for one in phrases)


def all_of(conditions: Sequence[Condition]) -> bytes:
    """Return the names that fulfil all of some conditions."""
    return reduce(both, (one.mask for one in conditions))


def ones(mask: bytes) -> Iterator[int]:
    """Yield the numbers of the names that a mask has."""
    number = mask.find(1)
    while number >= 0:
        yield number
        number = mask.find(1, number + 1)

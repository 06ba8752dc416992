"""Finds what a request is about, beyond the names that stand in it (pure).

A request is read as an operator writes: ``the production postgres``, ``all stopped dev boxes in
Ireland``, ``web servers behind shop-alb``, ``restart it``. What it says of type, state, place and
engine must hold; every other word that is part of a name, a tag's value or an account must, too.
When nothing fits, the word that fits least is left out once, and that costs the score.
"""

from __future__ import annotations

import re
from itertools import islice, pairwise, zip_longest
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from rapidfuzz.distance import OSA

from cloudops_ls.estate.identify.conditions import (
    DESCRIBED,
    Condition,
    Conditions,
    all_of,
    definite,
    ones,
)
from cloudops_ls.estate.identify.lexicon import Lexicon, Phrase, Role
from cloudops_ls.estate.identify.model import Candidate, Description, How, Named
from cloudops_ls.estate.identify.words_index import WordsIndex
from cloudops_ls.estate.search.finder import Where
from cloudops_ls.estate.search.fuzzy import edits_allowed
from cloudops_ls.estate.search.query import SearchQuery

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from cloudops_ls.estate.identify.relations import Relations
    from cloudops_ls.estate.search.finder import Finder
    from cloudops_ls.storage.records import AccountRecord

MOST: Final = 1000
"""Candidates returned at most."""
_MOST_WITHOUT_TYPE: Final = 40
"""Words alone that fit more resources than this describe none."""
_NAME: Final = "\ufffc"
_NAME_LIKE: Final = re.compile(r".*[-_./\d].*")
_SENTENCE: Final = re.compile(r"(?<=[.!?;])\s+|\n+")
_CLAUSE: Final = re.compile(r",\s*(?:and|then|or)?\s*|\s+(?:and|then|but)\s+", re.IGNORECASE)
_SHORTEST: Final = 5
"""Letters from which on an unknown name may be a misspelling of a known one."""
_GUESSED: Final = 0.5
_MISSPELLED: Final = (0.95, 0.9, 0.8)
_PREVIOUS: Final = 0.9


class Identifier:
    """Identifies resources of one state of the estate; thread-safe.

    Parameters
    ----------
    finder
        The estate's names.
    lexicon
        What words mean.
    relations
        What refers to what; None when that is not known.
    accounts
        Whose aliases are words, too.
    """

    def __init__(
        self,
        finder: Finder,
        lexicon: Lexicon,
        relations: Relations | None = None,
        accounts: Sequence[AccountRecord] = (),
    ) -> None:
        self._finder = finder
        self._index = finder.index
        self._lexicon = lexicon
        self._relations = relations
        self._conditions = Conditions(finder, lexicon, WordsIndex(finder.index, accounts))

    def identify(
        self,
        text: str,
        named: Sequence[Named] = (),
        *,
        previous: Sequence[str] = (),
        where: Where = Where(),  # noqa: B008 -- immutable
    ) -> list[Candidate]:
        """Return what a request may mean beside the names in it, surest first.

        Parameters
        ----------
        text
            The request.
        named
            The names, ids and ARNs in it, which are not returned again.
        previous
            ARNs that the turn before it was about.
        where
            Account and region of the runbook: equally good candidates there come first.
        """
        blanked, anchors = _blank(text, named)
        phrases = self._lexicon.read(blanked)
        found: dict[str, Candidate] = {}

        def add(candidates: Iterable[Candidate]) -> None:
            for one in candidates:
                found.setdefault(one.arn, one)

        misspelled = list(self._misspelled(phrases, where))
        add(misspelled)
        related = self._related(phrases, anchors)
        if related is not None:
            add(self._candidates(related, where))
        elif not misspelled:
            for one in self._described(blanked):
                add(self._candidates(one, where))
        if not found and not named:
            add(self._previous(phrases, previous))
        elif not named and previous and self._points_back(phrases):
            back = list(self._previous(phrases, previous))
            if back:
                return back
        taken = {arn for one in named for arn in one.arns}
        return [one for one in islice(found.values(), MOST) if one.arn not in taken]

    def describe(self, text: str) -> Description:
        """Return all that a request without names describes, however much it is.

        Parameters
        ----------
        text
            The request.
        """
        phrases = self._lexicon.read(text)
        related = self._related(phrases, ())
        found = [related] if related is not None else self._described(text, wide=True)
        index = self._index
        arns = frozenset(
            index.arns[number]
            for one in found
            for number in ones(one.mask)
            if number not in index.hidden
        )
        whole = all(one.score >= DESCRIBED for one in found)
        if not found:
            whole = not self._conditions.of(phrases, text)
        words = tuple(dict.fromkeys(word for one in found for word in one.parts))
        return Description(arns, whole, words, self._conditions.unknown(phrases))

    # Names that are nearly right

    def _misspelled(self, phrases: Sequence[Phrase], where: Where) -> Iterator[Candidate]:
        for phrase in phrases:
            if phrase.role is not Role.WORD or not _NAME_LIKE.fullmatch(phrase.text):
                continue
            if len(phrase.text) < _SHORTEST:
                continue
            hits = self._finder.find(SearchQuery(phrase.text), MOST, where).hits
            allowed = edits_allowed(phrase.text)
            edits = {
                hit.entry.arn: OSA.distance(
                    hit.entry.name.lower(), phrase.text, score_cutoff=allowed
                )
                for hit in hits
                # Another number is another machine.
                if _digits(hit.entry.name) == _digits(phrase.text)
            }
            fewest = min(edits.values(), default=allowed + 1)
            if fewest <= allowed:
                for arn, count in edits.items():
                    if count == fewest:
                        yield Candidate(arn, How.MISSPELLED, _MISSPELLED[count], phrase.text)

    # What went before

    def _points_back(self, phrases: Sequence[Phrase]) -> bool:
        """Tell whether a pronoun stands right before a type, or the same is asked for."""
        for first, second in zip_longest(phrases, phrases[1:]):
            if "same" in first.text and first.role in (Role.PRONOUN, Role.PRONOUNS):
                return True
            if first.text in ("that", "this", "these", "those", "the same"):
                return second is not None and second.role is Role.TYPE
        return False

    def _previous(self, phrases: Sequence[Phrase], previous: Sequence[str]) -> Iterator[Candidate]:
        pointing = [one for one in phrases if one.role in (Role.PRONOUN, Role.PRONOUNS)]
        if not pointing:
            return
        types = {
            name
            for first, second in pairwise(phrases)
            if first in pointing and second.role is Role.TYPE
            for name in second.meanings
        }
        entries = [entry for arn in previous for entry in self._index.find(arn)]
        fitting = [entry for entry in entries if entry.resource_type in types] or (
            [] if types else entries
        )
        one = any(phrase.role is Role.PRONOUN for phrase in pointing)
        how = How.AMBIGUOUS if one and len(fitting) > 1 else How.PREVIOUS
        for entry in fitting:
            yield Candidate(entry.arn, how, _PREVIOUS, pointing[0].text)

    # Descriptions

    def _described(self, text: str, *, wide: bool = False) -> list[_Match]:
        """Return what each sentence describes, or each of its clauses with a type of its own.

        Parameters
        ----------
        wide
            Words that name no type describe something too, however many resources have them.
        """
        found: list[_Match] = []
        for sentence in _SENTENCE.split(text):
            clauses = [clause for clause in _CLAUSE.split(sentence) if clause and clause.strip()]
            parts = [self._part(clause, wide=wide) for clause in clauses]
            telling = [clause for clause, part in zip(clauses, parts, strict=True) if part]
            if len(telling) > 1 and all(self._stands_alone(clause) for clause in telling):
                found += filter(None, parts)
            elif _NAME in sentence:
                # Beside a name only what is asked for in so many words: "and all ...".
                for clause, part in zip(clauses, parts, strict=True):
                    if part and _NAME not in clause and self._asks_for_all(clause):
                        found.append(part)
            elif whole := self._part(sentence, wide=wide):
                found.append(whole)
        return found

    def _part(self, text: str, *, wide: bool) -> _Match | None:
        if _NAME in text:
            return None
        phrases = self._lexicon.read(text)
        return self._related(phrases, ()) or self._fitting(phrases, text, wide=wide)

    def _stands_alone(self, text: str) -> bool:
        """Tell whether a clause says more than a type: "databases and queues of orders" is one."""
        roles = [one.role for one in definite(self._lexicon.read(text))]
        return any(role in (Role.TYPE, Role.ENGINE) for role in roles) and len(roles) > 1

    def _asks_for_all(self, text: str) -> bool:
        return any(one.role is Role.ALL for one in self._lexicon.read(text))

    def _fitting(self, phrases: Sequence[Phrase], text: str, *, wide: bool) -> _Match | None:
        conditions, score = self._conditions.satisfied(self._conditions.of(phrases, text))
        if not conditions:
            return None
        roles = {one.phrase.role for one in conditions}
        mask = all_of(conditions)
        if not wide and Role.TYPE not in roles and Role.ENGINE not in roles:
            if Role.WORD not in roles or mask.count(1) > _MOST_WITHOUT_TYPE:
                return None
            score = min(score, _GUESSED)
        return _Match.of(How.DESCRIPTION, conditions, score)

    def _candidates(self, match: _Match, where: Where) -> list[Candidate]:
        index = self._index
        numbers = [n for n in ones(match.mask) if n not in index.hidden]

        def far(number: int) -> tuple[bool, bool]:
            account, region = index.places[index.place_numbers[number]]
            return account != where.account_id, region != where.region

        numbers.sort(key=far)
        return [
            Candidate(index.arns[number], match.how, match.score, match.words)
            for number in numbers[:MOST]
        ]

    # Relations

    def _related(self, phrases: Sequence[Phrase], anchors: Sequence[_Anchor]) -> _Match | None:
        """Return what belongs to a named or described thing: "web servers behind shop-alb"."""
        if self._relations is None:
            return None
        for place, phrase in enumerate(phrases):
            if Role.RELATION not in self._lexicon.roles(phrase.text):
                continue
            left, right = list(phrases[:place]), list(phrases[place + 1 :])
            types = frozenset(
                name for one in definite(left) if one.role is Role.TYPE for name in one.meanings
            )
            if not types:
                continue
            numbers = [
                number
                for anchor in anchors
                if anchor.start >= phrase.end
                for arn in anchor.arns
                if (number := self._index.number_of(arn)) is not None
            ]
            if not numbers and any(one.role is Role.TYPE for one in definite(right)):
                conditions, score = self._conditions.satisfied(self._conditions.of(right))
                if score == DESCRIBED:
                    numbers = list(islice(ones(all_of(conditions)), MOST))
            around = {other for one in numbers for other in self._relations.around(one, types)}
            if not around:
                continue
            mask = bytearray(len(self._index.names))
            for number in around:
                mask[number] = 1
            related = Condition(phrase, bytes(mask))
            kept, score = self._conditions.satisfied([*self._conditions.of(left), related])
            if related in kept:
                return _Match.of(How.RELATION, kept, score)
        return None


class _Match(NamedTuple):
    """What some words describe.

    Attributes
    ----------
    mask
        A byte for each name, 1 where it is described.
    how, score
        How it was found, and how sure that is.
    words
        All the words that led to it.
    parts
        Those of them that are parts of names, of tags' values or of accounts.
    """

    mask: bytes
    how: How
    score: float
    words: str
    parts: tuple[str, ...]

    @classmethod
    def of(cls, how: How, conditions: Sequence[Condition], score: float) -> Self:
        """Return what fulfils all of some conditions."""
        words = " ".join(one.phrase.text for one in conditions)
        parts = tuple(one.phrase.text for one in conditions if one.phrase.role is Role.WORD)
        return cls(all_of(conditions), how, score, words, parts)


class _Anchor(NamedTuple):
    start: int
    arns: tuple[str, ...]


def _blank(text: str, named: Sequence[Named]) -> tuple[str, list[_Anchor]]:
    """Return the text without the names in it, and where they stood."""
    anchors: list[_Anchor] = []
    for one in sorted(named, key=lambda each: -len(each.text)):
        if not one.text:
            continue
        word = re.compile(rf"(?<![\w-]){re.escape(one.text)}(?![\w-])")
        anchors += [_Anchor(match.start(), one.arns) for match in word.finditer(text)]
        text = word.sub(lambda match: _NAME + " " * (len(match[0]) - 1), text)
    return text, anchors


def _digits(text: str) -> str:
    return "".join(filter(str.isdigit, text))

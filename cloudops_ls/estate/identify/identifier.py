"""Finds what a request is about, beyond the names that stand in it (pure).

A request is read as an operator writes: ``the production postgres``, ``all stopped dev boxes in
Ireland``, ``web servers behind shop-alb``, ``restart it``. What it says of type, state, place and
engine must hold; every other word that is part of a name, a tag's value or an account must, too.
When nothing fits, the word that fits least is left out once, and that costs the score.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import reduce
from itertools import islice, pairwise, zip_longest
from typing import TYPE_CHECKING, Final, NamedTuple

from rapidfuzz.distance import OSA
from rapidfuzz.process import extractOne

from cloudops_ls.estate.identify.lexicon import Lexicon, Phrase, Role
from cloudops_ls.estate.identify.model import Candidate, How, Named
from cloudops_ls.estate.identify.words_index import WordsIndex, both
from cloudops_ls.estate.search.finder import Where
from cloudops_ls.estate.search.fuzzy import MOST_EDITS, edits_allowed
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
_JOINED: Final = re.compile(r"\W*(?:and|or|und|&|plus)?\W*(?:the|all|every|our)?\W*", re.IGNORECASE)
_ASKING: Final = frozenset({"is", "are", "was", "were", "why", "isn't", "aren't"})
_CORRECTED: Final = 5
"""Letters from which on an unknown word may be a misspelling of a known one."""
_CORRECTED_TWICE: Final = 7
_DESCRIBED, _RELAXED, _GUESSED = 0.9, 0.6, 0.5
_MISSPELLED: Final = (0.95, 0.9, 0.8)
_PREVIOUS: Final = 0.9
_CONDITIONS: Final = (Role.TYPE, Role.PLACE, Role.STATE, Role.ENGINE, Role.WORD)


class _Condition(NamedTuple):
    phrase: Phrase
    mask: bytes


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
        self._words = WordsIndex(finder.index, accounts)

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
        related = self._related(phrases, anchors, where)
        add(related)
        if not related and not misspelled:
            add(self._described(blanked, anchors, where))
        if not found and not named:
            add(self._previous(phrases, previous))
        elif not named and previous and self._points_back(phrases):
            back = list(self._previous(phrases, previous))
            if back:
                return back
        taken = {arn for one in named for arn in one.arns}
        return [one for one in islice(found.values(), MOST) if one.arn not in taken]

    # Names that are nearly right

    def _misspelled(self, phrases: Sequence[Phrase], where: Where) -> Iterator[Candidate]:
        for phrase in phrases:
            if phrase.role is not Role.WORD or not _NAME_LIKE.fullmatch(phrase.text):
                continue
            if len(phrase.text) < _CORRECTED:
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

    def _described(self, text: str, anchors: Sequence[_Anchor], where: Where) -> list[Candidate]:
        """Return what each sentence describes, or each of its clauses with a type of its own."""
        found: list[Candidate] = []
        for sentence in _SENTENCE.split(text):
            clauses = [clause for clause in _CLAUSE.split(sentence) if clause and clause.strip()]
            parts = [self._part(clause, where) for clause in clauses]
            telling = [clause for clause, part in zip(clauses, parts, strict=True) if part]
            if len(telling) > 1 and all(self._stands_alone(clause) for clause in telling):
                found += [one for part in parts for one in part]
            elif _NAME in sentence:
                # Beside a name only what is asked for in so many words: "and all ...".
                for clause, part in zip(clauses, parts, strict=True):
                    if _NAME not in clause and self._asks_for_all(clause):
                        found += part
            else:
                found += self._part(sentence, where)
        return found

    def _part(self, text: str, where: Where) -> list[Candidate]:
        if _NAME in text:
            return []
        phrases = self._lexicon.read(text)
        related = self._related(phrases, (), where)
        return related or self._fitting(phrases, text, where)

    def _stands_alone(self, text: str) -> bool:
        """Tell whether a clause says more than a type: "databases and queues of orders" is one."""
        roles = [one.role for one in _definite(self._lexicon.read(text))]
        return any(role in (Role.TYPE, Role.ENGINE) for role in roles) and len(roles) > 1

    def _asks_for_all(self, text: str) -> bool:
        return any(one.role is Role.ALL for one in self._lexicon.read(text))

    def _fitting(self, phrases: Sequence[Phrase], text: str, where: Where) -> list[Candidate]:
        conditions, score = self._satisfied(self._conditions(phrases, text))
        if not conditions:
            return []
        roles = {one.phrase.role for one in conditions}
        mask = _all(conditions)
        count = mask.count(1)
        if Role.TYPE not in roles and Role.ENGINE not in roles:
            if Role.WORD not in roles or count > _MOST_WITHOUT_TYPE:
                return []
            score = min(score, _GUESSED)
        words = " ".join(one.phrase.text for one in conditions)
        return self._candidates(mask, How.DESCRIPTION, score, words, where)

    def _candidates(
        self, mask: bytes, how: How, score: float, words: str, where: Where
    ) -> list[Candidate]:
        index = self._index
        numbers = [n for n in _ones(mask) if n not in index.hidden]

        def far(number: int) -> tuple[bool, bool]:
            account, region = index.places[index.place_numbers[number]]
            return account != where.account_id, region != where.region

        numbers.sort(key=far)
        return [Candidate(index.arns[number], how, score, words) for number in numbers[:MOST]]

    def _conditions(self, phrases: Sequence[Phrase], text: str = "") -> list[_Condition]:
        """Return what the phrases ask for."""
        wanted = self._compounds(
            [self._corrected(one) for one in _definite(self._used_as_words(phrases))], text
        )
        conditions: list[_Condition] = []
        types = [one for one in wanted if one.role is Role.TYPE]
        if types:
            names = frozenset().union(*(one.meanings for one in types))
            mask = self._words.types(names)
            if 1 in mask:
                words = " ".join(one.text for one in types)
                joined = Phrase(Role.TYPE, words, types[0].start, types[-1].end, names)
                conditions.append(_Condition(joined, mask))
            else:
                # Nothing is of that type; but "api" may be a word of a name.
                conditions += self._worded(types)
        places = [one for one in wanted if one.role is Role.PLACE]
        states = [one for one in wanted if one.role is Role.STATE]
        if places:
            codes = frozenset().union(*(one.meanings for one in places))
            conditions.append(_Condition(places[0], self._words.regions(codes)))
        if states and not _asks_whether(phrases):
            names = frozenset().union(*(one.meanings for one in states))
            conditions.append(_Condition(states[0], self._words.states(names)))
        engines = [one for one in wanted if one.role is Role.ENGINE]
        if engines:
            mask = self._words.engines(frozenset().union(*(one.meanings for one in engines)))
            if 1 in mask:
                conditions.append(_Condition(engines[0], mask))
            else:
                conditions += self._worded(engines)
        conditions += self._worded([one for one in wanted if one.role is Role.WORD])
        if conditions and not {Role.TYPE, Role.ENGINE} & {one.phrase.role for one in conditions}:
            # What can be restarted is no security group.
            verbs = [one for one in phrases if one.role is Role.VERB]
            able = self._words.types(frozenset().union(*(one.meanings for one in verbs)))
            if verbs and 1 in able:
                conditions.append(_Condition(verbs[0], able))
        return conditions

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

    def _worded(self, phrases: Iterable[Phrase]) -> Iterator[_Condition]:
        for phrase in phrases:
            mask = self._words.word(self._lexicon.spellings(phrase.text))
            if mask is None:
                # "payments-web" where nothing is called so, but something is in its parts.
                parts = [part for part in re.split(r"[-_./]", phrase.text) if part]
                masks = [self._words.word(self._lexicon.spellings(part)) for part in parts]
                if len(parts) > 1 and all(one is not None for one in masks):
                    mask = reduce(both, [one for one in masks if one is not None])
            if mask is not None and 1 in mask:
                yield _Condition(phrase, mask)

    def _satisfied(self, conditions: list[_Condition]) -> tuple[list[_Condition], float]:
        """Return the conditions that something fulfils together, and how sure that makes."""
        if not conditions or 1 in _all(conditions):
            return conditions, _DESCRIBED
        # "The checkout api" may be no API, but something that is called so.
        for place, one in enumerate(conditions):
            if one.phrase.role is Role.TYPE:
                mask = self._words.word(self._lexicon.spellings(one.phrase.text))
                if mask is not None:
                    word = _Condition(replace(one.phrase, role=Role.WORD), mask)
                    others = [*conditions[:place], word, *conditions[place + 1 :]]
                    if 1 in _all(others):
                        return others, _DESCRIBED
        words = [one for one in conditions if one.phrase.role is Role.WORD]
        if len(words) > 1:
            kept = [[other for other in conditions if other is not one] for one in words]
            fulfilled = [some for some in kept if 1 in _all(some)]
            if fulfilled:
                return min(fulfilled, key=lambda some: _all(some).count(1)), _RELAXED
        return [], 0.0

    # Relations

    def _related(
        self, phrases: Sequence[Phrase], anchors: Sequence[_Anchor], where: Where
    ) -> list[Candidate]:
        """Return what belongs to a named or described thing: "web servers behind shop-alb"."""
        if self._relations is None:
            return []
        for place, phrase in enumerate(phrases):
            if Role.RELATION not in self._lexicon.roles(phrase.text):
                continue
            left, right = list(phrases[:place]), list(phrases[place + 1 :])
            types = frozenset(
                name for one in _definite(left) if one.role is Role.TYPE for name in one.meanings
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
            if not numbers and any(one.role is Role.TYPE for one in _definite(right)):
                conditions, score = self._satisfied(self._conditions(right))
                if score == _DESCRIBED:
                    numbers = list(islice(_ones(_all(conditions)), MOST))
            around = {other for one in numbers for other in self._relations.around(one, types)}
            if not around:
                continue
            mask = bytearray(len(self._index.names))
            for number in around:
                mask[number] = 1
            related = _Condition(phrase, bytes(mask))
            kept, score = self._satisfied([*self._conditions(left), related])
            if related in kept:
                words = " ".join(one.phrase.text for one in kept)
                return self._candidates(_all(kept), How.RELATION, score, words, where)
        return []


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


def _definite(phrases: Sequence[Phrase]) -> list[Phrase]:
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


def _all(conditions: Sequence[_Condition]) -> bytes:
    return reduce(both, (one.mask for one in conditions))


def _ones(mask: bytes) -> Iterator[int]:
    number = mask.find(1)
    while number >= 0:
        yield number
        number = mask.find(1, number + 1)


def _digits(text: str) -> str:
    return "".join(filter(str.isdigit, text))

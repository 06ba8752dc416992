"""What a sentence says beside verbs and names: types, states, places, tags, numbers, times (pure).

Everything is looked up in data: the catalog's words for types and constraints, the states and
accounts of the estate. Nothing here decides what is done.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from cloudops_ls.estate.search.query import Filter, FilterKey, SearchQuery
from cloudops_ls.storage.records import ChangeKind

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from cloudops_ls.assistant.known_estate import KnownEstate
    from cloudops_ls.estate.catalog.loader import Catalog
    from cloudops_ls.estate.catalog.model import ResourceType

_WORD: Final = re.compile(r"[\w'’-]+")
_PHRASE: Final = 5
"""Words in the longest name of a type or place."""
_TAG: Final = re.compile(
    r"(?<![\w-])(?P<key>[\w.:/+@-]+)\s*=\s*(?:\"(?P<quoted>[^\"]*)\"|(?P<plain>[\w.:/+@-]+))"
)
_TAG_KEY: Final = re.compile(r"\b(?:tags?|labels?|keys?)\s+(?:called\s+)?`?(?P<key>[\w.:/+@-]+)`?")
_A_TAG: Final = (
    r"(?:tags?\s+(?:called\s+|named\s+)?`?(?P<after>[\w.:/+@-]+)`?"
    r"|`?(?P<before>[\w.:/+@-]+)`?\s+tags?)"
)
_NO_TAG: Final = re.compile(
    r"\b(?:no|without|missing|lack(?:s|ing)?|not\s+having|has\s+no|have\s+no)\s+"
    rf"(?:an?\s+|the\s+)?{_A_TAG}(?![\w=])"
    r"|\b(?:not|un)\s*tagged\s+(?:with\s+|by\s+)?`?(?P<with>[\w.:/+@-]+)`?(?![\w=])",
    re.IGNORECASE,
)
"""A tag that is not there: "instances without a team tag"."""
_UNTAG_KEY: Final = re.compile(r"\b(?:untag|unlabel)\s+`?(?P<key>[\w.:/+@-]+)`?\s+(?:from|on|of)\b")
_REGION: Final = re.compile(r"(?<![\w-])[a-z]{2}(?:-[a-z]+)+-\d(?![\w-])")
_ACCOUNT: Final = re.compile(r"(?<!\d)\d{12}(?!\d)")
_COUNT: Final = re.compile(
    r"(?:\bto|\bat|\bcount(?:\s+of)?|\bcapacity(?:\s+of)?|=)\s+(?P<to>\d+|[a-z]+)\b"
    r"|(?<![\w.-])(?P<of>\d+)\s+(?:tasks?|instances?|nodes?|copies|replicas?|shards?)\b",
    re.IGNORECASE,
)
_EITHER: Final = re.compile(r"\d\s+or\s+\d|\d\s*-\s*\d", re.IGNORECASE)
_NUMBERS: Final = {
    word: number
    for number, word in enumerate(
        [
            "zero",
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
        ]
    )
}
_CHANGED: Final = re.compile(
    r"\b(?:what(?:['’]s| is| has| have)?(?: been)? (?:changed?|new|happened|different|going on)"
    r"|\b(?:any|some)thing (?:been )?(?:created|added|deleted|removed|new|changed?"
    r"|different|happen)|any news"
    r"|(?:which|what)\b.*\b(?:changed|appeared|disappeared|vanished|were (?:created|added|deleted"
    r"|removed)|was (?:created|added|deleted|removed))"
    r"|(?:any|all|the|recent|latest|show|list)\b.*\bchanges\b|changes (?:since|in|of|to)\b"
    r"|history of|what (?:has )?happened)",
    re.IGNORECASE | re.DOTALL,
)
_GONE: Final = re.compile(r"\b(?:deleted|removed|gone|disappeared|vanished)\b", re.IGNORECASE)
_COME: Final = re.compile(r"\b(?:created|added|appeared)\b", re.IGNORECASE)
_SPAN: Final = re.compile(
    r"\b(?:last|past|previous|in|within)?\s*(?P<count>\d+|a|an|one|few)?\s*"
    r"(?P<unit>minutes?|hours?|days?|weeks?|months?)\b",
    re.IGNORECASE,
)
_UNITS: Final = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(weeks=1),
    "month": timedelta(days=30),
}
_DEPENDENTS: Final = re.compile(
    r"\b(?:depend(?:s|ing|ents?|encies)?|rel(?:y|ies) on|impact(?:ed)?|affected|blast radius"
    r"|break(?:s|ing)?)\b"
    r"|\b(?:what|who|which)\b.*\b(?:uses?|using|refers? to|needs?|belongs? to|connected|attached"
    r"|related|behind|is in|are in|lives? in|is inside)\b|\bconnections? of\b|\brelated to\b",
    re.IGNORECASE | re.DOTALL,
)
_LISTED: Final = re.compile(
    r"\b(?:list|show|which|what|find|all|every|each|any|how many|count|are there|is there|give me"
    r"|anything|everything|see|get|display|table|have we|do we have|other)\b",
    re.IGNORECASE,
)
_COUNTED: Final = re.compile(r"\bhow many\b|\bcount\b|\bnumber of\b", re.IGNORECASE)
_ACCOUNT_WORDS: Final = frozenset({"account", "accounts", "profile"})
_IN: Final = frozenset({"in", "of", "on"})
_NOT: Final = frozenset({"not", "non", "no", "without", "isn't", "aren't", "never", "un"})


_ANYTHING: Final = re.compile(
    r"\b(?:everything|anything|things?|resources?|what(?:['’]s| is| are))\b", re.IGNORECASE
)
_THERE: Final = re.compile(
    r"\b(?:list|show|find|count|how many|are there|is there|do we have|have we|give me|see)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Reading:
    """What was found in a sentence.

    Attributes
    ----------
    kinds
        Names of the types it speaks of, in their order.
    states, regions, accounts
        What it restricts to.
    environments
        Accounts by names that may as well be words of tags and of names: "in production".
    not_states
        States that are excluded.
    tags
        Keys and values.
    untagged
        Keys of tags that are not there.
    constraints
        Constraints of the types, and whether they are wanted.
    """

    kinds: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    not_states: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    environments: tuple[str, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()
    untagged: tuple[str, ...] = ()
    constraints: tuple[tuple[str, bool], ...] = ()

    @property
    def query(self) -> SearchQuery:
        """The conditions as filters."""
        query = SearchQuery().narrowed(
            types=self.kinds,
            regions=self.regions,
            states=self.states,
            accounts=self.accounts,
            tags=dict(self.tags),
        )
        excluded = [Filter(FilterKey.TAG, (), key, excluded=True) for key in self.untagged]
        if self.not_states:
            excluded.append(Filter(FilterKey.STATE, self.not_states, excluded=True))
        return SearchQuery(query.text, (*query.filters, *excluded))


def read(text: str, catalog: Catalog, estate: KnownEstate | None) -> Reading:
    """Read a sentence; names of resources should be blanked in it."""
    tags = tag_pairs(text)
    plain = without_missing_tags(_TAG.sub(_blank, text))
    words = [match[0].casefold().replace("’", "'") for match in _WORD.finditer(plain)]
    kinds = _kinds(words, catalog)
    states, not_states = _states(words, estate)
    return Reading(
        kinds=tuple(kind.name for kind in kinds),
        states=states,
        not_states=not_states,
        regions=_regions(plain, words, estate),
        accounts=_accounts(plain, words, estate, _ACCOUNT_WORDS),
        environments=_accounts("", words, estate, _IN),
        tags=tags,
        untagged=tuple(
            dict.fromkeys(
                match["after"] or match["before"] or match["with"]
                for match in _NO_TAG.finditer(text)
            )
        ),
        constraints=_constraints(words, kinds),
    )


def description_in(text: str, wanted: Reading, *, ordered: bool = False) -> str:
    """Return the rest of a sentence, without what a reading restricts to in its own way.

    Blanked are tags, states that are excluded and constraints; in an order also the number.

    Parameters
    ----------
    ordered
        The sentence orders something: its tags and its number say what, not of which resources.
    """
    rest = without_missing_tags(_TAG.sub(_blank, text))
    if ordered:
        rest = _COUNT.sub(_blank, rest)
    not_ = "|".join(map(re.escape, sorted(_NOT)))
    for state in wanted.not_states:
        rest = re.sub(rf"\b(?:{not_})[\s-]+{re.escape(state)}\b", _blank, rest, flags=re.IGNORECASE)
    for name, _ in wanted.constraints:
        phrase = name.replace("_", "[ -]")
        rest = re.sub(
            rf"\b(?:(?:{not_})\s+)?(?:un|non-)?{phrase}\b", _blank, rest, flags=re.IGNORECASE
        )
    return rest


def without_missing_tags(text: str) -> str:
    """Return a text of the same length without what it says of tags that are not there."""
    return _NO_TAG.sub(_blank, text)


def _blank(match: re.Match[str]) -> str:
    return " " * len(match[0])


def tag_pairs(text: str) -> tuple[tuple[str, str], ...]:
    """Return every ``key=value`` of a sentence."""
    return tuple(
        (match["key"], match["quoted"] if match["quoted"] is not None else match["plain"])
        for match in _TAG.finditer(text)
    )


def tag_keys(text: str) -> tuple[str, ...]:
    """Return the tags that a sentence names by key, with or without a value."""
    pairs = [key for key, _ in tag_pairs(text)]
    named = [match["key"] for pattern in (_TAG_KEY, _UNTAG_KEY) for match in pattern.finditer(text)]
    return tuple(dict.fromkeys(pairs or [key for key in named if key not in _FILLERS]))


_FILLERS: Final = frozenset({"from", "of", "on", "the", "off", "in", "and", "to", "with"})


def count(text: str) -> int | None:
    """Return the number that something is to be scaled to; None unless exactly one is named."""
    found: set[int] = set()
    if _EITHER.search(text):
        return None
    for match in _COUNT.finditer(text):
        number = (match["to"] or match["of"]).casefold()
        if number.isdecimal() and len(number) <= _MOST_DIGITS:
            found.add(int(number))
        elif number in _NUMBERS:
            found.add(_NUMBERS[number])
    return found.pop() if len(found) == 1 else None


_MOST_DIGITS: Final = 6


def asks_for_changes(text: str) -> bool:
    """Tell whether a sentence asks what happened."""
    return _CHANGED.search(text) is not None


def kind_of_change(text: str) -> ChangeKind | None:
    """Return what kind of changes alone a sentence asks for; None for all of them."""
    gone, come = _GONE.search(text), _COME.search(text)
    if bool(gone) == bool(come):
        return None
    return ChangeKind.REMOVED if gone else ChangeKind.ADDED


def asks_for_connections(text: str) -> bool:
    """Tell whether a sentence asks what hangs together."""
    return _DEPENDENTS.search(text) is not None


def asks_for_list(text: str) -> bool:
    """Tell whether a sentence asks for several resources."""
    return _LISTED.search(text) is not None


def asks_for_anything(text: str) -> bool:
    """Tell whether a sentence may ask for resources of whatever type."""
    return _ANYTHING.search(text) is not None or _THERE.search(text) is not None


def asks_for_everything(text: str) -> bool:
    """Tell whether a sentence orders a list of resources of whatever type."""
    return _ANYTHING.search(text) is not None and _THERE.search(text) is not None


def asks_for_count(text: str) -> bool:
    """Tell whether a sentence asks how many there are."""
    return _COUNTED.search(text) is not None


def since(text: str, now: datetime) -> datetime:
    """Return the moment a sentence looks back to; a day ago when it names none."""
    folded = text.casefold()
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if "yesterday" in folded:
        return midnight - timedelta(days=1)
    if "today" in folded or "this morning" in folded:
        return midnight
    if "this week" in folded:
        return midnight - timedelta(days=now.weekday())
    span = _SPAN.search(folded)
    if span is not None:
        number = span["count"] or "1"
        times = int(number) if number.isdecimal() else {"few": 3}.get(number, 1)
        return now - _UNITS[span["unit"].removesuffix("s")] * min(times, 1000)
    return now - timedelta(days=1)


def _kinds(words: list[str], catalog: Catalog) -> list[ResourceType]:
    """Return the types that the words name, the longest phrase first at each place."""
    found: dict[str, ResourceType] = {}
    index = 0
    while index < len(words):
        for length in range(min(_PHRASE, len(words) - index), 0, -1):
            phrase = " ".join(words[index : index + length])
            # A "resource" is one of any type.
            kinds = tuple(kind for kind in catalog.called(phrase) if not kind.generic)
            if kinds:
                found |= {kind.name: kind for kind in kinds}
                index += length
                break
        else:
            index += 1
    return list(found.values())


def _states(
    words: list[str], estate: KnownEstate | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    known = {state.casefold(): state for state in (estate.states() if estate is not None else ())}
    wanted: list[str] = []
    excluded: list[str] = []
    for index, word in enumerate(words):
        bare = word.removeprefix("non-")
        if bare in known:
            negated = bare != word or (index > 0 and words[index - 1] in _NOT)
            (excluded if negated else wanted).append(known[bare])
    return tuple(dict.fromkeys(wanted)), tuple(dict.fromkeys(excluded))


def _regions(text: str, words: list[str], estate: KnownEstate | None) -> tuple[str, ...]:
    found = dict.fromkeys(_REGION.findall(text.casefold()))
    if estate is not None:
        for phrase in _phrases(words):
            found |= dict.fromkeys(sorted(estate.places(phrase) & estate.regions()))
    return tuple(found)


def _accounts(
    text: str, words: list[str], estate: KnownEstate | None, beside: frozenset[str]
) -> tuple[str, ...]:
    """Return the accounts whose id stands in a text, or whose name stands ``beside`` a word."""
    found = dict.fromkeys(_ACCOUNT.findall(text))
    for account in estate.accounts() if estate is not None else ():
        names = {name.casefold() for name in (account.alias or "", *account.profiles) if name}
        if any(name in words and _is_account(name, words, beside) for name in names):
            found[account.account_id] = None
    return tuple(found)


def _is_account(name: str, words: list[str], beside: frozenset[str]) -> bool:
    # A word such as "production" says a lot besides: it counts where an account is meant.
    place = words.index(name)
    around = {*words[max(place - 3, 0) : place], *words[place + 1 : place + 2]}
    return "-" in name or not around.isdisjoint(beside)


def _constraints(words: list[str], kinds: Iterable[ResourceType]) -> tuple[tuple[str, bool], ...]:
    """Return the constraints of the types that the words name: "public", "not encrypted"."""
    text = " ".join(["", *(word.replace("-", " ") for word in words), ""])
    found: dict[str, bool] = {}
    for name in (name for kind in kinds for name in kind.constraints):
        phrase = name.replace("_", " ")
        if f" un{phrase} " in text:
            found[name] = False
        elif f" {phrase} " in text:
            before = text.partition(f" {phrase} ")[0].split()
            found[name] = not before or before[-1] not in _NOT
    return tuple(found.items())


def _phrases(words: list[str]) -> set[str]:
    return {
        " ".join(words[start : start + length])
        for length in range(1, _PHRASE + 1)
        for start in range(len(words) - length + 1)
    }

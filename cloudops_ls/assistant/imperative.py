"""Whether a sentence orders something, or only speaks of it (pure).

A deletion is planned only from a clause that consists of the order itself: "delete web-1",
"please terminate both instances", "Can you remove the queue jobs in eu-west-1?". A condition, a
question, a quotation or anything else in the clause makes it a matter to ask about.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection

_CLAUSE: Final = re.compile(r"[.;:!?\n]|,?\s+(?:and\s+then|then|but)\s+|,\s+")
_WORD: Final = re.compile(r"[^\W_][\w'’-]*")
_LEAD: Final = frozenset(
    [
        "please",
        "kindly",
        "now",
        "then",
        "also",
        "and",
        "so",
        "ok",
        "okay",
        "can",
        "could",
        "would",
        "will",
        "you",
        "we",
        "i",
        "want",
        "to",
        "need",
        "must",
        "let's",
        "lets",
        "go",
        "ahead",
        "just",
        "finally",
        "next",
        "first",
        "would",
        "like",
        "you'd",
    ]
)
_OBJECT: Final = frozenset(
    [
        "the",
        "this",
        "that",
        "these",
        "those",
        "my",
        "our",
        "its",
        "both",
        "all",
        "two",
        "three",
        "four",
        "five",
        "resource",
        "resources",
        "called",
        "named",
        "please",
        "now",
        "immediately",
        "permanently",
        "in",
        "region",
        "account",
        "profile",
        "with",
        "id",
        "arn",
        "and",
        "s",
        "for",
        "me",
        "too",
        "as",
        "well",
        "of",
    ]
)
_ASKING: Final = re.compile(
    r"^\W*(?:what|why|when|who|whom|which|whose|where|did|does|do|is|are|was|were|has|have|had|if"
    r"|should|may|might|will (?!you)|would (?!you)|could (?!you)|can (?!you|we))\b",
    re.IGNORECASE,
)
_HOW: Final = re.compile(r"^\W*how\s+(?:do|can|to|would)\b", re.IGNORECASE)


def is_question(text: str, start: int) -> bool:
    """Tell whether the clause around a place asks about something instead of ordering it.

    "How do I stop it" is an order: whoever asks so wants the command.
    """
    begin, end = _sentence(text, start)
    sentence = text[begin:end]
    return _ASKING.search(sentence) is not None and _HOW.search(sentence) is None


def is_order(text: str, start: int, end: int, known: Collection[str]) -> bool:
    """Tell whether the clause around a verb consists of the order alone.

    Parameters
    ----------
    text
        The sentence, names of resources blanked.
    start, end
        Where the verb stands.
    known
        Further words that the clause may hold: what types and places are called.
    """
    if _HOW.search(text[slice(*_sentence(text, start))]) or is_question(text, start):
        return False
    before, after = _clause(text, start, end)
    lead = {word.casefold() for word in _WORD.findall(before)}
    rest = {word.casefold().replace("’", "'") for word in _WORD.findall(after)}
    return lead <= _LEAD and rest <= _OBJECT | set(known)


def _sentence(text: str, place: int) -> tuple[int, int]:
    begin = max(text.rfind(mark, 0, place) for mark in ".;!?\n") + 1
    ends = [found for mark in ".;!?\n" if (found := text.find(mark, place)) >= 0]
    return begin, min(ends, default=len(text))


def _clause(text: str, start: int, end: int) -> tuple[str, str]:
    """Return what stands before and after a verb within its clause."""
    breaks = list(_CLAUSE.finditer(text))
    begin = max((mark.end() for mark in breaks if mark.end() <= start), default=0)
    stop = min((mark.start() for mark in breaks if mark.start() >= end), default=len(text))
    return text[begin:start], text[end:stop]

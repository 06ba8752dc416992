"""Resources that a text names: known names, ids and ARNs, and Markdown links to ARNs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from cloudops_ls.runbook.text import Span

if TYPE_CHECKING:
    from collections.abc import Iterator

# A name may hold spaces and punctuation, but begins and ends with one of these words.
WORD = re.compile(r"[\w-]+")
_ARN = re.compile(r"arn:[a-z-]+:[a-z0-9-]+:[a-z0-9-]*:[0-9]*:[^\s()\[\]<>`\"']+")
_LINK = re.compile(r"\[((?:\\.|[^\\\[\]])*)\]\(<?(arn:[^\s()<>]+)>?\)")
_ESCAPE = re.compile(r"\\([!-/:-@\[-`{-~])")
_SENTENCE_END = ".,;:!?*_"

# Longest names looked for, in words and in characters. AWS allows tags of 256 characters.
_MOST_WORDS = 14
_MOST_CHARACTERS = 256


class Names(Protocol):
    """What a mention is looked up in."""

    def canonical(self, token: str) -> bool:
        """Whether `token` is the name, the id or the ARN of a known resource."""
        ...

    def most_words(self, first: str) -> int:
        """Return the number of words of the longest known name that begins with word `first`.

        0 when none does. Words are runs of letters, digits, ``_`` and ``-``.
        """
        ...


@dataclass(frozen=True, slots=True)
class Mention:
    """A place that names a resource.

    Parameters
    ----------
    span
        The name, or the whole link.
    text
        The name as the reader sees it.
    target
        What to look the resource up by: the ARN of a link, else the name itself.
    """

    span: Span
    text: str
    target: str


def find_mentions(text: str, names: Names, span: Span | None = None) -> list[Mention]:
    """Return what `text`, or its part `span`, mentions, in order and without overlaps.

    At each word the longest known name counts. A name is bounded by what is neither a letter, a
    digit, ``_`` nor ``-``, and by no dot inside a word: ``web`` is not in ``web-1``, nor is
    ``example`` in ``example.com``. A link to an ARN is a mention whether it is known or not.
    """
    start, end = (span.start, span.end) if span else (0, len(text))
    found: list[Mention] = []
    for link in _LINK.finditer(text, start, end):
        found += _plain(text, names, start, link.start())
        label = _ESCAPE.sub(r"\1", link[1])
        found.append(Mention(Span(*link.span()), label, link[2]))
        start = link.end()
    found += _plain(text, names, start, end)
    return found


def _plain(text: str, names: Names, start: int, end: int) -> Iterator[Mention]:
    words = list(WORD.finditer(text, start, end))
    number = 0
    while number < len(words):
        first = words[number][0]
        # Nearly every word of a runbook begins no name: for those this is all.
        most = names.most_words(first)
        if not most and first != "arn":
            number += 1
            continue
        begin = words[number].start()
        stop = _known_arn(text, names, begin, end)
        if stop is None and most and not _inside_dotted(text, begin, start, -1):
            stop = _longest(text, names, words[number : number + min(most, _MOST_WORDS)], end)
        if stop is None:
            number += 1
            continue
        yield Mention(Span(begin, stop), text[begin:stop], text[begin:stop])
        while number < len(words) and words[number].start() < stop:
            number += 1


def _known_arn(text: str, names: Names, start: int, end: int) -> int | None:
    """Return where a known ARN that starts at `start` ends."""
    arn = _ARN.match(text, start, end)
    if arn is None:
        return None
    token = arn[0]
    while not names.canonical(token):
        if token[-1] not in _SENTENCE_END:
            return None
        token = token[:-1]
    return start + len(token)


def _longest(text: str, names: Names, words: list[re.Match[str]], end: int) -> int | None:
    """Return where the longest known name that begins with the first of `words` ends."""
    start = words[0].start()
    for last in reversed(words):
        stop = last.end()
        if stop - start > _MOST_CHARACTERS or "\n" in text[start:stop]:
            continue
        if _inside_dotted(text, stop, end, 1):
            continue
        if names.canonical(text[start:stop]):
            return stop
    return None


def _inside_dotted(text: str, edge: int, limit: int, direction: int) -> bool:
    """Whether the edge of a word is a dot that joins it to another word."""
    if direction < 0:
        return edge - 2 >= limit and text[edge - 1] == "." and text[edge - 2].isalnum()
    return edge + 1 < limit and text[edge] == "." and text[edge + 1].isalnum()

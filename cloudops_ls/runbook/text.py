r"""Offsets, edits and lines of a text, with the positions editors speak.

Everything in `cloudops_ls.runbook` counts in Unicode code points, half open. `LineIndex`
translates to and from the (line, character) pairs of the Language Server Protocol, whose
characters are UTF-8, UTF-16 or UTF-32 code units, and whose lines end at ``\n``, ``\r\n`` and
``\r`` only (LSP 3.17, "Position"): never at form feed, NEL or U+2028.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_TERMINATOR = re.compile(r"\r\n|\n|\r")
_ASTRAL = re.compile("[\U00010000-\U0010ffff]")

# Lines kept together: an edit rebuilds the segments that it touches and shares all others.
_SEGMENT_LINES = 512


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open range of code points."""

    start: int
    end: int

    def touches(self, offset: int) -> bool:
        """Whether a caret at `offset` is in the range or at one of its edges."""
        return self.start <= offset <= self.end

    def of(self, text: str) -> str:
        """Return the part of `text` that the range covers."""
        return text[self.start : self.end]


@dataclass(frozen=True, slots=True)
class TextEdit:
    """Replace what `span` covers by `new_text`."""

    span: Span
    new_text: str


def apply_edits(text: str, edits: Iterable[TextEdit]) -> str:
    """Return `text` after all `edits`, whose spans refer to the text before any of them.

    Raises
    ------
    ValueError
        When two edits overlap, or when one reaches beyond the text.
    """
    parts: list[str] = []
    position = 0
    for edit in sorted(edits, key=lambda item: (item.span.start, item.span.end)):
        if not position <= edit.span.start <= edit.span.end <= len(text):
            raise ValueError(f"edit at {edit.span} overlaps another or leaves the text")
        parts += (text[position : edit.span.start], edit.new_text)
        position = edit.span.end
    parts.append(text[position:])
    return "".join(parts)


def normalize_newlines(text: str) -> str:
    r"""Return `text` with ``\r\n`` and ``\r`` written as ``\n``."""
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


class Encoding(StrEnum):
    """The unit in which a client counts characters of a line."""

    UTF8 = "utf-8"
    UTF16 = "utf-16"
    UTF32 = "utf-32"


def _units(text: str, encoding: Encoding) -> int:
    """Length of `text` in code units; a lone surrogate counts like any other of its width."""
    if encoding is Encoding.UTF32 or text.isascii():
        return len(text)
    if encoding is Encoding.UTF16:
        return len(text) + sum(1 for _ in _ASTRAL.finditer(text))
    return len(text.encode("utf-8", "surrogatepass"))


def _code_points(text: str, units: int, encoding: Encoding) -> int:
    """Code points in the first `units` code units; a cut character counts as not reached."""
    if encoding is Encoding.UTF32 or text.isascii():
        return min(units, len(text))
    if encoding is Encoding.UTF16:
        wide = 0
        for match in _ASTRAL.finditer(text):
            if match.start() + wide + 1 >= units:
                return min(units - wide, match.start())
            wide += 1
        return min(units - wide, len(text))
    encoded = text.encode("utf-8", "surrogatepass")
    while units < len(encoded) and encoded[units] & 0xC0 == 0x80:
        units -= 1
    return len(encoded[:units].decode("utf-8", "surrogatepass"))


def _line_starts(text: str) -> list[int]:
    return [0, *(match.end() for match in _TERMINATOR.finditer(text))]


class LineIndex:
    """The lines of one text, immutable.

    Line starts are held in segments relative to each segment's beginning, so that `replace`
    costs what the edit touches and not what follows it.

    Parameters
    ----------
    text
        The text to index.

    Attributes
    ----------
    text
        The indexed text.
    line_count
        Number of lines; a text that ends with a terminator has an empty last line.
    """

    __slots__ = ("_bases", "_firsts", "_segments", "line_count", "text")

    def __init__(self, text: str) -> None:
        self._assign(text, _segments(_line_starts(text)))

    def _assign(self, text: str, parts: Sequence[tuple[int, list[int]]]) -> None:
        self.text = text
        self._bases = [base for base, _ in parts]
        self._segments = [starts for _, starts in parts]
        self._firsts = []
        count = 0
        for starts in self._segments:
            self._firsts.append(count)
            count += len(starts)
        self.line_count = count

    def line_start(self, line: int) -> int:
        """Return the offset at which `line` (0 based) begins; beyond the last line, the end."""
        if line >= self.line_count:
            return len(self.text)
        part = bisect_right(self._firsts, max(line, 0)) - 1
        return self._bases[part] + self._segments[part][max(line, 0) - self._firsts[part]]

    def line_end(self, line: int) -> int:
        """Return the offset at which the content of `line` ends, before its terminator."""
        start, end = self.line_start(line), self.line_start(line + 1)
        if line + 1 >= self.line_count:
            return end
        if self.text[end - 1] == "\n" and end - 2 >= start and self.text[end - 2] == "\r":
            return end - 2
        return end - 1

    def terminator(self, line: int) -> str:
        r"""Return how `line` ends: ``\n``, ``\r\n``, ``\r``, or nothing on the last line."""
        return self.text[self.line_end(line) : self.line_start(line + 1)]

    def line_of(self, offset: int) -> int:
        """Return the line that `offset` is on; clamps."""
        offset = min(max(offset, 0), len(self.text))
        part = bisect_right(self._bases, offset) - 1
        inside = bisect_right(self._segments[part], offset - self._bases[part]) - 1
        return self._firsts[part] + inside

    def position(self, offset: int, encoding: Encoding) -> tuple[int, int]:
        """Return (line, character in units of `encoding`) of `offset`; clamps."""
        offset = min(max(offset, 0), len(self.text))
        line = self.line_of(offset)
        return line, _units(self.text[self.line_start(line) : offset], encoding)

    def offset(self, line: int, character: int, encoding: Encoding) -> int:
        """Return the offset of a position; clamps to the line's content and to the text."""
        if line < 0:
            return 0
        if line >= self.line_count:
            return len(self.text)
        start, end = self.line_start(line), self.line_end(line)
        return start + _code_points(self.text[start:end], max(character, 0), encoding)

    def replace(self, edit: TextEdit) -> LineIndex:
        """Return the index of the text after `edit`, reusing all segments it does not touch."""
        start, end, new = edit.span.start, edit.span.end, edit.new_text
        text = f"{self.text[:start]}{new}{self.text[end:]}"
        shift = len(new) - (end - start)
        # One character to the left is read again: it may be a \r that now pairs with a \n.
        first = bisect_right(self._bases, max(start - 1, 0)) - 1
        after = bisect_right(self._bases, end)
        left = self._bases[first]
        if after < len(self._bases):
            right = self._bases[after] + shift
            starts = _line_starts(text[left:right])[:-1]
        else:
            starts = _line_starts(text[left:])
        parts = list(zip(self._bases[:first], self._segments[:first], strict=True))
        parts += ((left + base, segment) for base, segment in _segments(starts))
        parts += (
            (base + shift, segment)
            for base, segment in zip(self._bases[after:], self._segments[after:], strict=True)
        )
        index = LineIndex.__new__(LineIndex)
        index._assign(text, parts)
        return index


def _segments(starts: list[int]) -> list[tuple[int, list[int]]]:
    """Cut line starts into segments: the first start of each, and all of them relative to it."""
    parts = []
    for cut in range(0, len(starts), _SEGMENT_LINES):
        chunk = starts[cut : cut + _SEGMENT_LINES]
        parts.append((chunk[0], [start - chunk[0] for start in chunk]))
    return parts

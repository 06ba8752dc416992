"""The ``---`` block at the top of a runbook: flat YAML, read leniently and edited in place.

Only flat ``key: scalar`` lines are understood (YAML 1.2, plain, single and double quoted).
Anything else is named in `FrontMatter.problems` and left as it is.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from cloudops_ls.runbook.blocks import BOM
from cloudops_ls.runbook.text import LineIndex, Span, TextEdit

if TYPE_CHECKING:
    from collections.abc import Mapping

# Closing lines are looked for this far, so that a text that merely begins with --- stays cheap.
_LONGEST = 500

_KEY = re.compile(r"([A-Za-z_][\w.-]*)[ \t]*:(?=[ \t]|$)")
_DELIMITER = re.compile(r"---[ \t]*")
_CLOSING = re.compile(r"(?:---|\.\.\.)[ \t]*")
_COMMENT = re.compile(r"[ \t]*(?:#.*)?")
_AFTER_SCALAR = re.compile(r"[ \t]*(?:[ \t]#.*)?")
_DOUBLE = re.compile(r'"(?:[^"\\]|\\.)*"')
_SINGLE = re.compile(r"'(?:[^']|'')*'")
_PLAIN = re.compile(r"(?:[^#]|(?<![ \t])#)*")
# What any YAML reader takes for the same string that we do.
_SAFE_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./@+=-]*")
_TYPED_WORD = re.compile(
    r"(?:true|false|yes|no|on|off|null|y|n)"
    # Numbers and dates, with room for what other versions of YAML take for them.
    r"|0[xob][0-9a-f_]+|[0-9][0-9_.,-]*(?:e[+-]?[0-9]*)?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class FrontMatterProblem:
    """Something in the front matter that is not a flat scalar."""

    span: Span
    message: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One key with the range of its value, quotes included and comment excluded."""

    key: str
    value_span: Span
    value: str | None
    """None when the value is no scalar."""


@dataclass(frozen=True, slots=True)
class FrontMatter:
    """The front matter of a runbook.

    Parameters
    ----------
    span
        Both delimiters included; only what was recognised when the closing one is missing.
    values
        The scalar values; of a repeated key, the last one.
    entries
        All keys in order of appearance.
    problems
        What could not be read, and why.
    closed
        Whether the closing delimiter is there.
    first_line
        The first line after the front matter.
    """

    span: Span
    values: Mapping[str, str]
    entries: tuple[Entry, ...] = ()
    problems: tuple[FrontMatterProblem, ...] = ()
    closed: bool = True
    first_line: int = 0


@dataclass(slots=True)
class _Reading:
    entries: list[Entry] = field(default_factory=list)
    problems: list[FrontMatterProblem] = field(default_factory=list)


def read_front_matter(lines: LineIndex) -> FrontMatter | None:
    """Return the front matter of a text, or None when it has none. Never raises.

    The first line must be ``---``, and the first line that is not blank after it a key, a comment
    or the closing delimiter: a text that begins with a thematic break has no front matter.
    """
    text = lines.text
    start = len(BOM) if text.startswith(BOM) else 0
    if not _DELIMITER.fullmatch(text, start, lines.line_end(0)):
        return None
    last = min(lines.line_count, _LONGEST)
    content = [text[lines.line_start(n) : lines.line_end(n)] for n in range(1, last)]
    first = next((line for line in content if line.strip()), "")
    if not (_KEY.match(first) or first.startswith("#") or _CLOSING.fullmatch(first)):
        return None
    count = _closing_line(content)
    closed = count is not None
    if count is None:
        count = next(
            (n for n, line in enumerate(content) if not (_KEY.match(line) or line[:1] == "#")),
            len(content),
        )
        if count == 0:
            return None
    reading = _Reading()
    _read_entries(lines, count, reading)
    end_line = count + 1 if closed else count
    if not closed:
        opening = Span(start, lines.line_end(0))
        reading.problems.append(FrontMatterProblem(opening, "The closing --- is missing"))
    values = {item.key: item.value for item in reading.entries if item.value is not None}
    return FrontMatter(
        span=Span(start, lines.line_end(end_line)),
        values=MappingProxyType(values),
        entries=tuple(reading.entries),
        problems=tuple(reading.problems),
        closed=closed,
        first_line=end_line + 1,
    )


def _closing_line(content: list[str]) -> int | None:
    """Return the number of the closing line, unless prose comes first: that ends front matter."""
    for number, line in enumerate(content):
        if _CLOSING.fullmatch(line):
            return number
        after_blank = number > 0 and not content[number - 1].strip()
        if after_blank and line.strip() and line[0] not in " \t#-" and not _KEY.match(line):
            return None
    return None


def _read_entries(lines: LineIndex, count: int, reading: _Reading) -> None:
    text = lines.text
    seen: set[str] = set()
    number = 1
    while number <= count:
        start, end = lines.line_start(number), lines.line_end(number)
        key = _KEY.match(text, start, end)
        if key is None:
            if not _COMMENT.fullmatch(text, start, end):
                message = "This line is not of the form key: value"
                reading.problems.append(FrontMatterProblem(Span(start, end), message))
            number += 1
            continue
        last = _last_nested(lines, number, count)
        span, value = None, None
        if last == number:
            span, value = _read_scalar(text, key.end(), end)
        if span is None:
            begin = key.end()
            while begin < end and text[begin] in " \t":
                begin += 1
            span = Span(begin, lines.line_end(last))
            message = f"{key[1]} is not a plain text value, so it is not used"
            reading.problems.append(FrontMatterProblem(span, message))
        if key[1] in seen:
            message = f"{key[1]} is set more than once; the last value counts"
            reading.problems.append(FrontMatterProblem(Span(*key.span(1)), message))
        seen.add(key[1])
        reading.entries.append(Entry(key[1], span, value))
        number = last + 1


def _last_nested(lines: LineIndex, number: int, count: int) -> int:
    """Return the last line that YAML gives to the key on line `number`, or `number` itself."""
    last = number
    for below in range(number + 1, count + 1):
        start, end = lines.line_start(below), lines.line_end(below)
        line = lines.text[start:end]
        if line.strip() and line[0] not in " \t" and line != "-" and not line.startswith("- "):
            break
        if not _COMMENT.fullmatch(line):
            last = below
    return last


def _read_scalar(text: str, start: int, end: int) -> tuple[Span | None, str | None]:
    """Return the range and the value of the scalar in one line, or no range when it is none."""
    begin = start
    while begin < end and text[begin] in " \t":
        begin += 1
    mark = text[begin : begin + 1] if begin < end else ""
    if mark in ('"', "'"):
        quoted = (_DOUBLE if mark == '"' else _SINGLE).match(text, begin, end)
        if quoted is None or not _AFTER_SCALAR.fullmatch(text, quoted.end(), end):
            return None, None
        if mark == "'":
            return Span(*quoted.span()), quoted[0][1:-1].replace("''", "'")
        try:
            return Span(*quoted.span()), str(json.loads(quoted[0], strict=False))
        except json.JSONDecodeError:  # an escape that only YAML knows
            return None, None
    if mark in tuple("|>[{&*!"):
        return None, None
    if mark in ("", "#"):
        return Span(start, start), ""
    plain = _PLAIN.match(text, begin, end)
    stop = plain.end() if plain else end
    value = text[begin:stop].rstrip(" \t")
    return Span(begin, begin + len(value)), value


def _write_scalar(value: str, old: str) -> str:
    """Write `value` as a YAML scalar, in the quotes of `old` where it had some."""
    plain = _SAFE_PLAIN.fullmatch(value) and not _TYPED_WORD.fullmatch(value)
    if plain and old[:1] not in ('"', "'"):
        return value
    if old[:1] == "'" and value.isprintable():
        return "'" + value.replace("'", "''") + "'"
    # JSON strings are YAML strings; ASCII keeps line separators and lone surrogates out.
    return json.dumps(value, ensure_ascii=not value.isprintable())


def edit_front_matter(
    lines: LineIndex, matter: FrontMatter | None, key: str, value: str
) -> TextEdit:
    """Return the edit that sets `key` to `value` and changes nothing else.

    Raises
    ------
    ValueError
        When `key` could not be read back.
    """
    if not re.fullmatch(r"[A-Za-z_][\w.-]*", key, re.ASCII):
        raise ValueError(f"not a front matter key: {key!r}")
    text = lines.text
    newline = lines.terminator(0) or "\n"
    if matter is None:
        start = len(BOM) if text.startswith(BOM) else 0
        rest = text[start : start + 1]
        gap = "" if rest in ("", "\n", "\r") else newline
        line = f"{key}: {_write_scalar(value, '')}"
        return TextEdit(Span(start, start), f"---{newline}{line}{newline}---{newline}{gap}")
    entry = next((item for item in reversed(matter.entries) if item.key == key), None)
    if entry is not None:
        span = entry.value_span
        written = _write_scalar(value, span.of(text))
        return TextEdit(span, f" {written}" if text[span.start - 1] == ":" else written)
    line = f"{key}: {_write_scalar(value, '')}"
    if matter.closed:
        start = lines.line_start(matter.first_line - 1)
        return TextEdit(Span(start, start), line + newline)
    return TextEdit(Span(matter.span.end, matter.span.end), newline + line)

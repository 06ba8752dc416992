"""The inside of a fence: info string, logical command lines, output."""

from __future__ import annotations

import re
from bisect import bisect_right
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

from cloudops_ls.runbook.text import Span, normalize_newlines
from cloudops_ls.runbook.turns import Command, Output

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

COMMAND_LANGUAGES = frozenset({"aws", "sh", "bash", "shell", "console"})
_PROMPTED_ONLY = "console"

_PROMPT = re.compile(r"\$[ \t]+")
_AWS = re.compile(r"aws(?=[ \t\n]|$)")
# What can change how the rest of a shell line reads. A # is a comment only where a word begins.
_SPECIAL = re.compile(r"""[\\'"]|(?:(?<=[ \t\r\n])|^)\#""", re.VERBOSE)


class Info(NamedTuple):
    """A fence's info string: the language as written, and ``key=value`` words after it."""

    language: str
    values: dict[str, str]

    @property
    def is_output(self) -> bool:
        """Whether the fence holds output, whatever its language."""
        return "output" in self.values

    @property
    def is_command(self) -> bool:
        """Whether the fence may hold commands."""
        return self.language.lower() in COMMAND_LANGUAGES and not self.is_output


def read_info(info: str) -> Info:
    """Read an info string; of a repeated key the first one counts."""
    words = info.split()
    values: dict[str, str] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if equals:
            values.setdefault(key, value)
    language = words[0] if words and "=" not in words[0] else ""
    return Info(language, values)


def read_output(info: Info, text: str, span: Span, content: Span, *, closed: bool) -> Output:
    """Return the output that a fence holds."""
    number = info.values.get("command", "")
    numbered = number.isascii() and number.isdecimal() and len(number) < 6
    return Output(
        span=span,
        execution_id=info.values["output"],
        status=info.values.get("status", ""),
        language=info.language,
        content=normalize_newlines(content.of(text)),
        content_span=content,
        command=int(number) if numbered else None,
        closed=closed,
    )


class LogicalLine(NamedTuple):
    """A shell's line: its text, where its pieces are, and how many physical lines it took."""

    text: str
    pieces: tuple[tuple[int, int], ...]
    end: int
    height: int
    open_quote: bool
    """A quote is open at the end."""
    dangling: bool
    """The last line ends with a backslash that continues nothing."""


def logical_lines(
    text: str, rows: Sequence[Span], indent: int, *, prompted_only: bool
) -> Iterator[LogicalLine]:
    """Yield the logical lines of a fence's content.

    A backslash at the end of a line continues it, except in a comment or in single quotes. A
    quote that closes on a later line continues it too; one that never closes does not.

    Parameters
    ----------
    text
        The document.
    rows
        The content's lines without their terminators.
    indent
        Spaces that the fence's own indentation takes from each line.
    prompted_only
        Whether lines without ``$`` are output.
    """
    number = 0
    while number < len(rows):
        start, end = rows[number].start, rows[number].end
        while start < end and text[start] in " \t":
            start += 1
        prompt = _PROMPT.match(text, start, end)
        if prompt:
            start = prompt.end()
        if start == end or (prompted_only and not prompt):
            number += 1
            continue
        line = _join(text, rows, number, start, indent, across_quotes=True)
        if line.open_quote:
            line = _join(text, rows, number, start, indent, across_quotes=False)
        yield line
        number += line.height


def _join(
    text: str, rows: Sequence[Span], first: int, start: int, indent: int, *, across_quotes: bool
) -> LogicalLine:
    """Join the lines from `first` on that make one logical line."""
    parts: list[str] = []
    pieces: list[tuple[int, int]] = []
    length = 0
    quote = ""
    number = first
    while True:
        end = rows[number].end
        quote, continued = _scan(text, start, end, quote)
        more = number + 1 < len(rows)
        open_quote = bool(quote) and not continued
        joins = more and (continued or (open_quote and across_quotes))
        part = text[start : end - 1] if continued and joins else text[start:end]
        if open_quote and joins:
            part += "\n"
        pieces.append((length, start))
        parts.append(part)
        length += len(part)
        if not joins:
            break
        number += 1
        start = rows[number].start
        limit = min(start + indent, rows[number].end)
        while start < limit and text[start] == " ":
            start += 1
    whole = "".join(parts)
    kept = whole.rstrip(" \t")
    if len(kept) < len(whole) and _ends_with_escape(kept):
        kept = whole[: len(kept) + 1]
    offset, place = pieces[bisect_right(pieces, max(len(kept) - 1, 0), key=itemgetter(0)) - 1]
    return LogicalLine(
        text=kept,
        pieces=tuple(pieces),
        end=place + len(kept) - offset,
        height=number - first + 1,
        open_quote=bool(quote),
        dangling=continued,
    )


def _ends_with_escape(line: str) -> bool:
    return (len(line) - len(line.rstrip("\\"))) % 2 == 1


def _scan(text: str, start: int, end: int, quote: str) -> tuple[str, bool]:
    """Return the quote that is open at the end of a line, and whether a backslash continues it."""
    position = start
    while position < end:
        if quote == "'":
            closing = text.find("'", position, end)
            if closing < 0:
                return quote, False
            quote, position = "", closing + 1
            continue
        special = _SPECIAL.search(text, position, end)
        if special is None:
            return quote, False
        mark, position = special[0], special.end()
        if mark == "\\":
            if position == end:
                return quote, True
            position += 1
        elif mark == quote:
            quote = ""
        elif quote:
            continue
        elif mark == "#":
            return quote, False
        else:
            quote = mark
    return quote, False


def read_commands(
    text: str, rows: Sequence[Span], indent: int, language: str, outputs: Sequence[Output]
) -> tuple[Command, ...]:
    """Return the commands of a fence's content, each with the output that belongs to it.

    An output that names no command belongs to the first one that follows the last one served.
    """
    prompted_only = language == _PROMPTED_ONLY
    found = [
        line
        for line in logical_lines(text, rows, indent, prompted_only=prompted_only)
        if is_aws(line.text)
    ]
    owned: dict[int, Output] = {}
    following = 1
    for output in outputs:
        number = output.command or following
        if number <= len(found) and number not in owned:
            owned[number] = output
            following = number + 1
    return tuple(
        Command(
            span=Span(line.pieces[0][1], line.end),
            text=line.text,
            number=number,
            output=owned.get(number),
            pieces=line.pieces,
        )
        for number, line in enumerate(found, 1)
    )


def is_aws(line: str) -> bool:
    """Whether a logical line starts with the word ``aws``."""
    return _AWS.match(line) is not None

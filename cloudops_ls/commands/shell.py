"""From the text of one command to its argument list, without a shell and without its powers.

The words come out as POSIX ``sh`` would make them. ``shlex`` is not used: it knows no positions,
joins a backslash-newline differently from ``sh``, keeps the backslash of an escaped dollar, and
lets every operator through as a word. Whatever a shell would *act* on outside quotes is refused
instead.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cloudops_ls.errors import CloudOpsError
from cloudops_ls.runbook.text import Span

if TYPE_CHECKING:
    from collections.abc import Iterator

QUOTE_IT = "Put it in single quotes if it belongs to a value"

_OPERATORS = {
    "|": "a pipe needs a shell",
    ";": "a second command after ; needs a shell",
    "&": "& needs a shell",
    "<": "reading from a file with < needs a shell",
    ">": "writing to a file with > needs a shell",
    "(": "parentheses need a shell",
    ")": "parentheses need a shell",
    "*": "* is a file pattern that a shell would expand",
    "?": "? is a file pattern that a shell would expand",
    "[": "[ starts a file pattern that a shell would expand",
    "{": "braces are expanded by a shell",
    "}": "braces are expanded by a shell",
    "\n": "a second line is a second command",
}
_PAIRS = {
    "||": "running a command after a failure with || needs a shell",
    "&&": "running a second command with && needs a shell",
    ">>": "appending to a file with >> needs a shell",
    "<<": "a here-document needs a shell",
    "|&": "a pipe needs a shell",
    "&>": "writing to a file with &> needs a shell",
    ">&": "redirecting output needs a shell",
    "<(": "process substitution needs a shell",
    ">(": "process substitution needs a shell",
    ";;": "a second command after ; needs a shell",
}
_TYPOGRAPHIC_QUOTES = frozenset("‘’‚‛“”„‟«»")
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_BLANKS = frozenset(" \t")
_PLAIN = re.compile(r"[A-Za-z0-9_./:@%+=,-]+")
"""What most words consist of: nothing that a shell acts on, wherever it stands."""


@dataclass(frozen=True, slots=True)
class Words:
    """The words of one command.

    Attributes
    ----------
    argv
        The words with quotes and escapes resolved, the program's name first.
    spans
        Where each word stands in the text, quotes included.
    """

    argv: tuple[str, ...]
    spans: tuple[Span, ...]


class ShellSyntaxError(CloudOpsError):
    """The text needs a shell, or a shell would read it in a way nobody can see.

    Parameters
    ----------
    span
        The offending characters.
    reason
        What they are, as half a sentence.
    fix
        What to write instead.
    """

    def __init__(self, span: Span, reason: str, fix: str = QUOTE_IT) -> None:
        super().__init__(f"This command cannot run: {reason}", fix=fix)
        self.span = span
        self.reason = reason


def split(text: str) -> Words:
    """Split a command into words.

    Parameters
    ----------
    text
        One command; it may span lines with backslash-newline.

    Raises
    ------
    ShellSyntaxError
        The text holds something that a shell would act on, an open quote, or a character that
        cannot be part of an argument or would look like another one.
    """
    return _Scanner(text).words()


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def words(self) -> Words:
        argv: list[str] = []
        spans: list[Span] = []
        while self._skip_blanks():
            start = self.at
            argv.append("".join(self._word()))
            spans.append(Span(start, self.at))
        return Words(tuple(argv), tuple(spans))

    def _skip_blanks(self) -> bool:
        text = self.text
        while self.at < len(text):
            if text[self.at] in _BLANKS:
                self.at += 1
            elif joined := self._continuation():
                self.at += joined
            else:
                return not self._only_blank_lines_left()
        return False

    def _only_blank_lines_left(self) -> bool:
        return self.text[self.at] in "\r\n" and not self.text[self.at :].strip(" \t\r\n")

    def _continuation(self) -> int:
        """Length of the backslash-newline here; also of CRLF, which editors write."""
        if self.text.startswith("\\\n", self.at):
            return 2
        return 3 if self.text.startswith("\\\r\n", self.at) else 0

    def _word(self) -> Iterator[str]:
        text, start, before = self.text, self.at, ""
        while self.at < len(text):
            char = text[self.at]
            if char in _BLANKS:
                return
            if joined := self._continuation():
                self.at += joined
                continue
            if self._only_blank_lines_left():
                return
            if char == "'":
                yield from self._single_quoted()
            elif char == '"':
                yield from self._double_quoted()
            elif char == "\\":
                yield self._escaped()
            elif plain := _PLAIN.match(text, self.at):
                yield plain.group()
                self.at = plain.end()
                char = text[self.at - 1]
            else:
                self._refuse_unquoted(char, first=self.at == start, before=before)
                self.at += 1
                yield char
            before = char

    def _escaped(self) -> str:
        if self.at + 1 >= len(self.text):
            raise ShellSyntaxError(
                Span(self.at, self.at + 1),
                "it ends with a backslash",
                "Continue it on the next line, or remove the backslash",
            )
        char = self._checked(self.at + 1)
        self.at += 2
        return char

    def _single_quoted(self) -> Iterator[str]:
        start = self.at
        end = self.text.find("'", start + 1)
        if end < 0:
            raise self._open_quote(start, "single")
        for index in range(start + 1, end):
            yield self._checked(index)
        self.at = end + 1

    def _double_quoted(self) -> Iterator[str]:
        text, start = self.text, self.at
        self.at += 1
        while self.at < len(text):
            char = text[self.at]
            if char == '"':
                self.at += 1
                return
            if joined := self._continuation():
                self.at += joined
            elif char == "\\" and text[self.at + 1 : self.at + 2] in ("$", "`", '"', "\\"):
                yield text[self.at + 1]
                self.at += 2
            elif char in "$`":
                raise ShellSyntaxError(*self._expansion(), "Use single quotes")
            else:
                yield self._checked(self.at)
                self.at += 1
        raise self._open_quote(start, "double")

    def _open_quote(self, start: int, kind: str) -> ShellSyntaxError:
        return ShellSyntaxError(
            Span(start, len(self.text)), f"a {kind} quote is not closed", "Close it"
        )

    def _expansion(self) -> tuple[Span, str]:
        """Measure the ``$…`` or backtick construct here and say what it is."""
        text, start = self.text, self.at
        if text[start] == "`":
            end = text.find("`", start + 1)
            return Span(start, end + 1 if end > 0 else len(text)), "command substitution"
        follow = text[start + 1 : start + 2]
        if follow in ("(", "{"):
            end = text.find(")" if follow == "(" else "}", start + 2)
            what = "command substitution" if follow == "(" else "a shell variable"
            return Span(start, end + 1 if end > 0 else len(text)), what
        end = start + 1
        while end < len(text) and (text[end].isalnum() or text[end] == "_"):
            end += 1
        return Span(start, end), "a shell variable" if end > start + 1 else "$ needs a shell"

    def _refuse_unquoted(self, char: str, *, first: bool, before: str) -> None:
        at = self.at
        pair = self.text[at : at + 2]
        if char in "$`":
            raise ShellSyntaxError(*self._expansion())
        if pair in _PAIRS:
            raise ShellSyntaxError(Span(at, at + 2), _PAIRS[pair])
        if char in _OPERATORS:
            raise ShellSyntaxError(Span(at, at + 1), _OPERATORS[char])
        if char == "~" and (first or before in ("=", ":")):
            raise ShellSyntaxError(
                Span(at, at + 1), "~ is expanded by a shell", "Write the whole path"
            )
        if char == "#" and first:
            raise ShellSyntaxError(Span(at, len(self.text)), "# starts a comment")
        if char in _TYPOGRAPHIC_QUOTES:
            raise ShellSyntaxError(
                Span(at, at + 1),
                "typographic quotes do not quote",
                "Use the straight quotes ' or \"",
            )
        if char.isspace() or char in "\u200b\u2060\ufeff\u00ad":
            raise ShellSyntaxError(
                Span(at, at + 1),
                f"an invisible character (U+{ord(char):04X}) stands outside quotes",
                "Replace it with an ordinary space",
            )
        self._checked(at)

    def _checked(self, index: int) -> str:
        """Return the character at ``index`` if an argument may hold it."""
        char = self.text[index]
        if (ord(char) < 0x20 and char not in "\t\n\r") or 0x7F <= ord(char) < 0xA0:
            reason = f"it holds a control character (U+{ord(char):04X})"
        elif 0xD800 <= ord(char) < 0xE000:
            reason = "it holds half of a surrogate pair"
        elif char in _BIDI:
            reason = f"it holds a character that hides the order of the text (U+{ord(char):04X})"
        else:
            return char
        raise ShellSyntaxError(Span(index, index + 1), reason, "Remove it")

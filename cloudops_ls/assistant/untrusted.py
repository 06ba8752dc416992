"""Makes untrusted text safe to read: nothing hidden, nothing that a viewer would act on."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from markdown_it.token import Token

_ANSI: Final = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]{0,64}[ -/]{0,16}[@-~]"  # CSI: colours, cursor, erasing
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]{0,4096}(?:\x07|\x1b\\|\x9c)"  # OSC …
    r"|\x1b[ -/]{0,16}[0-~]"
)
_LINE_ENDS: Final = re.compile(r"\r\n?|[\u2028\u2029\x85\x0b\x0c]")
_INVISIBLE: Final = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180e\u180f\u2800\u3164\uffa0"
    + "".join(map(chr, range(0xE0100, 0xE01F0)))  # variation selectors that nothing uses
)
"""Characters that show nothing although their category is not ``Cf``."""

_ACTIVE: Final = re.compile(r"(?P<slashes>\\*)(?P<mark><(?=[A-Za-z/!?])|!(?=\[))")
"""What starts HTML, an autolink or an image where it is neither escaped nor code."""
_CODE_SPAN: Final = re.compile(r"(?<!`)(?P<run>`+)(?!`)[^\n]*?(?<!`)(?P=run)(?!`)")
_LONGEST_PARSED: Final = 32_768
"""Characters; longer texts are escaped inside code too instead of being parsed."""


def clean(text: str) -> str:
    r"""Remove control, bidirectional, zero-width and other invisible characters and ANSI codes.

    Line ends become ``\n``; newlines, tabs and everything that can be seen stay.
    """
    text = _LINE_ENDS.sub("\n", _ANSI.sub("", text))
    if text.isascii() and text.isprintable():
        return text
    return "".join(filter(None, map(_visible, text)))


def _visible(character: str) -> str:
    if character in "\n\t":
        return character
    if character in _INVISIBLE:
        return ""
    category = unicodedata.category(character)
    if category == "Cs":
        return "\ufffd"
    return "" if category in {"Cc", "Cf"} else character


def one_line(text: str) -> str:
    """Return ``text`` cleaned and on one line, runs of whitespace being one space."""
    return " ".join(clean(text).split())


def code_span(text: str) -> str:
    """Return ``text`` as a Markdown code span, whatever it contains."""
    text = one_line(text)
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    if not longest:
        return f"`{text}`" if text else "` `"
    fence = "`" * (longest + 1)
    return f"{fence} {text} {fence}"


def harmless(text: str) -> str:
    """Return Markdown that shows the same words but holds no raw HTML and loads no image.

    HTML could hide text in a comment or run in a careless viewer, and an image tells its host
    who reads. Both are escaped with a backslash and so stay readable as what they are. Code is
    left as it is, as far as it certainly is code.
    """
    text = clean(text)
    if not _ACTIVE.search(text):
        return text
    if len(text) <= _LONGEST_PARSED:
        from markdown_it import MarkdownIt

        parser = MarkdownIt("commonmark")
        tokens = parser.parse(text)
        if not _is_active(tokens):
            return text
        escaped = _escape_outside_code(text, tokens)
        # What is code is decided by the parser alone: it has the last word.
        if not _is_active(parser.parse(escaped)):
            return escaped
    return _escape(text)


def _is_active(tokens: Iterable[Token]) -> bool:
    return any(
        token.type in {"html_block", "html_inline", "image"} or _is_active(token.children or ())
        for token in tokens
    )


def _escape_outside_code(text: str, tokens: Iterable[Token]) -> str:
    code_lines = {
        line
        for token in tokens
        if token.type in {"fence", "code_block"} and token.map
        for line in range(*token.map)
    }
    lines = text.split("\n")
    return "\n".join(
        line if number in code_lines else _escape_line(line) for number, line in enumerate(lines)
    )


def _escape_line(line: str) -> str:
    done, position = [], 0
    for span in _CODE_SPAN.finditer(line):
        done += [_escape(line[position : span.start()]), span[0]]
        position = span.end()
    return "".join([*done, _escape(line[position:])])


def _escape(text: str) -> str:
    return _ACTIVE.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    # An odd number of backslashes escapes the mark already; one more would set it free.
    slash = "" if len(match["slashes"]) % 2 else "\\"
    return match["slashes"] + slash + match["mark"]

"""Makes untrusted text safe to read: every character of it can be seen."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

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
_PILED: Final = re.compile(
    "([\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]{3})"
    "[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]+"
)
"""Combining marks; more than three on one letter paint over its neighbours."""


def clean(text: str) -> str:
    r"""Remove control, bidirectional, zero-width and other invisible characters and ANSI codes.

    Piled-up combining marks are thinned out. Line ends become ``\n``; newlines, tabs and
    everything that can be seen stay.
    """
    text = _LINE_ENDS.sub("\n", _ANSI.sub("", text))
    if text.isascii() and text.isprintable():
        return text
    return _PILED.sub(r"\1", "".join(filter(None, map(_visible, text))))


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

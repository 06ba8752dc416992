"""Text from AWS made safe to show (pure).

Names, tags and descriptions can be set by anybody who may create a resource. Shown in a card they
must not become Markdown, HTML or links, nor hide or reorder what stands around them.
"""

from __future__ import annotations

import re
import unicodedata

DEFAULT_LIMIT = 120
ELLIPSIS = "…"

_INVISIBLE_LETTERS = frozenset("\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Characters that are letters or marks by category, yet show nothing."""
_VARIATION_SELECTORS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef\u180b-\u180f]")
_MARKDOWN = re.compile(r"[\\`*_{}\[\]()<>#+!|~&-]")
_BACKTICKS = re.compile("`+")
_MAX_COMBINING = 3


def visible(text: str, limit: int = DEFAULT_LIMIT) -> str:
    """Return one line of ``text`` with only what can be seen.

    Control, bidirectional, zero-width and unassigned characters are dropped, runs of white space
    become one space, piled-up combining marks are thinned out, and what is longer than ``limit``
    characters is cut.
    """
    if len(text) <= limit and text.isascii() and text.isprintable() and "  " not in text:
        return text.strip(" ")
    # Far more than can be shown is not worth looking at.
    source = text[: limit * 8]
    kept: list[str] = []
    combining = 0
    for character in _VARIATION_SELECTORS.sub("", source):
        category = unicodedata.category(character)
        if character in "\t\n\r\v\f" or category in ("Zs", "Zl", "Zp"):
            kept.append(" ")
        elif category[0] == "C" or character in _INVISIBLE_LETTERS:
            continue
        elif category in ("Mn", "Me"):
            combining += 1
            if combining <= _MAX_COMBINING:
                kept.append(character)
            continue
        else:
            kept.append(character)
        combining = 0
    line = " ".join("".join(kept).split())
    if len(line) > limit:
        return line[: limit - 1].rstrip() + ELLIPSIS
    return line + ELLIPSIS if len(source) < len(text) else line


def code(text: str, limit: int = DEFAULT_LIMIT) -> str:
    """Return ``text`` as a Markdown code span, inside which nothing has a meaning."""
    line = visible(text, limit)
    if not line:
        return "*(empty)*"
    fence = "`" * (1 + max((len(run) for run in _BACKTICKS.findall(line)), default=0))
    space = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{space}{line}{space}{fence}"


def plain(text: str, limit: int = DEFAULT_LIMIT) -> str:
    """Return ``text`` as Markdown that reads as it is."""
    return _MARKDOWN.sub(r"\\\g<0>", visible(text, limit))

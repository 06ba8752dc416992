"""Markdown from an assistant made harmless: nothing hidden, nothing that a viewer acts on.

What could hide text or call somewhere is shown as the characters it is made of, by a backslash
before it: raw HTML, images, links (their target may not be what they say), reference definitions
(which show nothing), entities of invisible characters, and TeX. Code is left alone, as far as it
certainly is code.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from cloudops_ls.assistant.untrusted import clean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from markdown_it.token import Token

_MARKUP: Final = r"<(?=[A-Za-z/!?])|!(?=\[)|&(?=#?\w{1,32};)"
_LINK: Final = r"\[(?=[^\[\]\n]{0,1024}\](?:[(\[]|:[ \t]*\S))"
_LIKELY: Final = re.compile(rf"(?P<slashes>\\*)(?P<mark>{_MARKUP}|{_LINK})")
"""What starts HTML, an image, an entity or a plain link where it is neither escaped nor code."""
_ANY: Final = re.compile(rf"(?P<slashes>\\*)(?P<mark>{_MARKUP}|\[|\])")
"""The same, and every bracket: links can span lines and hold brackets."""
_CODE_SPAN: Final = re.compile(r"(?<!`)(?P<run>`+)(?!`)[^\n]*?(?<!`)(?P=run)(?!`)")
_TEX: Final = re.compile(r"\\[A-Za-z]")
_DOLLAR: Final = re.compile(r"(?P<slashes>\\*)(?P<mark>\$)")
_LANGUAGE: Final = re.compile(r"[\w.+#-]{1,20}")
_DRAWN: Final = frozenset(
    [
        "mermaid",
        "math",
        "latex",
        "tex",
        "katex",
        "plantuml",
        "dot",
        "graphviz",
        "geojson",
        "topojson",
        "stl",
    ]
)
"""Languages that viewers draw instead of showing their text."""
_FLOOD_OF_LINES: Final = re.compile(r"\n(?:[ \t]*\n){3,}")
_FLOOD_OF_SPACES: Final = re.compile(r"(?<=\S)[ \t]{40,}(?=\S)")
_LONGEST_PARSED: Final = 32_768
"""Characters; longer texts are escaped inside code too instead of being parsed."""


def harmless(text: str) -> str:
    """Return Markdown that shows the same words but hides none and calls nowhere.

    Floods of empty lines and spaces, which push what follows out of sight, are shortened.
    """
    text = _FLOOD_OF_SPACES.sub(" ", _FLOOD_OF_LINES.sub("\n\n\n", clean(text)))
    text = _show_info(text)
    if "$" in text and _TEX.search(text):
        text = _outside_code(text, _escape_dollars)
    if not _ANY.search(text):
        return text
    if len(text) > _LONGEST_PARSED:
        return _escape_all(text)
    if not _is_active(text):
        return text
    # What is code and what a link is decided by the parser alone: it has the last word.
    for escape in (_escape_likely, _escape_all):
        escaped = _outside_code(text, escape)
        if not _is_active(escaped):
            return escaped
    return _escape_all(text)


def _show_info(text: str) -> str:
    """Move what stands behind a fence, where viewers show nothing, into the fence.

    One word may stay, as the language, unless it is one whose text is drawn instead of shown.
    """
    if len(text) > _LONGEST_PARSED or not ("```" in text or "~~~" in text):
        return text
    tokens, _ = _parse(text)
    lines = text.split("\n")
    for token in tokens:
        info = token.info.strip()
        if token.type != "fence" or token.map is None or not info:
            continue
        language, _, rest = info.partition(" ")
        if not _LANGUAGE.fullmatch(language) or language.lower() in _DRAWN:
            language, rest = "text", info
        opening = lines[token.map[0]]
        start, run = opening.find(token.markup), opening.rfind(info)
        if rest and 0 <= start < run:
            # Inside the same quotes and list items.
            container = re.sub(r"[^>\t]", " ", opening[:start])
            shown = f"{container}{rest.strip()}"
            lines[token.map[0]] = f"{opening[: start + len(token.markup)]}{language}\n{shown}"
    return "\n".join(lines)


def _parse(text: str) -> tuple[list[Token], dict[str, Any]]:
    from markdown_it import MarkdownIt

    found: dict[str, Any] = {}
    return MarkdownIt("commonmark").parse(text, found), found


def _is_active(text: str) -> bool:
    tokens, found = _parse(text)
    return bool(found.get("references")) or _has_active(tokens)


def _has_active(tokens: Iterable[Token]) -> bool:
    return any(
        token.type in {"html_block", "html_inline", "image", "link_open"}
        # The text was clean: what cannot be seen now was an entity.
        or (token.type == "text" and clean(token.content) != token.content)
        or _has_active(token.children or ())
        for token in tokens
    )


def _outside_code(text: str, escape: Callable[[str], str]) -> str:
    if len(text) > _LONGEST_PARSED:
        return escape(text)
    tokens, _ = _parse(text)
    code_lines = {
        line
        for token in tokens
        if token.type in {"fence", "code_block"} and token.map
        for line in range(*token.map)
    }
    lines = text.split("\n")
    return "\n".join(
        line if number in code_lines else _escape_line(line, escape)
        for number, line in enumerate(lines)
    )


def _escape_line(line: str, escape: Callable[[str], str]) -> str:
    done, position = [], 0
    for span in _CODE_SPAN.finditer(line):
        done += [escape(line[position : span.start()]), span[0]]
        position = span.end()
    return "".join([*done, escape(line[position:])])


def _escape_likely(text: str) -> str:
    return _LIKELY.sub(_escaped, text)


def _escape_all(text: str) -> str:
    return _ANY.sub(_escaped, text)


def _escape_dollars(text: str) -> str:
    return _DOLLAR.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    # An odd number of backslashes escapes the mark already; one more would set it free.
    slash = "" if len(match["slashes"]) % 2 else "\\"
    return match["slashes"] + slash + match["mark"]

"""Top-level Markdown blocks of a text, whole or after an edit.

markdown-it's block rules find the blocks; nothing inline is parsed. The text is read in windows
of lines: a top-level block never depends on what comes before it (link definitions aside, which
only matter to inline text), and never on more than the two non-blank lines that follow it. So the
last two blocks of a window are read again with the next one, and after an edit reading stops as
soon as a block begins where one began before. See ``docs/decisions/0001-markdown-parser.md``.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from enum import Enum, auto
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from cloudops_ls.runbook.text import LineIndex, TextEdit, normalize_newlines

if TYPE_CHECKING:
    from collections.abc import Callable

    from markdown_it import MarkdownIt
    from markdown_it.rules_block import StateBlock
    from markdown_it.token import Token

BOM = "\ufeff"

# A window of this many lines keeps a full parse near linear and its tokens short-lived.
_WINDOW = 1024
_SMALLEST_WINDOW = 8
# Blocks before an edit that are read again, and blocks after it that the first window holds.
_BEFORE, _AFTER = 2, 4

# Levels below which a marker of a quote or a list is plain text. A list counts two levels. Each
# level of quotes reads all of its lines again.
_DEEPEST_QUOTE, _DEEPEST_LIST = 8, 30

_IMAGES = re.compile(r"(?:\s*!\[(?:\\.|[^\]\\])*\](?:\((?:\\.|[^)\\])*\)|\[[^\]]*\]))+\s*")
_CLOSING_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})[ \t]*")


class BlockKind(Enum):
    """What a top-level block is."""

    PARAGRAPH = auto()
    IMAGE = auto()  # a paragraph of images only
    HEADING = auto()
    LIST = auto()
    TABLE = auto()
    QUOTE = auto()
    FENCE = auto()
    CODE = auto()  # indented
    HTML = auto()
    RULE = auto()  # thematic break
    DEFINITION = auto()  # link reference definition


class Block(NamedTuple):
    """One top-level block, without its place, so that edits elsewhere leave it valid.

    Parameters
    ----------
    kind
        What the block is.
    height
        Its number of lines, trailing blank lines left out.
    info
        The info string of a fence, the raw title of a heading.
    level
        The level of a heading, the length of a fence's opening marker.
    closed
        False for a fence that the end of the text closes.
    """

    kind: BlockKind
    height: int
    info: str = ""
    level: int = 0
    closed: bool = True


@dataclass(frozen=True, slots=True)
class BlockList:
    """All top-level blocks in order; `starts` holds the line on which each begins."""

    starts: list[int]
    blocks: list[Block]

    def at_line(self, line: int) -> int | None:
        """Return the number of the block that `line` belongs to."""
        number = bisect_right(self.starts, line) - 1
        if number >= 0 and line < self.starts[number] + self.blocks[number].height:
            return number
        return None


_TOKEN_KINDS = {
    "paragraph_open": BlockKind.PARAGRAPH,
    "heading_open": BlockKind.HEADING,
    "bullet_list_open": BlockKind.LIST,
    "ordered_list_open": BlockKind.LIST,
    "table_open": BlockKind.TABLE,
    "blockquote_open": BlockKind.QUOTE,
    "fence": BlockKind.FENCE,
    "code_block": BlockKind.CODE,
    "html_block": BlockKind.HTML,
    "hr": BlockKind.RULE,
    "definition": BlockKind.DEFINITION,
}
# markdown-it gives these all blank lines up to the next block.
_TRIMMED = {BlockKind.LIST, BlockKind.QUOTE, BlockKind.CODE, BlockKind.TABLE}


@cache
def _markdown() -> MarkdownIt:
    # Imported on first use: the import costs a language server 30-90 ms of its start.
    from markdown_it import MarkdownIt
    from markdown_it.rules_block import blockquote, list_block

    class BlockParser(MarkdownIt):
        """markdown-it that leaves link targets alone: no block depends on them."""

        def normalizeLink(self, url: str) -> str:  # noqa: N802
            return url

        def validateLink(self, url: str) -> bool:  # noqa: N802
            return True

    # markdown-it's own limit is out of reach: there it gives the rest of the text to a list.
    parser = BlockParser("commonmark", {"maxNesting": 100, "inline_definitions": True})
    ends = ["paragraph", "reference", "blockquote"]
    rules = parser.block.ruler
    rules.at("blockquote", _limited(blockquote, _DEEPEST_QUOTE), {"alt": [*ends, "list"]})
    rules.at("list", _limited(list_block, _DEEPEST_LIST), {"alt": ends})
    return parser.enable("table")


def _limited(rule: Callable[..., bool], deepest: int) -> Callable[..., bool]:
    """Return `rule` without effect below a level, so that no text makes parsing very slow."""

    def limited(state: StateBlock, start: int, end: int, silent: bool) -> bool:
        return state.level < deepest and rule(state, start, end, silent)

    return limited


def _read_window(lines: LineIndex, first: int, end: int) -> list[tuple[int, Block]]:
    """Return the top-level blocks of lines `first` to `end` as if there were no others."""
    start = lines.line_start(first)
    if first == 0 and lines.text.startswith(BOM):
        start += 1
    source = normalize_newlines(lines.text[start : lines.line_start(end)])
    markdown = _markdown()
    tokens: list[Token] = []
    markdown.block.parse(source, markdown, {}, tokens)
    rows = source.split("\n")
    found = []
    for number, token in enumerate(tokens):
        if token.level == 0 and token.map and (kind := _TOKEN_KINDS.get(token.type)):
            block = _block(kind, token, tokens[number + 1 : number + 2], rows)
            found.append((first + token.map[0], block))
    return found


def _block(kind: BlockKind, token: Token, following: list[Token], rows: list[str]) -> Block:
    start, end = token.map or (0, 0)
    if kind in _TRIMMED:
        while end - 1 > start and not rows[end - 1].strip(" \t"):
            end -= 1
    height = end - start
    if kind is BlockKind.HEADING:
        return Block(kind, height, following[0].content, int(token.tag[1:]))
    if kind is BlockKind.PARAGRAPH and _IMAGES.fullmatch(following[0].content):
        return Block(BlockKind.IMAGE, height)
    if kind is BlockKind.FENCE:
        closing = _CLOSING_FENCE.fullmatch(rows[end - 1]) if height > 1 else None
        closed = closing is not None and closing[1].startswith(token.markup)
        return Block(kind, height, token.info, len(token.markup), closed)
    return Block(kind, height)


def _read(
    lines: LineIndex, first: int, window: int, known: Callable[[int], int | None]
) -> tuple[BlockList, int | None]:
    """Read blocks from line `first` on, until the text ends or a block's start is `known`.

    Returns
    -------
    The blocks read, and the number that `known` returned for the block after them.
    """
    starts: list[int] = []
    blocks: list[Block] = []
    while first < lines.line_count:
        end = min(first + window, lines.line_count)
        found = _read_window(lines, first, end)
        certain = len(found) if end == lines.line_count else max(len(found) - 2, 0)
        for number, (start, block) in enumerate(found[: certain + 1]):
            if (rejoined := known(start)) is not None:
                return BlockList(starts, blocks), rejoined
            if number < certain:
                starts.append(start)
                blocks.append(block)
        if end == lines.line_count:
            break
        if certain:
            first, window = found[certain][0], min(window * 2, _WINDOW)
        elif found:
            window *= 2
        else:
            first, window = end, _WINDOW
    return BlockList(starts, blocks), None


def read_blocks(lines: LineIndex, first: int) -> BlockList:
    """Return the blocks of a text from line `first` on."""
    return _read(lines, first, _WINDOW, lambda _line: None)[0]


def reread_blocks(
    old: BlockList,
    old_lines: LineIndex,
    edit: TextEdit,
    lines: LineIndex,
    *,
    first: int,
    keep: bool = True,
) -> BlockList:
    """Return the blocks after `edit`, given those before it.

    Parameters
    ----------
    old, old_lines
        The blocks and the lines before the edit.
    edit
        The edit.
    lines
        The lines after the edit.
    first
        The line on which the Markdown begins, after the edit.
    keep
        Whether it began there before the edit too, so that blocks before the edit still hold.
    """
    starts, blocks = old.starts, old.blocks
    shift = lines.line_count - old_lines.line_count
    edited = old_lines.line_of(edit.span.start)
    untouched = old_lines.line_of(edit.span.end) + 1

    kept = 0
    if keep:
        kept = bisect_right(starts, edited)
        if kept and starts[kept - 1] + blocks[kept - 1].height > edited:
            kept -= 1
        kept = max(kept - _BEFORE, 0)
    if kept:
        first = starts[kept]

    def known(line: int) -> int | None:
        before = line - shift
        if before < untouched:
            return None
        number = bisect_left(starts, before)
        return number if number < len(starts) and starts[number] == before else None

    after = bisect_left(starts, untouched) + _AFTER
    end = starts[after] + shift if after < len(starts) else lines.line_count
    read, rejoined = _read(lines, first, max(end - first, _SMALLEST_WINDOW), known)
    tail = len(starts) if rejoined is None else rejoined
    moved = [start + shift for start in starts[tail:]] if shift else starts[tail:]
    return BlockList(
        starts[:kept] + read.starts + moved, blocks[:kept] + read.blocks + blocks[tail:]
    )

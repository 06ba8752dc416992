"""From top-level blocks to turns and command blocks.

The blocks fall into groups, each begun by a heading, a thematic break, or what a user's turn can
be; nothing but the titles of headings reaches from one group into another, so a group can be read
alone.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from cloudops_ls.runbook.blocks import BOM, Block, BlockKind, BlockList
from cloudops_ls.runbook.digest import digest
from cloudops_ls.runbook.fences import read_commands, read_info, read_output
from cloudops_ls.runbook.text import LineIndex, Span, normalize_newlines
from cloudops_ls.runbook.turns import (
    AssistantTurn,
    CommandBlock,
    Heading,
    Output,
    TurnKind,
    UserTurn,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

ASSISTANT = "**CloudOps:**"

_TURN_KINDS = {
    BlockKind.PARAGRAPH: TurnKind.PARAGRAPH,
    BlockKind.LIST: TurnKind.LIST,
    BlockKind.TABLE: TurnKind.TABLE,
}
_GROUP_STARTS = frozenset({*_TURN_KINDS, BlockKind.HEADING, BlockKind.RULE})
_ASSISTANT_LINE = re.compile(r" {0,3}> ?" + re.escape(ASSISTANT))
_QUOTE_MARK = re.compile(r"^ {0,3}> ?", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Group:
    """What one group of blocks means."""

    heading: Heading | None
    turn: UserTurn | None
    reply: AssistantTurn | None
    command_blocks: tuple[CommandBlock, ...]
    loose_outputs: tuple[Output, ...]
    """Output fences that stand under no command block."""
    end: int
    """The number of the block after the group."""


class Structure:
    """Reads groups of blocks.

    Parameters
    ----------
    lines
        The text.
    blocks
        Its top-level blocks.
    """

    def __init__(self, lines: LineIndex, blocks: BlockList) -> None:
        self._lines = lines
        self._text = lines.text
        self._blocks = blocks.blocks
        self._starts = blocks.starts

    def __len__(self) -> int:
        return len(self._blocks)

    def block_span(self, number: int) -> Span:
        """Return the range of a block, from its first line's start to its last line's content."""
        first = self._starts[number]
        start = self._lines.line_start(first)
        if start == 0 and self._text.startswith(BOM):
            start = 1
        return Span(start, self._lines.line_end(first + self._blocks[number].height - 1))

    def group_start(self, number: int) -> int:
        """Return the number of the block that begins the group of block `number`."""
        while number > 0 and self._blocks[number].kind not in _GROUP_STARTS:
            number -= 1
        return number

    def heading(self, number: int) -> Heading:
        """Return the heading that block `number` is."""
        block = self._blocks[number]
        return Heading(self.block_span(number), block.level, block.info.strip())

    def titles_above(self, number: int) -> tuple[str, ...]:
        """Return the titles of the headings that block `number` stands under, outermost first."""
        titles: list[str] = []
        level = 7
        for above in reversed(self._headings[: bisect_left(self._headings, number)]):
            block = self._blocks[above]
            if block.level < level:
                level = block.level
                titles.append(block.info.strip())
                if level == 1:
                    break
        return tuple(reversed(titles))

    @cached_property
    def _headings(self) -> list[int]:
        """The numbers of the blocks that are headings."""
        heading = BlockKind.HEADING
        return [number for number, block in enumerate(self._blocks) if block.kind is heading]

    def read_group(self, start: int, titles: tuple[str, ...]) -> Group:
        """Read the group that begins with block `start`, which stands under headings `titles`."""
        count = len(self._blocks)
        end = start + (self._blocks[start].kind in _GROUP_STARTS)
        while end < count and self._blocks[end].kind not in _GROUP_STARTS:
            end += 1
        first = self._blocks[start]
        heading = self.heading(start) if first.kind is BlockKind.HEADING else None
        command_blocks: list[CommandBlock] = []
        outputs: list[Output] = []
        if (kind := _TURN_KINDS.get(first.kind)) is None:
            self._read_fences(start, end, command_blocks, outputs)
            return Group(heading, None, None, tuple(command_blocks), tuple(outputs), end)
        quote = start + 1
        while quote < end and not self._is_assistant(quote):
            quote += 1
        turn = self._user_turn(kind, start, quote, titles)
        self._read_fences(start + 1, quote, command_blocks, outputs)
        reply = None
        if quote < end:
            below, after = self._read_answer_commands(quote + 1, end)
            reply = self._assistant_turn(quote, below, turn)
            command_blocks += below
            self._read_fences(after, end, command_blocks, outputs)
        return Group(None, turn, reply, tuple(command_blocks), tuple(outputs), end)

    def _is_assistant(self, number: int) -> bool:
        if self._blocks[number].kind is not BlockKind.QUOTE:
            return False
        return _ASSISTANT_LINE.match(self._text, self.block_span(number).start) is not None

    def _user_turn(self, kind: TurnKind, start: int, end: int, titles: tuple[str, ...]) -> UserTurn:
        span = self.block_span(start)
        below = None
        if end > start + 1:
            below = Span(self.block_span(start + 1).start, self.block_span(end - 1).end)
        return UserTurn(
            span=span,
            kind=kind,
            text=normalize_newlines(span.of(self._text)),
            headings=titles,
            attachments=below,
            attached=normalize_newlines(below.of(self._text)) if below else "",
            insert_at=below.end if below else span.end,
        )

    def _assistant_turn(
        self, quote: int, below: Sequence[CommandBlock], turn: UserTurn
    ) -> AssistantTurn:
        span = self.block_span(quote)
        raw = normalize_newlines(span.of(self._text))
        said = _QUOTE_MARK.sub("", raw).removeprefix(ASSISTANT)
        return AssistantTurn(
            span=Span(span.start, below[-1].end if below else span.end),
            quote=span,
            text=said.strip(),
            commands=tuple(below),
            answers=turn,
            digest=digest(raw),
        )

    def _read_answer_commands(self, number: int, end: int) -> tuple[list[CommandBlock], int]:
        """Read the command blocks that directly follow an answer; return the block after too."""
        found: list[CommandBlock] = []
        while number < end and self._is_command(self._blocks[number]):
            block, number = self._command_block(number, end, assistant=True)
            found.append(block)
        return found, number

    def _read_fences(
        self, number: int, end: int, blocks: list[CommandBlock], outputs: list[Output]
    ) -> None:
        while number < end:
            block = self._blocks[number]
            if self._is_command(block):
                found, number = self._command_block(number, end, assistant=False)
                blocks.append(found)
                continue
            if self._is_output(block):
                outputs.append(self._output(number))
            number += 1

    @staticmethod
    def _is_command(block: Block) -> bool:
        return block.kind is BlockKind.FENCE and read_info(block.info).is_command

    def _command_block(self, number: int, end: int, *, assistant: bool) -> tuple[CommandBlock, int]:
        block, span = self._blocks[number], self.block_span(number)
        after = number + 1
        outputs: list[Output] = []
        while after < end and self._is_output(self._blocks[after]):
            outputs.append(self._output(after))
            after += 1
        language = read_info(block.info).language.lower()
        rows = self._content_rows(number)
        indent = 0
        while self._text[span.start + indent] == " ":
            indent += 1
        found = CommandBlock(
            span=span,
            language=language,
            content_span=self._content_span(number),
            commands=read_commands(self._text, rows, indent, language, outputs),
            outputs=tuple(outputs),
            digest=digest(span.of(self._text)),
            assistant=assistant,
            closed=block.closed,
        )
        return found, after

    @staticmethod
    def _is_output(block: Block) -> bool:
        return block.kind is BlockKind.FENCE and read_info(block.info).is_output

    def _output(self, number: int) -> Output:
        block, span = self._blocks[number], self.block_span(number)
        content = self._content_span(number)
        return read_output(read_info(block.info), self._text, span, content, closed=block.closed)

    def content_lines(self, number: int) -> range:
        """Return the lines inside the fence that block `number` is."""
        first, block = self._starts[number], self._blocks[number]
        return range(first + 1, first + block.height - block.closed)

    def _content_rows(self, number: int) -> list[Span]:
        line_start, line_end = self._lines.line_start, self._lines.line_end
        return [Span(line_start(line), line_end(line)) for line in self.content_lines(number)]

    def _content_span(self, number: int) -> Span:
        rows = self.content_lines(number)
        start = self._lines.line_start(rows.start)
        return Span(start, max(start, self._lines.line_end(rows.stop - 1)) if rows else start)

"""A parsed runbook: one immutable text with everything the server reads out of it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from cloudops_ls.runbook.blocks import BlockKind, BlockList
from cloudops_ls.runbook.frontmatter import FrontMatter, FrontMatterProblem
from cloudops_ls.runbook.structure import Group, Structure
from cloudops_ls.runbook.turns import (
    AssistantTurn,
    Command,
    CommandBlock,
    Heading,
    Output,
    TurnKind,
    UserTurn,
)

if TYPE_CHECKING:
    from cloudops_ls.runbook.text import LineIndex, Span

__all__ = [
    "AssistantTurn",
    "Command",
    "CommandBlock",
    "FrontMatter",
    "FrontMatterProblem",
    "Heading",
    "Output",
    "Runbook",
    "TurnKind",
    "UserTurn",
]


class Runbook:
    """One version of a runbook. Make it with `cloudops_ls.runbook.parser.parse`.

    What belongs to one offset (`user_turn_at`, `command_at`, …) is read from its neighbourhood
    alone. The tuples of everything (`turns`, `commands`, …) are read on first use and kept.

    Parameters
    ----------
    lines
        The text.
    front_matter
        Its front matter, None when it has none.
    blocks
        The top-level blocks below the front matter.
    """

    def __init__(
        self, lines: LineIndex, front_matter: FrontMatter | None, blocks: BlockList
    ) -> None:
        self.lines = lines
        self.text = lines.text
        self.front_matter = front_matter
        self.blocks = blocks
        self._structure = Structure(lines, blocks)
        self._last_group: tuple[int, Group] | None = None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Runbook):
            return NotImplemented
        return (self.text, self.front_matter, self.blocks) == (
            other.text,
            other.front_matter,
            other.blocks,
        )

    @cached_property
    def _groups(self) -> tuple[Group, ...]:
        groups: list[Group] = []
        above: list[Heading] = []
        number = 0
        while number < len(self._structure):
            group = self._structure.read_group(number, tuple(item.title for item in above))
            if (heading := group.heading) is not None:
                while above and above[-1].level >= heading.level:
                    above.pop()
                above.append(heading)
            groups.append(group)
            number = group.end
        return tuple(groups)

    @cached_property
    def headings(self) -> tuple[Heading, ...]:
        """All top-level headings."""
        return tuple(group.heading for group in self._groups if group.heading)

    @cached_property
    def user_turns(self) -> tuple[UserTurn, ...]:
        """All turns of the user."""
        return tuple(group.turn for group in self._groups if group.turn)

    @cached_property
    def assistant_turns(self) -> tuple[AssistantTurn, ...]:
        """All answers, whoever wrote them."""
        return tuple(group.reply for group in self._groups if group.reply)

    @cached_property
    def turns(self) -> tuple[UserTurn | AssistantTurn, ...]:
        """All turns in order."""
        both = ((group.turn, group.reply) for group in self._groups)
        return tuple(turn for pair in both for turn in pair if turn is not None)

    @cached_property
    def command_blocks(self) -> tuple[CommandBlock, ...]:
        """All command fences, the user's and the assistant's."""
        return tuple(block for group in self._groups for block in group.command_blocks)

    @cached_property
    def commands(self) -> tuple[Command, ...]:
        """All commands."""
        return tuple(command for block in self.command_blocks for command in block.commands)

    @cached_property
    def outputs(self) -> tuple[Output, ...]:
        """All output fences, also those that no command claims."""
        found = [output for block in self.command_blocks for output in block.outputs]
        found += (output for group in self._groups for output in group.loose_outputs)
        return tuple(sorted(found, key=lambda output: output.span.start))

    def user_turn_at(self, offset: int) -> UserTurn | None:
        """Return the user's turn that `offset` touches, attachments included."""
        group = self._group_at(offset)
        if group is None or group.turn is None:
            return None
        turn = group.turn
        inside = turn.span.touches(offset)
        return turn if inside or (turn.attachments and turn.attachments.touches(offset)) else None

    def assistant_turn_at(self, offset: int) -> AssistantTurn | None:
        """Return the answer that `offset` touches, its commands and outputs included."""
        group = self._group_at(offset)
        found = group.reply if group else None
        return found if found and found.span.touches(offset) else None

    def assistant_turn_for(self, turn: UserTurn) -> AssistantTurn | None:
        """Return what stands as the answer to `turn`."""
        group = self._group_at(turn.span.start)
        return group.reply if group else None

    def command_block_at(self, offset: int) -> CommandBlock | None:
        """Return the command fence that `offset` touches, its outputs not included."""
        group = self._group_at(offset)
        blocks = group.command_blocks if group else ()
        return next((block for block in blocks if block.span.touches(offset)), None)

    def command_at(self, offset: int) -> Command | None:
        """Return the command on whose lines `offset` is; anywhere in the fence if it has one."""
        block = self.command_block_at(offset)
        if block is None:
            return None
        if len(block.commands) == 1:
            return block.commands[0]
        line = self.lines.line_of(offset)
        for command in block.commands:
            first = self.lines.line_of(command.span.start)
            if first <= line <= self.lines.line_of(command.span.end):
                return command
        return None

    def output_at(self, offset: int) -> Output | None:
        """Return the output fence that `offset` touches."""
        group = self._group_at(offset)
        if group is None:
            return None
        found = [output for block in group.command_blocks for output in block.outputs]
        found += group.loose_outputs
        return next((output for output in found if output.span.touches(offset)), None)

    def in_output(self, offset: int) -> bool:
        """Whether `offset` touches an output fence."""
        return self.output_at(offset) is not None

    def in_code(self, offset: int) -> bool:
        """Whether `offset` is inside a top-level fence (its marker lines not) or indented code."""
        line = self.lines.line_of(offset)
        number = self.blocks.at_line(line)
        if number is None:
            last = self.blocks.blocks[-1] if self.blocks.blocks else None
            return bool(last and not last.closed and line >= self.blocks.starts[-1])
        kind = self.blocks.blocks[number].kind
        if kind is BlockKind.FENCE:
            return line in self._structure.content_lines(number)
        return kind is BlockKind.CODE

    def in_html(self, offset: int) -> bool:
        """Whether `offset` is inside a top-level block of HTML, such as a comment."""
        number = self.blocks.at_line(self.lines.line_of(offset))
        return number is not None and self.blocks.blocks[number].kind is BlockKind.HTML

    def answer_above(self, turn: UserTurn) -> AssistantTurn | None:
        """Return the answer that `turn` stands directly below: to the user's turn before it."""
        number = self.blocks.at_line(self.lines.line_of(turn.span.start))
        start = self._structure.group_start(number) if number is not None else 0
        while start > 0:
            start = self._structure.group_start(start - 1)
            group = self._structure.read_group(start, ())
            if group.turn is not None:
                return group.reply
        return None

    def slice(self, span: Span) -> str:
        """Return the exact text of `span`."""
        return span.of(self.text)

    def _group_at(self, offset: int) -> Group | None:
        number = self.blocks.at_line(self.lines.line_of(offset))
        if number is None:
            return None
        start = self._structure.group_start(number)
        # A keystroke asks for several things at one place.
        if self._last_group is None or self._last_group[0] != start:
            group = self._structure.read_group(start, self._structure.titles_above(start))
            self._last_group = (start, group)
            return group
        return self._last_group[1]

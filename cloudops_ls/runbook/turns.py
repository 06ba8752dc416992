r"""What a runbook consists of: turns, command blocks, commands, outputs.

All offsets are code points in the text they were read from, half open. `text` and `content` of
these objects have newlines written as ``\n``; slice the runbook's text for the exact characters.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from enum import StrEnum

from cloudops_ls.runbook.text import Span


class TurnKind(StrEnum):
    """What a user's turn is made of."""

    PARAGRAPH = "paragraph"
    LIST = "list"
    TABLE = "table"


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading: context for the turns below it, not a turn."""

    span: Span
    level: int
    title: str


@dataclass(frozen=True, slots=True)
class UserTurn:
    """A top-level paragraph, list or table with what belongs to it.

    Parameters
    ----------
    span
        The paragraph, list or table.
    kind
        Which of them.
    text
        Its text.
    headings
        Titles of the headings it stands under, outermost first.
    attachments
        The fences, code, HTML, quotes and images directly below it.
    attached
        Their text.
    insert_at
        Where a reply goes: the end of the turn or of its attachments.
    """

    span: Span
    kind: TurnKind
    text: str
    headings: tuple[str, ...]
    attachments: Span | None
    attached: str
    insert_at: int


@dataclass(frozen=True, slots=True)
class Output:
    """A fence marked ``output=<execution id>``: never a command, never a turn.

    Parameters
    ----------
    span
        The whole fence.
    execution_id, status
        From the info string; empty when missing.
    language
        The first word of the info string, as written.
    content, content_span
        What is inside the fence.
    command
        The number of the command it belongs to, from 1, when the info string tells.
    closed
        False when only the end of the text closes the fence.
    """

    span: Span
    execution_id: str
    status: str
    language: str
    content: str
    content_span: Span
    command: int | None
    closed: bool


@dataclass(frozen=True, slots=True)
class Command:
    r"""One logical line that starts with ``aws``.

    Parameters
    ----------
    span
        From ``aws`` to the end of the last line.
    text
        The logical line: prompt, fence indentation and backslash-newlines removed, otherwise
        exact. A newline inside quotes is kept as ``\n``.
    number
        Its place among the commands of its block, from 1.
    output
        What its last run wrote into the file.
    pieces
        (offset in `text`, offset in the document) wherever the two drift apart.
    """

    span: Span
    text: str
    number: int
    output: Output | None
    pieces: tuple[tuple[int, int], ...]

    def document_offset(self, offset: int) -> int:
        """Return the document's offset of the character at `offset` of `text`."""
        piece = bisect_right(self.pieces, offset, key=lambda pair: pair[0]) - 1
        start, place = self.pieces[max(piece, 0)]
        return min(place + offset - start, self.span.end)

    def document_span(self, start: int, end: int) -> Span:
        """Return the document's range of ``text[start:end]``; an empty range stays empty."""
        first = self.document_offset(start)
        return Span(first, self.document_offset(end - 1) + 1 if end > start else first)


@dataclass(frozen=True, slots=True)
class CommandBlock:
    """A command fence with the output fences directly under it.

    Parameters
    ----------
    span
        The fence, without its outputs.
    language
        The first word of the info string, in lower case.
    content_span
        What is inside the fence.
    commands
        The runnable candidates, in order.
    outputs
        All output fences under it, in order, also those that no command claims.
    digest
        `cloudops_ls.runbook.digest.digest` of the whole fence.
    assistant
        Whether it stands where an answer's commands stand. Provenance is the digest's to tell.
    closed
        False when only the end of the text closes the fence.
    """

    span: Span
    language: str
    content_span: Span
    commands: tuple[Command, ...]
    outputs: tuple[Output, ...]
    digest: str
    assistant: bool
    closed: bool

    @property
    def end(self) -> int:
        """Where the block ends, outputs included."""
        return self.outputs[-1].span.end if self.outputs else self.span.end


@dataclass(frozen=True, slots=True)
class AssistantTurn:
    """A ``**CloudOps:**`` quote directly below a user's turn, with its command blocks.

    Parameters
    ----------
    span
        The quote and the command blocks with their outputs.
    quote
        The quote.
    text
        What the quote says, quote marks and ``**CloudOps:**`` removed.
    commands
        The command blocks directly below the quote.
    answers
        The user's turn above it.
    digest
        `cloudops_ls.runbook.digest.digest` of the quote; the caller knows which it has written.
    """

    span: Span
    quote: Span
    text: str
    commands: tuple[CommandBlock, ...]
    answers: UserTurn
    digest: str

"""The edits that the server makes to a runbook. Each changes nothing but what it names.

An edit that writes an answer or an output is read back before it is handed out, so that whatever
stands around it, it means what it was meant to.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cloudops_ls.runbook.digest import digest
from cloudops_ls.runbook.frontmatter import edit_front_matter
from cloudops_ls.runbook.parser import reparse
from cloudops_ls.runbook.reply import ReplyText, compose
from cloudops_ls.runbook.text import Span, TextEdit
from cloudops_ls.runbook.writing import clean_output, clean_word, fenced

if TYPE_CHECKING:
    from collections.abc import Container

    from cloudops_ls.runbook.model import AssistantTurn, Command, CommandBlock, Runbook, UserTurn
    from cloudops_ls.runbook.reply import ComposedReply


class NoPlace(Exception):  # noqa: N818  (it names the state of the file, not a fault)
    """The file has no place where this could be written without changing the user's text.

    Parameters
    ----------
    reason
        Why, as one sentence for the operator, without a trailing full stop.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class OutputText:
    """What a run of a command wrote. `content` may be any text."""

    execution_id: str
    status: str
    language: str
    content: str


def insert_reply(runbook: Runbook, turn: UserTurn, reply: ReplyText) -> TextEdit:
    """Return the edit that writes `reply` as the answer to `turn`.

    An answer that already stands there is left as it is, below the new one.

    Raises
    ------
    NoPlace
        When something left open above, a fence or an HTML block, would swallow the reply.
    """
    place = turn.insert_at
    newline = _newline(runbook, place)
    composed = compose(reply)
    text = newline * 2 + composed.written(newline) + _gap_below(runbook, place, newline)
    edit = _below_line(runbook, place, text, newline)
    _check_reply(runbook, edit, turn, composed)
    return edit


def replace_reply(
    runbook: Runbook, turn: AssistantTurn, reply: ReplyText, owned: Container[str]
) -> TextEdit:
    """Return the edit that writes `reply` in place of `turn`.

    Parameters
    ----------
    runbook
        The file.
    turn
        The answer to replace.
    reply
        The new answer.
    owned
        The digests of what the assistant has written. Command blocks with other digests are the
        user's, and stay, with their outputs, below the new answer.

    Raises
    ------
    NoPlace
        When the answer itself is not owned, because the user changed it or wrote it, or when one
        of the outputs is not closed and reaches over text that follows it.
    """
    if turn.digest not in owned:
        raise NoPlace("The answer was edited, so it is not replaced")
    replaced = [number for number, block in enumerate(turn.commands) if block.digest in owned]
    if any(not output.closed for number in replaced for output in turn.commands[number].outputs):
        raise NoPlace("The output below the answer has no closing fence")
    last = replaced[-1] if replaced else -1
    end = turn.commands[last].end if replaced else turn.quote.end
    newline = _newline(runbook, turn.quote.start)
    composed = compose(reply)
    parts = [composed.written(newline)]
    parts += (
        runbook.slice(Span(block.span.start, block.end))
        for number, block in enumerate(turn.commands[:last] if replaced else ())
        if number not in replaced
    )
    text = (newline * 2).join(parts) + _gap_below(runbook, end, newline)
    edit = TextEdit(Span(turn.quote.start, end), text)
    _check_reply(runbook, edit, turn.answers, composed)
    return edit


def set_output(runbook: Runbook, command: Command, output: OutputText) -> TextEdit:
    """Return the edit that writes `output` under the block of `command`, over its last output.

    Raises
    ------
    NoPlace
        When the command's fence, or its last output's, is not closed.
    """
    block = runbook.command_block_at(command.span.start)
    if block is None or command not in block.commands:
        raise NoPlace("The command is no longer in the file")
    if not block.closed:
        raise NoPlace("The command's code fence is not closed")
    old = command.output
    if old is not None and not old.closed:
        raise NoPlace("The output below the command has no closing fence")
    newline = _newline(runbook, block.span.start)
    content = clean_output(output.content)
    words = (
        clean_word(output.language) or "text",
        f"output={clean_word(output.execution_id)}",
        f"status={clean_word(output.status)}",
        *((f"command={command.number}",) if len(block.commands) > 1 else ()),
    )
    text = newline.join(fenced(content, " ".join(words)))
    if old is not None:
        edit = TextEdit(old.span, text)
    else:
        place = _output_place(block, command)
        below = runbook.lines.line_of(place) + 1
        blank = runbook.text[place:] and not _content(runbook, below).strip(" \t")
        gap = "" if blank else newline
        edit = _below_line(runbook, place, newline * 2 + text + gap, newline)
    _check_output(runbook, edit, command, clean_word(output.execution_id), content)
    return edit


def set_front_matter(runbook: Runbook, key: str, value: str) -> TextEdit:
    """Return the edit that sets `key` of the front matter, which it creates when there is none.

    Raises
    ------
    ValueError
        When `key` is no plain key.
    """
    return edit_front_matter(runbook.lines, runbook.front_matter, key, value)


def _below_line(runbook: Runbook, place: int, text: str, newline: str) -> TextEdit:
    """Return the edit that inserts a text, which begins with a line's end, at a line's end.

    It inserts behind that end, where there is one, which leads to the same text: editors take a
    cursor along that stands where they insert, and it mostly stands behind what was just typed.
    """
    below = place + len(newline)
    if runbook.text[place:below] == newline:
        return TextEdit(Span(below, below), text.removeprefix(newline) + newline)
    return TextEdit(Span(place, place), text)


def _newline(runbook: Runbook, offset: int) -> str:
    """Return how the line at `offset` ends, or the line above it at the end of the text."""
    line = runbook.lines.line_of(offset)
    above = runbook.lines.terminator(line - 1) if line else ""
    return runbook.lines.terminator(line) or above or "\n"


def _gap_below(runbook: Runbook, end: int, newline: str) -> str:
    """Return what must follow a text that ends at `end`, a line's end, for a blank line below.

    Without it the next line, or the next one that the user types, would continue a quote.
    """
    lines = runbook.lines
    line = lines.line_of(end)
    if line + 1 >= lines.line_count:
        return newline * 2
    blank = not _content(runbook, line + 1).strip(" \t") and line + 2 < lines.line_count
    return "" if blank else newline


def _content(runbook: Runbook, line: int) -> str:
    return runbook.text[runbook.lines.line_start(line) : runbook.lines.line_end(line)]


def _check_reply(runbook: Runbook, edit: TextEdit, turn: UserTurn, composed: ComposedReply) -> None:
    after = reparse(runbook, edit)
    written = after.user_turn_at(turn.span.start)
    found = after.assistant_turn_for(written) if written else None
    quote = digest("\n".join(composed.quote))
    blocks = tuple(digest("\n".join(lines)) for lines in composed.commands)
    if (
        written is None
        or found is None
        or (written.span, written.attachments) != (turn.span, turn.attachments)
        or found.digest != quote
        or tuple(block.digest for block in found.commands)[: len(blocks)] != blocks
    ):
        raise NoPlace("A code fence or an HTML block above the answer's place is not closed")


def _output_place(block: CommandBlock, command: Command) -> int:
    """Return where the first output of `command` goes: below those of the commands before it."""
    before = {other.output for other in block.commands[: command.number - 1]}
    ends = (output.span.end for output in block.outputs if output in before)
    return max(ends, default=block.span.end)


def _check_output(
    runbook: Runbook, edit: TextEdit, command: Command, execution_id: str, content: str
) -> None:
    found = reparse(runbook, edit).command_at(command.span.start)
    output = found.output if found else None
    if output is None or (output.execution_id, output.content) != (execution_id, content):
        raise NoPlace("There is no place for output under the command")

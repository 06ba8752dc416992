"""The edit that writes a turn of the operator's, in words that the operator gave."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudops_ls.runbook.edits import NoPlace
from cloudops_ls.runbook.parser import reparse
from cloudops_ls.runbook.text import Span, TextEdit
from cloudops_ls.runbook.writing import clean, fenced

if TYPE_CHECKING:
    from cloudops_ls.runbook.model import Runbook


def insert_turn(runbook: Runbook, place: int, text: str, *, command: str | None = None) -> TextEdit:
    """Return the edit that writes ``text`` as a paragraph of its own.

    Parameters
    ----------
    place
        The end of what it goes below: an answer, or a command block with its outputs.
    command
        A command of one line, written into a code fence below the paragraph.

    Raises
    ------
    NoPlace
        When it would not be read back as exactly one turn of the user's there.
    """
    words = " ".join(clean(text).split())
    line = runbook.lines.line_of(place)
    newline = runbook.lines.terminator(line) or runbook.lines.terminator(line - 1) or "\n"
    below = line + 1
    blank = below < runbook.lines.line_count and not runbook.text[
        runbook.lines.line_start(below) : runbook.lines.line_end(below)
    ].strip(" \t")
    fence = f"{newline * 2}{newline.join(fenced(command, 'aws'))}" if command is not None else ""
    edit = TextEdit(Span(place, place), newline * 2 + words + fence + ("" if blank else newline))
    after = reparse(runbook, edit)
    start = place + 2 * len(newline)
    turn = after.user_turn_at(start)
    if turn is None or turn.span != Span(start, start + len(words)):
        raise NoPlace("There is no place for a paragraph of its own below it")
    if len(after.user_turns) != len(runbook.user_turns) + 1:
        raise NoPlace("What stands below it would be read differently")
    if command is not None:
        written = after.command_at(start + len(words) + len(fence) - 1)
        if written is None or written.text != command:
            raise NoPlace("The command would be read differently there")
    return edit

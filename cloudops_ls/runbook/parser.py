"""Text to `Runbook`, whole or after an edit."""

from __future__ import annotations

from cloudops_ls.runbook.blocks import read_blocks, reread_blocks
from cloudops_ls.runbook.frontmatter import read_front_matter
from cloudops_ls.runbook.model import Runbook
from cloudops_ls.runbook.text import LineIndex, TextEdit


def parse(text: str) -> Runbook:
    """Return the runbook that `text` is. Any text is one; this never raises."""
    lines = LineIndex(text)
    matter = read_front_matter(lines)
    return Runbook(lines, matter, read_blocks(lines, matter.first_line if matter else 0))


def reparse(previous: Runbook, edit: TextEdit, lines: LineIndex | None = None) -> Runbook:
    """Return ``parse`` of the text after `edit`, at the cost of what the edit touches.

    Parameters
    ----------
    previous
        The runbook before the edit.
    edit
        What changed.
    lines
        The lines after the edit, where the caller has them already.

    Raises
    ------
    ValueError
        When the edit reaches beyond the text.
    """
    if not 0 <= edit.span.start <= edit.span.end <= len(previous.text):
        raise ValueError(f"edit at {edit.span} leaves the text")
    lines = lines or previous.lines.replace(edit)
    matter = read_front_matter(lines)
    first = matter.first_line if matter else 0
    before = previous.front_matter.first_line if previous.front_matter else 0
    blocks = reread_blocks(
        previous.blocks,
        previous.lines,
        edit,
        lines,
        first=first,
        keep=first == before and previous.lines.line_of(edit.span.start) >= first,
    )
    return Runbook(lines, matter, blocks)

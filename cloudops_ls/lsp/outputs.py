"""What a command prints, on its way into the runbook."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from cloudops_ls.lsp.documents import smallest_edit
from cloudops_ls.lsp.editing import Written, write
from cloudops_ls.runbook.edits import NoPlace, OutputText, set_output
from cloudops_ls.runbook.text import Span, TextEdit

if TYPE_CHECKING:
    from cloudops_ls.commands.excerpt import Excerpt
    from cloudops_ls.lsp.documents import RunbookDocument
    from cloudops_ls.lsp.session import Session
    from cloudops_ls.runbook.model import Command

_LONGEST_TEXT = 65_536
"""Characters of output in the file, whatever its lines."""


class OutputWriter:
    """Keeps the output fence of one execution up to date, wherever its command moves.

    Parameters
    ----------
    session, document, command
        Which command of which file.
    execution_id
        Marks the fence.
    lines
        Most lines written into the file.
    """

    def __init__(
        self,
        session: Session,
        document: RunbookDocument,
        command: Command,
        execution_id: str,
        lines: int,
    ) -> None:
        self._session = session
        self._document = document
        self._text = command.text
        self._anchor = document.anchor(command.span)
        self._execution_id = execution_id
        self._lines = lines

    async def show(self, status: str, content: Excerpt, note: str | None = None) -> bool:
        """Write the output so far; return whether it is in the file.

        Parameters
        ----------
        note
            What else there is to say, below it.
        """
        shown = cut(content, self._lines, self._execution_id)
        language = language_of(content)
        if note is not None:
            shown, language = f"{shown}\n{note}".lstrip("\n"), "text"
        output = OutputText(self._execution_id, status, language, shown)
        try:
            written = await write(
                self._session.server,
                self._document,
                "Output of a command",
                lambda: self._edits(output),
            )
        except NoPlace:
            return False
        return written is Written.DONE

    def _edits(self, output: OutputText) -> list[TextEdit] | None:
        runbook = self._document.runbook
        command = runbook.command_at(self._anchor.span.start) if self._anchor.alive else None
        if command is None:
            return None
        ours = command.output is not None and command.output.execution_id == self._execution_id
        if command.text != self._text and not ours:
            # Output under a command that did not produce it would be a lie.
            return None
        edit = smallest(set_output(runbook, command, output), runbook.text)
        return [edit] if edit.new_text or edit.span.start < edit.span.end else []


def smallest(edit: TextEdit, text: str) -> TextEdit:
    """Return the edit without what it leaves as it is at both ends.

    Output grows at its end: an editor then moves neither the cursor nor what is on screen.
    """
    old, new = edit.span.of(text), edit.new_text
    inner = smallest_edit(old, new)
    head, tail = inner.span.start, len(old) - inner.span.end
    # No client can point between the two characters of a line's end.
    if old[:head].endswith("\r"):
        head -= 1
    if old[len(old) - tail - 1 : len(old) - tail] == "\r" and tail:
        tail -= 1
    span = Span(edit.span.start + head, edit.span.end - tail)
    return TextEdit(span, new[head : len(new) - tail])


def language_of(content: Excerpt) -> str:
    """Return the info string's language for an output."""
    text = content.text.strip() if content.whole else ""
    if text.startswith(("{", "[")):
        try:
            json.loads(text)
        except (ValueError, RecursionError):
            return "text"
        return "json"
    return "text"


def pointer_to(execution_id: str) -> str:
    """Return where the whole of a cut output is."""
    return f"the whole is stored: cloudops-ls executions show {execution_id}"


def cut(content: Excerpt, lines: int, execution_id: str) -> str:
    """Return the head and tail of long output, with where the whole is between them."""
    head, tail = content.head, content.tail.rstrip("\n")
    if content.whole:
        head = tail = content.text.rstrip("\n")
    rows = [head.split("\n"), tail.split("\n")]
    total = (
        len(rows[0]) if content.whole else content.line_ends + 1 - (len(content.tail) - len(tail))
    )
    pointer = pointer_to(execution_id)
    shown = head if content.whole else f"{head}{tail}"
    if total > lines:
        upper = rows[0][: lines // 2]
        lower = rows[1][-(lines - len(upper)) :]
        left_out = total - len(upper) - len(lower)
        shown = "\n".join([*upper, f"… {left_out:,} lines left out; {pointer} …", *lower])
    if len(shown) > _LONGEST_TEXT:
        half = _LONGEST_TEXT // 2
        left_out = content.length - 2 * half
        shown = f"{head[:half]}\n… {left_out:,} characters left out; {pointer} …\n{tail[-half:]}"
    return shown

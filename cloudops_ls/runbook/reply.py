"""An assistant's reply as lines of Markdown that read back as nothing else.

Prose is quoted line by line, and every command that is one ``aws`` line stands in a fence of its
own. A command in any other form is shown inside the quote and can never be run.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from cloudops_ls.runbook.blocks import read_blocks
from cloudops_ls.runbook.digest import digest
from cloudops_ls.runbook.fences import LogicalLine, is_aws, logical_lines
from cloudops_ls.runbook.structure import ASSISTANT
from cloudops_ls.runbook.text import LineIndex, Span, normalize_newlines
from cloudops_ls.runbook.writing import clean, fenced

# A first line that means something only at the beginning of a line goes below the marker.
_BLOCK_BEGINNING = re.compile(
    r"(?:\s{4}|\t|```|~~~|#{1,6}(?:\s|$)|>|[-+*](?:\s|$)|\d{1,9}[.)](?:\s|$)|\||<)"
    r"|[^\n]*\n[ ]{0,3}[|:-][|: \t-]*(?:\n|$)"
)
_NOT_RUNNABLE = "Not offered to run, because it is not one plain `aws` line:"


@dataclass(frozen=True, slots=True)
class ReplyText:
    """What an assistant says, and the commands that it proposes, in order. Any text at all."""

    body: str
    commands: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReplyDigests:
    """The digests that a reply has once it is written; see `AssistantTurn` and `CommandBlock`."""

    quote: str
    commands: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ComposedReply:
    """A reply's parts as Markdown lines."""

    quote: tuple[str, ...]
    commands: tuple[tuple[str, ...], ...]

    def written(self, newline: str) -> str:
        """Return the whole reply, without a newline at its end."""
        return (newline * 2).join(newline.join(part) for part in (self.quote, *self.commands))


def compose(reply: ReplyText) -> ComposedReply:
    """Return the lines that `reply` is written as."""
    said = [clean(reply.body).strip("\n")]
    shown = [clean(command).strip("\n") for command in reply.commands if not _runnable(command)]
    if shown:
        said.append("\n".join((*_closing(said[0]), _NOT_RUNNABLE)))
    said += ("\n".join(fenced(command, "text")) for command in shown)
    runnable = [plain for command in reply.commands if (plain := _runnable(command))]
    body = "\n\n".join(part for part in said if part.strip())
    first = f"{ASSISTANT}\n\n" if _BLOCK_BEGINNING.match(body) else f"{ASSISTANT} "
    lines = (first + body).split("\n")
    quote = tuple(f"> {line}".rstrip(" \t") for line in lines)
    return ComposedReply(quote, tuple(tuple(fenced(plain, "aws")) for plain in runnable))


def _closing(body: str) -> tuple[str, ...]:
    """Return the line that closes a fence left open at the end of `body`, so that it ends there."""
    lines = LineIndex(body)
    found = read_blocks(lines, 0)
    if not found.blocks or found.blocks[-1].closed:
        return ()
    mark = body[lines.line_start(found.starts[-1]) :].lstrip(" ")[:1]
    return (mark * found.blocks[-1].level, "")


def runnable_commands(reply: ReplyText) -> tuple[str, ...]:
    """Return the texts that the reply's commands have once written, without those only shown."""
    plain = (_runnable(command) for command in reply.commands)
    lines = (_one_line(command) for command in plain if command is not None)
    return tuple(line.text for line in lines if line is not None)


def reply_digests(reply: ReplyText) -> ReplyDigests:
    """Return the digests that `reply` has once it is written, whatever the file's newlines."""
    composed = compose(reply)
    return ReplyDigests(
        quote=digest("\n".join(composed.quote)),
        commands=tuple(digest("\n".join(lines)) for lines in composed.commands),
    )


def _runnable(command: str) -> str | None:
    """Return `command` as it is written into a fence, or None when it may only be shown.

    A command with characters that nobody sees, or that only look like a space, is not repaired:
    what is run must be what was proposed and what was read.
    """
    plain = normalize_newlines(command).strip(" \t\n")
    line = _one_line(plain)
    visible = all(character.isprintable() or character in "\n\t" for character in plain)
    return plain if line is not None and visible else None


def _one_line(plain: str) -> LogicalLine | None:
    rows, start = [], 0
    for row in plain.split("\n"):
        rows.append(Span(start, start + len(row)))
        start += len(row) + 1
    lines = list(logical_lines(plain, rows, 0, prompted_only=False))
    if len(lines) != 1 or lines[0].height != len(rows):
        return None
    line = lines[0]
    alone = is_aws(line.text) and line.pieces[0] == (0, 0)
    return line if alone and not line.open_quote and not line.dangling else None

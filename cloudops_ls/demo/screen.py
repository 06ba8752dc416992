"""How the demo's editor looks in a terminal: the buffer, a popup at the cursor, a status line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.markdown import Markdown
from rich.padding import Padding
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.rule import Rule
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lsprotocol import types
    from rich.console import Console, RenderableType

    from cloudops_ls.demo.buffer import Buffer
    from cloudops_ls.demo.editor import Work

WIDTH = 100
"""Widest the demo draws; runbooks are read, not spread."""
HEIGHT = 16
"""Lines of the file in view."""
ABOVE = 0.66
"""Share of them above the cursor."""
_GUTTER = 4
_LISTED = 5
_MARKDOWN = Syntax("", "markdown", theme="ansi_dark", background_color="default")


def draw_editor(
    console: Console,
    buffer: Buffer,
    *,
    popup: RenderableType | None = None,
    lenses: Mapping[str, str] | None = None,
    status: RenderableType | None = None,
    height: int = HEIGHT,
    above: float = ABOVE,
) -> Panel:
    """Return the editor's window around the cursor.

    Parameters
    ----------
    console
        Decides how text wraps.
    buffer
        What is shown.
    popup
        Shown below the cursor's line, such as a completion list or a hover card.
    lenses
        Code lens titles by the text of the line they stand above.
    status
        Shown at the foot.
    height
        Lines of the file in view.
    above
        Share of them above the cursor.
    """
    width = min(console.width, WIDTH)
    rows, cursor = _rows(console, buffer, lenses or {}, width - 4 - _GUTTER)
    # Something that hangs below the cursor needs its room there.
    ahead = int(height * (0.3 if popup is not None else above))
    first = max(0, min(cursor - ahead, len(rows) - height))
    shown: list[RenderableType] = list(rows[first : first + height])
    if popup is not None:
        below = cursor - first + 1
        shown[below:] = [Padding(popup, (0, 0, 0, _GUTTER + 2)), *shown[below : below + 2]]
    if status is not None:
        shown += [Rule(style="dim"), status]
    return Panel(
        Group(*shown),
        title=f"[bold]{buffer.path.name}[/]",
        title_align="left",
        border_style="blue",
        width=width,
    )


def completion_list(items: Sequence[types.CompletionItem], chosen: int | None = None) -> Panel:
    """Return the completion popup."""
    table = Table.grid(padding=(0, 2))
    first = max(0, (chosen or 0) - _LISTED + 1)
    for index, item in enumerate(items[first : first + _LISTED], first):
        style = "reverse" if index == chosen else ""
        table.add_row(item.label, Text(item.detail or "", style="dim"), style=style)
    if len(items) > _LISTED:
        table.add_row("", Text(f"{len(items)} in all", style="dim italic"))
    return Panel(table, border_style="cyan", expand=False)


def hover_card(markdown: str, width: int = WIDTH - 16) -> Panel:
    """Return a hover card."""
    return Panel(
        Markdown(markdown),
        border_style="cyan",
        title="hover",
        title_align="left",
        width=width,
    )


def progress_line(work: Work) -> Table:
    """Return the status line of work in progress: title, bar, last message."""
    row = Table.grid(padding=(0, 1), expand=True)
    row.add_column(no_wrap=True)
    cells: list[RenderableType] = [Text(work.title or "Working", style="bold")]
    if work.percentage is not None:
        row.add_column(width=24)
        cells.append(ProgressBar(total=100, completed=work.percentage, width=24))
    row.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    cells.append(Text(work.lines[-1] if work.lines else "…", style="dim"))
    row.add_row(*cells)
    return row


def _rows(
    console: Console, buffer: Buffer, lenses: Mapping[str, str], width: int
) -> tuple[list[Text], int]:
    """Return the buffer's visual rows and the row that holds the cursor."""
    code = _MARKDOWN.highlight(buffer.text)
    # Pygments ends every text with one line feed.
    if len(code.plain) > len(buffer.text):
        code.right_crop(len(code.plain) - len(buffer.text))
    cursor_line = buffer.text.count("\n", 0, buffer.cursor)
    column = buffer.cursor - (buffer.text.rfind("\n", 0, buffer.cursor) + 1)
    rows: list[Text] = []
    cursor_row = 0
    for number, line in enumerate(code.split("\n", allow_blank=True)):
        if line.plain in lenses:
            rows.append(Text(" " * _GUTTER + lenses[line.plain], style="italic yellow"))
        if number == cursor_line:
            line.append(" ")
            line.stylize("reverse", column, column + 1)
        wrapped = line.wrap(console, width, tab_size=4) or [Text()]
        for index, part in enumerate(wrapped):
            gutter = f"{number + 1:>{_GUTTER - 1}} " if index == 0 else " " * _GUTTER
            rows.append(Text(gutter, style="dim").append_text(_plainly(part)))
        if number == cursor_line:
            cursor_row = len(rows) - 1
    return rows, cursor_row


def _plainly(part: Text) -> Text:
    part.no_wrap = True
    part.end = ""
    # The gutter's style must not reach the line.
    return Text("", style="not dim").append_text(part)

"""What the tour shows itself on: headings, one live picture at a time, and questions."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.live import Live
from rich.panel import Panel
from rich.rule import Rule
from rich.text import Text

from cloudops_ls.demo.keyboard import Keyboard
from cloudops_ls.demo.screen import WIDTH

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console, RenderableType

    from cloudops_ls.demo.editor import Question

FRAME_SECONDS = 0.04


class Stage:
    """A terminal to perform on.

    Parameters
    ----------
    console
        Where everything is printed.
    pace
        Multiplies every pause; 0 removes them.
    yes
        Answer every question with yes, and say so.

    Attributes
    ----------
    questions
        Every question that was asked, with its answer.
    """

    def __init__(self, console: Console, *, pace: float, yes: bool) -> None:
        self.console = console
        self.questions: list[tuple[Question, str | None]] = []
        self._pace = pace
        self._yes = yes
        self._keyboard = Keyboard()
        self._paint: Callable[[], RenderableType] | None = None
        self._live: Live | None = None
        self._due: asyncio.TimerHandle | None = None

    @property
    def answers_itself(self) -> bool:
        """Whether no person is asked."""
        return self._yes

    @property
    def width(self) -> int:
        """Columns to draw on."""
        return min(self.console.width, WIDTH)

    def step(self, number: int, title: str, explanation: str) -> None:
        """Begin a step with a heading and what is about to be seen."""
        self.console.print()
        heading = Text(f"{number}  {title}", style="bold")
        self.console.print(Rule(heading, align="left", style="blue"), width=self.width)
        self.console.print(Text.from_markup(explanation), width=self.width)
        self.console.print()

    def say(self, markup: str) -> None:
        """Print a remark below the picture."""
        self.console.print(Text.from_markup(markup), width=self.width)

    def done(self, what: str) -> None:
        """Print what has been observed."""
        self.console.print(Text.assemble(("✓ ", "bold green"), what), width=self.width)

    async def pause(self, seconds: float) -> None:
        """Give the reader time; also lets the server's messages in."""
        await asyncio.sleep(seconds * self._pace)

    @contextmanager
    def picture(self, paint: Callable[[], RenderableType]) -> Iterator[None]:
        """Show a live picture; its last state stays on the screen.

        Where there is no terminal only that last state is printed.
        """
        self._paint = paint
        self._resume()
        try:
            yield
        finally:
            self._suspend()
            self._paint = None
        self.console.print(paint())

    def redraw(self) -> None:
        """Paint the live picture again, soon; a burst of changes is painted once."""
        if self._live is not None and self._due is None:
            self._due = asyncio.get_running_loop().call_later(FRAME_SECONDS, self._refresh)

    def _refresh(self) -> None:
        self._due = None
        if self._live is not None and self._paint is not None:
            self._live.update(self._paint(), refresh=True)

    async def answer(self, question: Question) -> str | None:
        """Put a question of the server to the operator and return the choice.

        Nothing typed, or the end of the input, closes the question without an answer.
        """
        self._suspend()
        try:
            self.console.print(
                Panel(
                    Text(question.message),
                    title="[bold]confirmation[/]",
                    title_align="left",
                    border_style="yellow",
                    width=self.width,
                )
            )
            chosen = await self._choose(question)
        finally:
            self._resume()
        self.questions.append((question, chosen))
        return chosen

    async def _choose(self, question: Question) -> str | None:
        options = Text()
        for number, choice in enumerate(question.choices, 1):
            options.append(f"{number} ", "bold").append(f"{choice}   ")
        if self._yes:
            chosen = question.yes
            self.console.print(options, Text.assemble(("--yes answers: ", "dim"), chosen), "")
            return chosen
        while True:
            self.console.print(options, Text("(Enter alone: no answer) > ", "dim"), end="")
            typed = await self._keyboard.line()
            if not typed:
                self.console.print(Text("No answer, which is a No.", "dim"), "", sep="\n")
                return None
            for number, choice in enumerate(question.choices, 1):
                if typed.casefold() in (str(number), choice.casefold()):
                    self.console.print()
                    return choice

    def _suspend(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _resume(self) -> None:
        if self._paint is not None and self.console.is_terminal:
            self._live = Live(
                self._paint(), console=self.console, auto_refresh=False, transient=True
            )
            self._live.start(refresh=True)

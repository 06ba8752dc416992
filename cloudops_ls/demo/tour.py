"""``cloudops-ls demo``: the whole product on a stand-in AWS, and nothing left behind."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from cloudops_ls import logs
from cloudops_ls.demo.sandbox import Sandbox
from cloudops_ls.demo.stage import Stage
from cloudops_ls.demo.steps import Steps
from cloudops_ls.errors import CloudOpsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

REFUSED = 1
_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")


def run_demo(*, yes: bool, keep: bool, pace: float) -> int:
    """Show the whole of cloudops-ls on a stand-in AWS, in a temporary home.

    Parameters
    ----------
    yes
        Answer the confirmations with yes, and say so.
    keep
        Afterwards keep the stand-in AWS and the home until Ctrl-C, to try them with an editor.
    pace
        Multiplies every pause. Without a terminal there are none.

    Returns
    -------
    int
        0 when every step was observed, 1 when not, 128 + signal number when interrupted.
    """
    # Library logs on the terminal would tear the pictures, and may carry the runbook's text.
    logs.configure(logging.NullHandler())
    console = Console(highlight=False)
    stage = Stage(console, pace=pace if console.is_terminal else 0.0, yes=yes)
    demo = _Demo(stage, keep=keep)
    try:
        return asyncio.run(demo.run())
    except (asyncio.CancelledError, KeyboardInterrupt):
        console.print("\n[yellow]Interrupted.[/] Everything the demo made is gone.")
        return 128 + demo.interrupted_by
    except CloudOpsError as error:
        console.print()
        console.print(Text.assemble(("✗ ", "bold red"), str(error)))
        return 1


class _Demo:
    """The tour within its sandbox, ended in order by the first signal that comes."""

    def __init__(self, stage: Stage, *, keep: bool) -> None:
        self._stage = stage
        self._keep = keep
        self._enough: asyncio.Event | None = None
        """Set by a signal, once the tour is over and the estate is kept."""
        self.interrupted = False
        self.interrupted_by = int(signal.SIGINT)

    async def run(self) -> int:
        show = asyncio.ensure_future(self._show())
        with _signals(lambda number: self._interrupt(show, number)):
            return await show

    def _interrupt(self, show: asyncio.Future[int], number: int) -> None:
        if self._enough is not None:
            self._enough.set()
        elif not self.interrupted:
            # Once is enough: a second Ctrl-C must not interrupt the cleaning up.
            self.interrupted = True
            self.interrupted_by = number
            show.cancel()

    async def _show(self) -> int:
        sandbox = Sandbox()
        try:
            steps = Steps(self._stage, sandbox)
            await steps.run()
            self._say_how_to_go_on(sandbox, refused=steps.refused)
            if self._keep:
                self._enough = asyncio.Event()
                await self._enough.wait()
                self._stage.say("\nClosing …")
        finally:
            await sandbox.close()
        if self._keep:
            self._stage.say("Everything the demo made is gone.")
        return REFUSED if steps.refused else 0

    def _say_how_to_go_on(self, sandbox: Sandbox, *, refused: bool) -> None:
        say = self._stage.say
        say("")
        if refused:
            say(
                "[bold yellow]You refused the command[/], so the steps that depend on it were not "
                "shown. Nothing was changed."
            )
        else:
            say("[bold green]That was all of it:[/] every step went through the language server.")
        say("")
        if not self._keep:
            say("To try the same runbook and estate in VS Code or Neovim, run\n")
            say("  [cyan]cloudops-ls demo --keep[/]\n")
            say("It keeps both until Ctrl-C, and prints the commands that open them there.")
            return
        say("The stand-in AWS keeps running. In another terminal:\n")
        commands = sandbox.editor_commands()
        for comment, command in commands:
            self._stage.console.print(Text(f"  # {comment}", "dim"))
            # Exactly as it is to be copied: never wrapped.
            self._stage.console.print(Text(f"  {command}", "cyan"), soft_wrap=True)
        say("\nClose the editor, then press [bold]Ctrl-C[/] here: it removes everything.")


@contextlib.contextmanager
def _signals(handle: Callable[[int], None]) -> Iterator[None]:
    """Have ``handle`` called in the event loop for each signal that would end this process."""
    loop = asyncio.get_running_loop()
    numbers = [getattr(signal, name) for name in _SIGNALS if hasattr(signal, name)]
    # Windows has no such handlers; there Ctrl-C cancels through asyncio.run.
    with contextlib.suppress(NotImplementedError):
        for number in numbers:
            loop.add_signal_handler(number, handle, number)
    try:
        yield
    finally:
        with contextlib.suppress(NotImplementedError):
            for number in numbers:
                loop.remove_signal_handler(number)

"""A program in a terminal of its own: keys go in, the screen comes out."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

WIDTH, HEIGHT = 120, 44
SECONDS = 60.0
"""Nothing takes this long; a machine under load gets it all the same."""

_CONFIGURATION = """\
set -g remain-on-exit on
set -s escape-time 0
set -g default-terminal tmux-256color
"""
"""What a program last said stays to be read when it ends, and Escape is not waited after."""


class Terminal:
    """A program under tmux.

    Parameters
    ----------
    directory
        Where tmux keeps its socket; also the program's working directory.
    command
        The program and its arguments.
    environment
        The whole environment of the program.
    """

    def __init__(
        self, directory: Path, command: Sequence[str], environment: Mapping[str, str]
    ) -> None:
        self._socket = directory / "tmux"
        self._environment = {
            **environment,
            "LC_ALL": "C.UTF-8",
            "TERM": "xterm-256color",
            "HOME": str(directory),
            "XDG_CONFIG_HOME": str(directory / "config"),
            "XDG_DATA_HOME": str(directory / "data"),
            "XDG_STATE_HOME": str(directory / "state"),
            "XDG_CACHE_HOME": str(directory / "cache"),
        }
        configuration = directory / "tmux.conf"
        configuration.write_text(_CONFIGURATION)
        size = ("-x", str(WIDTH), "-y", str(HEIGHT))
        place = ("-f", str(configuration), "new-session", "-d", *size, "-c", str(directory))
        self._tmux(*place, *command)
        self.pid = int(self._tmux("display", "-p", "#{pane_pid}"))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._tmux("kill-server")

    def keys(self, *names: str) -> None:
        """Press keys, by tmux's names: ``Enter``, ``Escape``, ``C-x``."""
        self._tmux("send-keys", *names)
        if names[-1] == "Escape":
            # Only time tells Escape and x from Alt-x.
            time.sleep(0.2)

    def type(self, text: str) -> None:
        """Type text."""
        self._tmux("send-keys", "-l", text)

    def screen(self) -> str:
        """Return what the screen shows, without the blanks at the ends of lines."""
        return self._tmux("capture-pane", "-p").rstrip()

    def until(self, pattern: str, *, gone: bool = False, seconds: float = SECONDS) -> str:
        """Wait until the screen shows a regular expression, or no longer does; return it."""
        deadline = time.monotonic() + seconds
        while (re.search(pattern, screen := self.screen()) is None) is not gone:
            if time.monotonic() > deadline:
                what = "still" if gone else "never"
                raise AssertionError(f"{what} shown: {pattern}\nOn the screen:\n{screen}")
            time.sleep(0.05)
        return screen

    def insist(self, pattern: str, *names: str) -> str:
        """Press keys every two seconds until the screen shows a regular expression.

        For what depends on what a server has read by then.
        """
        deadline = time.monotonic() + SECONDS
        while True:
            self.keys(*names)
            try:
                return self.until(pattern, seconds=2)
            except AssertionError:
                if time.monotonic() > deadline:
                    raise

    def _tmux(self, *arguments: str) -> str:
        done = subprocess.run(
            ["tmux", "-u", "-S", str(self._socket), *arguments],
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode == 0, f"tmux {arguments[0]}: {done.stderr}"
        return done.stdout


def tmux_is_there() -> bool:
    """Whether terminals can be had here."""
    return shutil.which("tmux") is not None

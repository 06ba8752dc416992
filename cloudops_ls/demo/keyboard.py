"""Lines typed in the terminal, awaited without holding up the event loop."""

from __future__ import annotations

import asyncio
import os
import sys
import threading


class Keyboard:
    """Reads standard input line by line.

    A daemon thread reads a duplicate of the file descriptor: a thread blocked inside
    ``sys.stdin`` itself would keep the interpreter from ending after Ctrl-C.
    """

    def __init__(self) -> None:
        self._lines: asyncio.Queue[str | None] = asyncio.Queue()
        self._started = False

    async def line(self) -> str | None:
        """Return the next line without its end; None when there will be no more."""
        if not self._started:
            self._started = True
            loop = asyncio.get_running_loop()
            # A descriptor of its own, so that nobody closes it under the thread.
            try:
                source = os.dup(sys.stdin.fileno())
            except (OSError, ValueError):
                # Started without any standard input.
                self._lines.put_nowait(None)
            else:
                threading.Thread(target=self._read, args=(loop, source), daemon=True).start()
        line = await self._lines.get()
        if line is None:
            self._lines.put_nowait(None)
        return line

    async def end(self) -> None:
        """Return when there will be no more lines."""
        while await self.line() is not None:
            pass

    def _read(self, loop: asyncio.AbstractEventLoop, source: int) -> None:
        with os.fdopen(source, "rb", buffering=0) as keys:
            for line in keys:
                if not _hand_over(loop, self._lines, line.decode(errors="replace").strip()):
                    return
        _hand_over(loop, self._lines, None)


def _hand_over(
    loop: asyncio.AbstractEventLoop, lines: asyncio.Queue[str | None], line: str | None
) -> bool:
    """Queue a line in the event loop; return whether that loop is still there."""
    try:
        loop.call_soon_threadsafe(lines.put_nowait, line)
    except RuntimeError:
        return False
    return True

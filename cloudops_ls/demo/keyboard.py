"""Lines typed in the terminal, awaited without holding up the event loop."""

from __future__ import annotations

import asyncio
import os
import sys
import threading

_CHUNK = 4096


class Keyboard:
    """Reads standard input line by line.

    A daemon thread reads the file descriptor itself: a thread blocked inside ``sys.stdin``
    would keep the interpreter from ending after Ctrl-C.
    """

    def __init__(self) -> None:
        self._lines: asyncio.Queue[str | None] = asyncio.Queue()
        self._started = False

    async def line(self) -> str | None:
        """Return the next line without its end; None when there will be no more."""
        if not self._started:
            self._started = True
            loop = asyncio.get_running_loop()
            threading.Thread(target=self._read, args=(loop,), daemon=True).start()
        line = await self._lines.get()
        if line is None:
            self._lines.put_nowait(None)
        return line

    def _read(self, loop: asyncio.AbstractEventLoop) -> None:
        rest = b""
        while True:
            try:
                chunk = os.read(sys.stdin.fileno(), _CHUNK)
            except (OSError, ValueError):
                chunk = b""
            *whole, rest = (rest + chunk).split(b"\n")
            lines: list[str | None] = [line.decode(errors="replace").strip() for line in whole]
            if not chunk:
                lines += [rest.decode(errors="replace").strip() or None, None]
            try:
                for line in lines:
                    loop.call_soon_threadsafe(self._lines.put_nowait, line)
            except RuntimeError:
                # The demo has ended meanwhile.
                return
            if not chunk:
                return

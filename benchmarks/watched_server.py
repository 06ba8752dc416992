"""The language server over stdio, with its event loop watched: ``bench_scan`` starts it.

A turn of the loop is asked for every millisecond. What lies between two turns is written down:
the time, and how much of it the loop's own thread was computing. The rest is other processes'.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cloudops_ls import composition
from cloudops_ls.lsp import lifecycle

if TYPE_CHECKING:
    from pygls.lsp.server import LanguageServer

_TURN = 0.001
_WRITE = 0.5


async def _watch() -> None:
    told = Path(os.environ["CLOUDOPS_WATCHED"])
    gaps: dict[str, list[float]] = {"wall": [], "cpu": []}
    written = time.perf_counter()
    while True:
        before, computed = time.perf_counter(), time.thread_time()
        await asyncio.sleep(_TURN)
        after = time.perf_counter()
        gaps["wall"].append(1000 * max(0.0, after - before - _TURN))
        gaps["cpu"].append(1000 * (time.thread_time() - computed))
        if after - written > _WRITE:
            # What writing takes lies outside of what is measured.
            told.write_text(json.dumps(gaps))  # noqa: ASYNC240
            written = time.perf_counter()


def main() -> None:
    original = lifecycle.watch_client

    async def watch_client(server: LanguageServer) -> None:
        # Started with `initialized`; the start itself has a benchmark of its own.
        watching: Any = asyncio.create_task(_watch())
        try:
            await original(server)
            await asyncio.Event().wait()
        finally:
            watching.cancel()

    lifecycle.watch_client = watch_client
    composition.serve_stdio()


if __name__ == "__main__":
    sys.exit(main())

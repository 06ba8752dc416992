"""``cloudops-ls demo --serve``: the demo's estate for an editor, instead of the tour.

It writes lines of JSON on standard output: ``{"progress": …}`` while it is built, then one
``{"ready": {…}}``, or one ``{"error": …}``. It stays until its standard input ends, so that it
ends with the editor that started it however that ends, and leaves nothing behind.
"""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import sys
from typing import Any

from cloudops_ls import logs
from cloudops_ls.demo.estate import fill
from cloudops_ls.demo.keyboard import Keyboard
from cloudops_ls.demo.sandbox import SETTINGS, Sandbox
from cloudops_ls.errors import CloudOpsError


def serve_demo() -> int:
    """Keep the demo's estate for an editor until standard input ends; return the exit status."""
    logs.configure(logging.NullHandler())
    # Ctrl-C reaches the whole terminal group; the editor decides when the demo goes away.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        return asyncio.run(_serve())
    except CloudOpsError as error:
        _tell({"error": str(error)})
        return 1


async def _serve() -> int:
    ended = asyncio.ensure_future(Keyboard().end())
    _end_with_signal(ended)
    sandbox = await asyncio.to_thread(Sandbox)
    try:
        _tell({"progress": "Starting a stand-in AWS"})
        await asyncio.to_thread(sandbox.cloud.start)
        _tell({"progress": "Creating its resources"})
        await asyncio.to_thread(fill, sandbox.cloud)
        _tell(
            {
                "ready": {
                    "environment": sandbox.variables(),
                    "settings": SETTINGS,
                    "folder": str(sandbox.folder),
                    "runbook": str(sandbox.runbook),
                }
            }
        )
        await asyncio.wait([ended])
    finally:
        await sandbox.close()
    return 0


def _end_with_signal(ended: asyncio.Future[None]) -> None:
    loop = asyncio.get_running_loop()
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and sys.platform != "win32":
            loop.add_signal_handler(number, ended.cancel)


def _tell(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()

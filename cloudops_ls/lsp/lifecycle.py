"""How the server starts, notices that its client is gone, and ends with the right exit code."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from typing import TYPE_CHECKING

from lsprotocol import types

from cloudops_ls import logs
from cloudops_ls.errors import CloudOpsError

if TYPE_CHECKING:
    from pygls.lsp.server import LanguageServer

_WATCH_SECONDS = 2.0


def serve_stdio(server: LanguageServer) -> int:
    """Serve one client over stdin and stdout; return the process's exit code.

    LSP 3.17, "Exit Notification": 0 after ``shutdown``, else 1; pygls always returns.
    """
    logs.configure(logging.NullHandler())
    server.start_io()
    return _exit_code(server)


def serve_tcp(server: LanguageServer, host: str, port: int) -> int:
    """Serve one client over TCP; return the process's exit code.

    Raises
    ------
    CloudOpsError
        The address cannot be listened on.
    """
    logs.configure(logging.StreamHandler(sys.stderr))
    try:
        server.start_tcp(host, port)
    except SystemExit as stopped:
        return stopped.code if isinstance(stopped.code, int) else 1
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise CloudOpsError(
            f"Cannot listen there: {reason}",
            where=f"--tcp {host}:{port}",
            fix="Choose another address",
        ) from error
    return _exit_code(server)


def _exit_code(server: LanguageServer) -> int:
    return 0 if server.protocol._shutdown else 1


async def watch_client(server: LanguageServer) -> None:
    """End this process when the client's process is gone, however it went."""
    client = server.process_id
    if not client or not _alive(client):
        # An id that means nothing here is of another machine or container; then the connection
        # alone tells.
        return
    # Nothing portable reports the end of a process that is not a child.
    while _alive(client):  # noqa: ASYNC110
        await asyncio.sleep(_WATCH_SECONDS)
    logs.logger.info("the editor's process is gone")
    # Not sys.exit: a thread blocked on the dead client's stdin would keep the process.
    os._exit(1)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


class _ClientLog(logging.Handler):
    """Sends log records to the client's output panel."""

    _TYPES = (
        (logging.ERROR, types.MessageType.Error),
        (logging.WARNING, types.MessageType.Warning),
    )

    def __init__(self, server: LanguageServer) -> None:
        super().__init__()
        self._server = server
        self._loop = asyncio.get_running_loop()

    def emit(self, record: logging.LogRecord) -> None:
        """Send one record; callable from any thread."""
        kind = next((k for level, k in self._TYPES if record.levelno >= level), None)
        params = types.LogMessageParams(
            type=kind or types.MessageType.Log, message=self.format(record)
        )
        self._loop.call_soon_threadsafe(self._server.window_log_message, params)


def log_to_client(server: LanguageServer) -> None:
    """Send the log to the client instead of stderr, which Neovim shows as errors."""
    logs.configure(_ClientLog(server))

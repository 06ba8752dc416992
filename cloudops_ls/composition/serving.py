"""The processes: language server and worker."""

from __future__ import annotations

import os
import sys
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import NoReturn

from cloudops_ls.composition.language_server import language_server_dependencies
from cloudops_ls.composition.worker import worker_service
from cloudops_ls.home import Home


def serve_stdio() -> NoReturn:
    """Serve one editor over stdin and stdout, then end the process."""
    from cloudops_ls.lsp import lifecycle
    from cloudops_ls.lsp.server import create_server

    server = create_server(
        language_server_dependencies(Home.locate()), version=installed_version("cloudops-ls")
    )
    code = lifecycle.serve_stdio(server)
    sys.stderr.flush()
    # A thread that is still in a store or AWS call must not keep the editor waiting.
    os._exit(code)


def serve_tcp(host: str, port: int) -> NoReturn:
    """Serve one editor over TCP, then end the process."""
    from cloudops_ls.lsp import lifecycle
    from cloudops_ls.lsp.server import create_server

    server = create_server(
        language_server_dependencies(Home.locate()), version=installed_version("cloudops-ls")
    )
    code = lifecycle.serve_tcp(server, host, port)
    sys.stderr.flush()
    os._exit(code)


def serve_worker(arguments: list[str]) -> None:
    """Be the worker of the home named by ``--home``; return when idle or asked to stop."""
    import asyncio
    import logging.handlers

    from cloudops_ls import logs
    from cloudops_ls.config import load_settings
    from cloudops_ls.worker.allocator import share_arenas
    from cloudops_ls.worker.process import WorkerProcess

    share_arenas()
    named = arguments[1] if len(arguments) == 2 and arguments[0] == "--home" else None
    home = Home(Path(named)) if named else Home.locate()
    if not home.root.is_dir():
        # Whoever started it has removed the home since; it must not come back.
        os._exit(1)
    home.create()
    logs.configure(
        logging.handlers.RotatingFileHandler(home.log, maxBytes=1_000_000, backupCount=1)
    )
    home.log.chmod(0o600)
    settings, _ = load_settings(home)
    process = WorkerProcess(
        home,
        lambda notify: worker_service(home, settings, notify),
        version=installed_version("cloudops-ls"),
        idle_seconds=settings.worker.idle_seconds,
    )
    try:
        asyncio.run(process.run())
    except Exception:
        # The log is all that is left of it: nobody reads the worker's stderr.
        logs.logger.exception("the worker failed")
        os._exit(1)
    os._exit(0)

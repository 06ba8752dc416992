"""The processes that are compared."""

from __future__ import annotations

import sys
from pathlib import Path

OURS = (sys.executable, "-m", "cloudops_ls")
_BARE = str(Path(__file__).with_name("bare_server.py"))


def bare(recorded: Path | None = None) -> tuple[str, ...]:
    """The command of a bare pygls server, with answers to give if there are any."""
    return (sys.executable, _BARE, *((str(recorded),) if recorded is not None else ()))

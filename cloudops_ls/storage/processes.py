"""Tell one process from all others, past and present, that had the same process id."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """A process id with the moment the process started, so that a reused id is not mistaken.

    Attributes
    ----------
    pid
        The process id.
    started
        Opaque text that differs between processes that had the same id; empty where the platform
        does not tell.
    """

    pid: int
    started: str

    @classmethod
    def current(cls) -> ProcessIdentity:
        """Return the identity of the calling process."""
        return _identify(os.getpid())

    @property
    def alive(self) -> bool:
        """Whether this very process is still there.

        Where the platform does not tell start times, only the calling process counts as alive.
        """
        if self.pid == os.getpid():
            return self == ProcessIdentity.current()
        return bool(self.started) and _start_of(self.pid) == self.started


@cache
def _identify(pid: int) -> ProcessIdentity:
    # The cache key is the pid, so a forked child computes its own.
    return ProcessIdentity(pid, _start_of(pid) or "")


def _start_of(pid: int) -> str | None:
    """Return when ``pid`` started, or None if there is no such process (or no way to know)."""
    if PROC.is_dir():
        try:
            stat = (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
            boot = (PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        except OSError:
            return None
        # The command name, in parentheses, may hold anything; the fields after it are plain.
        state, *fields = stat.rpartition(")")[2].split()
        return None if state in "ZX" else f"{boot}:{fields[18]}"
    try:
        found = subprocess.run(
            ["ps", "-o", "lstart=", "-p", str(pid)],  # noqa: S607 - POSIX names no path
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return found.stdout.strip() or None

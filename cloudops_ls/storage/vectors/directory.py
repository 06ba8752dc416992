"""A private directory in memory for an engine that wants files: nothing reaches a disk."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from cloudops_ls.storage.locks import FileLock

if TYPE_CHECKING:
    from collections.abc import Iterable

MEMORY_FILE_SYSTEMS = frozenset({"tmpfs", "ramfs"})
PREFIX = "cloudops-vectors-"
LOCK_NAME = "lock"
GRACE_SECONDS = 60.0
"""How long a directory may exist before its owner has locked it."""


class MemoryDirectory:
    """A directory (mode 0700) in a memory-backed file system, of this process alone.

    Its owner holds a lock in it for as long as it lives. Directories whose lock is free were left
    by a crash, and are removed when the next one is made.

    Parameters
    ----------
    base
        A memory-backed directory, from `memory_backed`.
    """

    def __init__(self, base: Path) -> None:
        _remove_stale(base)
        self._base = base
        self.path = Path(tempfile.mkdtemp(prefix=_prefix(), dir=base))
        self._lock = FileLock(self.path / LOCK_NAME)
        self._lock.acquire()

    def new(self, name: str) -> Path:
        """Return a directory called ``name`` in it, freshly made."""
        path = self.path / name
        path.mkdir(mode=0o700)
        return path

    def free(self) -> int:
        """Return the bytes that may still be written."""
        return free_bytes(self._base)

    def close(self) -> None:
        """Remove it with all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        self._lock.release()


def candidates() -> tuple[Path, ...]:
    """Return where memory-backed directories usually are, best first."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    return (*((Path(runtime),) if runtime else ()), Path("/dev/shm"))  # noqa: S108


def memory_backed(places: Iterable[Path]) -> list[Path]:
    """Return those of ``places`` that really are in memory and can be written."""
    return [
        place
        for place in places
        if place.is_dir()
        and os.access(place, os.W_OK | os.X_OK)
        and _file_system(place) in MEMORY_FILE_SYSTEMS
    ]


def free_bytes(place: Path) -> int:
    """Return the bytes free for this user in the file system of ``place``."""
    status = os.statvfs(place)
    # A ramfs has no size: all its numbers are 0, and the machine's memory is its limit.
    if status.f_blocks == 0:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return status.f_bavail * status.f_frsize


def _prefix() -> str:
    return f"{PREFIX}{os.getuid()}-"


def _file_system(place: Path) -> str | None:
    """Return the type of the file system that ``place`` is on, where the platform tells."""
    try:
        mounts = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    real = place.resolve()
    best, kind = -1, None
    for line in mounts.splitlines():
        _, target, found, *_ = line.split(" ")
        # The kernel writes spaces in paths as \040 and so on.
        mounted = Path(target.encode().decode("unicode_escape"))
        # The last of several mounts on one place is the one that is seen.
        if real.is_relative_to(mounted) and len(mounted.parts) >= best:
            best, kind = len(mounted.parts), found
    return kind


def _remove_stale(base: Path) -> None:
    for path in base.glob(f"{_prefix()}*"):
        with contextlib.suppress(OSError):
            if path.is_symlink() or path.stat().st_uid != os.getuid():
                continue
            if not (path / LOCK_NAME).exists():
                if time.time() - path.stat().st_mtime > GRACE_SECONDS:
                    shutil.rmtree(path, ignore_errors=True)
                continue
            lock = FileLock(path / LOCK_NAME)
            if lock.acquire():
                shutil.rmtree(path, ignore_errors=True)
                lock.release()

"""Advisory file locks that a crash releases, because the operating system owns them."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from typing import TYPE_CHECKING

from cloudops_ls.errors import RetryableError
from cloudops_ls.home import PRIVATE_FILE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _try_lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


POLL_SECONDS = 0.05


class FileLock:
    """An exclusive lock between processes (and between instances in one process).

    The file stays on disk when the lock is released: removing it would let two processes hold
    locks on two different files of the same name.

    Parameters
    ----------
    path
        The lock file; created with mode 0600. Its directory must exist.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    @property
    def held(self) -> bool:
        """Whether this object holds the lock."""
        return self._descriptor is not None

    def acquire(self) -> bool:
        """Try to take the lock without waiting; return whether it is held now."""
        if self._descriptor is not None:
            return True
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
        try:
            _try_lock(descriptor)
        except OSError:
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        return True

    def release(self) -> None:
        """Give the lock back; harmless when it is not held."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    @contextlib.contextmanager
    def holding(self, *, timeout: float, doing: str) -> Iterator[None]:
        """Hold the lock for a block.

        Parameters
        ----------
        timeout
            Seconds to wait for another holder.
        doing
            What the holder does, for the message: "preparing the store".

        Raises
        ------
        RetryableError
            Another process still held the lock after ``timeout``.
        """
        deadline = time.monotonic() + timeout
        while not self.acquire():
            if time.monotonic() >= deadline:
                raise RetryableError(
                    f"Another process is still {doing}",
                    where=str(self._path),
                    fix="Try again in a moment",
                )
            time.sleep(POLL_SECONDS)
        try:
            yield
        finally:
            self.release()

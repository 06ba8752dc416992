"""Advisory file locks that a crash releases, because the operating system owns them."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from cloudops_ls.errors import CloudOpsError, RetryableError
from cloudops_ls.home import PRIVATE_FILE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

if sys.platform == "win32":
    import msvcrt
    import secrets

    _SHARES = 2**16

    def _try_lock(descriptor: int, *, shared: bool) -> None:
        # Windows' C library knows exclusive locks alone: who shares locks one byte, who does
        # not locks all of them.
        os.lseek(descriptor, secrets.randbelow(_SHARES) if shared else 0, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1 if shared else _SHARES)
else:
    import fcntl

    def _try_lock(descriptor: int, *, shared: bool) -> None:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)


POLL_SECONDS = 0.05


class Lock(ABC):
    """A lock between processes (and between instances in one process).

    Attributes
    ----------
    place
        Where it is, for messages.
    """

    place: str

    @property
    @abstractmethod
    def held(self) -> bool:
        """Whether this object holds the lock."""

    @abstractmethod
    def acquire(self) -> bool:
        """Try to take the lock without waiting; return whether it is held now.

        Raises
        ------
        CloudOpsError
            The lock cannot be used at all.
        """

    @abstractmethod
    def release(self) -> None:
        """Give the lock back; harmless when it is not held."""

    def wait(self, *, timeout: float, doing: str) -> None:
        """Take the lock, waiting for other holders.

        Parameters
        ----------
        timeout
            Seconds to wait.
        doing
            What a holder does, for the message: "preparing the store".

        Raises
        ------
        RetryableError
            Another process still held the lock after ``timeout``.
        CloudOpsError
            The lock cannot be used at all.
        """
        deadline = time.monotonic() + timeout
        while not self.acquire():
            if time.monotonic() >= deadline:
                raise RetryableError(
                    f"Another process is still {doing}",
                    where=self.place,
                    fix="Try again in a moment",
                )
            time.sleep(POLL_SECONDS)

    @contextlib.contextmanager
    def holding(self, *, timeout: float, doing: str) -> Iterator[None]:
        """Hold the lock for a block; parameters and errors are those of `wait`."""
        self.wait(timeout=timeout, doing=doing)
        try:
            yield
        finally:
            self.release()


class FileLock(Lock):
    """A lock on a file.

    The file stays on disk when the lock is released: removing it would let two processes hold
    locks on two different files of the same name.

    Parameters
    ----------
    path
        The lock file; created with mode 0600. Its directory must exist.
    shared
        Several may hold it at once, as long as nobody holds it alone.
    """

    def __init__(self, path: Path, *, shared: bool = False) -> None:
        self._path = path
        self.place = str(path)
        self._shared = shared
        self._descriptor: int | None = None

    @property
    def held(self) -> bool:
        """Whether this object holds the lock."""
        return self._descriptor is not None

    def acquire(self) -> bool:
        """Try to take the lock without waiting; see `Lock.acquire`."""
        if self._descriptor is not None:
            return True
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
        except OSError as error:
            raise CloudOpsError(
                f"Cannot open the lock file: {error.strerror}",
                where=str(self._path),
                fix="Make the directory writable for you and free some space",
            ) from error
        try:
            _try_lock(descriptor, shared=self._shared)
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

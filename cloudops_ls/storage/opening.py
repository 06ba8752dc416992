"""Who has a store open, and bringing one in order that a crash left half changed.

Everybody who opens a store shares ``open.lock``; whoever exchanges its files holds it alone. What
such an exchange left behind is settled by the next one to open the store while nobody else has it.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from cloudops_ls.errors import CloudOpsError
from cloudops_ls.storage import log_check, rotation
from cloudops_ls.storage.key_record import WrappedKey
from cloudops_ls.storage.locks import FileLock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cloudops_ls.home import Home
    from cloudops_ls.storage.rotation import Settled

OPEN_TIMEOUT = 60.0
"""Seconds to wait for somebody who exchanges the store's files."""
ALONE_TIMEOUT = 5.0
"""Seconds to wait for those who have the store open."""
EXCHANGING = "changing the files of the store"


def share(home: Home) -> tuple[FileLock, Settled | None]:
    """Take part in using the store of ``home``, whose directories exist.

    Returns
    -------
    FileLock
        Held until the store is closed again.
    Settled or None
        What became of a change of the key that somebody was interrupted in.

    Raises
    ------
    CloudOpsError
        Something of the store is missing or damaged; nothing was changed.
    RetryableError
        Another process is still exchanging the store's files.
    """
    mine = FileLock(home.open_lock, shared=True)
    settled: Settled | None = None
    while True:
        sole = FileLock(home.open_lock)
        if sole.acquire():
            try:
                settled = settle(home) or settled
            finally:
                sole.release()
        mine.wait(timeout=OPEN_TIMEOUT, doing=EXCHANGING)
        if not rotation.unsettled(home):
            return mine, settled
        # Somebody began to exchange files in between, and died.
        mine.release()


@contextlib.contextmanager
def alone(home: Home, *, doing: str) -> Iterator[Settled | None]:
    """Have the store of ``home`` alone for a block; give what became of an interrupted change.

    Parameters
    ----------
    doing
        What for, for the message: "changing the key".

    Raises
    ------
    CloudOpsError
        Others have it open.
    """
    sole = FileLock(home.open_lock)
    try:
        sole.wait(timeout=ALONE_TIMEOUT, doing=doing)
    except CloudOpsError:
        raise CloudOpsError(
            "The store is in use by an editor window, the background process or another command, "
            f"and must not be while {doing}",
            where=str(home.data),
            fix="Close the editor windows and try again",
        ) from None
    try:
        yield settle(home)
    finally:
        sole.release()


def settle(home: Home) -> Settled | None:
    """Finish or undo what a crash interrupted; the caller has the store alone. Say which.

    Raises
    ------
    CloudOpsError
        What is left of the store is not whole.
    """
    settled = rotation.settle(home)
    if not home.wrapped_key.exists():
        return settled
    record = WrappedKey.read(home.wrapped_key)
    if record.store_created and (not home.database.exists() or not home.database.stat().st_size):
        raise CloudOpsError(
            "The database is gone, but the file with its wrapped key is there",
            where=str(home.database),
            fix="Put cloudops.db back from a copy; or move key.json away, to start anew or to "
            "restore a backup with the recovery key",
        )
    log_check.check(home.database)
    return settled

"""The witness of the audit log's end: a small file beside the database, signed.

A chain of digests cannot tell that its last entries were cut off. So the last entry's number and
digest are kept in a file, under a key that lies in the encrypted database. Before an entry is
committed it is announced here as the next one, and confirmed afterwards: after a crash in between,
the table ends with either, and both are fine.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, ValidationError

from cloudops_ls.errors import CloudOpsError
from cloudops_ls.storage import durable_files
from cloudops_ls.storage.audit_chain import GENESIS, Break

if TYPE_CHECKING:
    from pathlib import Path


class Link(BaseModel):
    """One entry, as far as the next one needs it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seq: int
    digest: str


FIRST = Link(seq=0, digest=GENESIS)
"""What stands before the first entry."""


class Head(BaseModel):
    """What the table must end with: ``last``, or ``announced`` where there is one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    last: Link
    announced: Link | None = None

    def allows(self, tail: Link) -> bool:
        """Whether a table that ends with ``tail`` lost nothing and gained nothing."""
        return tail in (self.last, self.announced)


def wrong_end(head: Head | None, tail: Link, *, begun: bool) -> Break | None:
    """Return what is wrong with a table that ends with ``tail``, None where nothing is.

    Parameters
    ----------
    head
        What `HeadFile.read` found.
    begun
        Whether there ever was an entry.
    """
    if head is None:
        if not begun and tail == FIRST:
            return None
        return Break(
            seq=tail.seq + 1,
            what="the head record is missing or damaged: whether entries after "
            f"{tail.seq} were cut off cannot be told",
        )
    if head.allows(tail):
        return None
    last = head.announced or head.last
    if last.seq > tail.seq:
        many = last.seq - tail.seq > 1
        lost = f"{tail.seq + 1} to {last.seq}" if many else f"{last.seq}"
        return Break(
            seq=tail.seq + 1,
            what=f"the end was cut off: {'entries' if many else 'entry'} {lost} "
            f"{'are' if many else 'is'} missing",
        )
    if last.seq == tail.seq:
        return Break(
            seq=tail.seq,
            what=f"entry {tail.seq}, the last one, is not the one that was written",
        )
    return Break(seq=last.seq + 1, what=f"entry {last.seq + 1} was not written by this program")


class _SignedHead(BaseModel):
    model_config = ConfigDict(extra="forbid")

    format: int = 1
    head: Head
    signature: str


class HeadFile:
    """Reads and writes the head record.

    Parameters
    ----------
    path
        The file; its directory must exist.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self, key: bytes) -> Head | None:
        """Return the head, None when the file is missing, damaged or signed with another key."""
        try:
            signed = _SignedHead.model_validate_json(self._path.read_bytes())
        except (OSError, ValidationError):
            return None
        if not hmac.compare_digest(signed.signature, _signature(key, signed.head)):
            return None
        return signed.head

    def write(self, key: bytes, head: Head) -> None:
        """Replace the file, durably and whole.

        Raises
        ------
        CloudOpsError
            It cannot be written.
        """
        signed = _SignedHead(head=head, signature=_signature(key, head))
        try:
            durable_files.replace(self._path, signed.model_dump_json().encode() + b"\n")
        except OSError as error:
            raise CloudOpsError(
                f"The audit log cannot be written: {error.strerror}",
                where=str(self._path),
                fix="Make the directory writable and free some space; nothing runs unrecorded",
            ) from error


def _signature(key: bytes, head: Head) -> str:
    return hmac.new(key, head.model_dump_json().encode(), hashlib.sha256).hexdigest()

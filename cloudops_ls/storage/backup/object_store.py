"""What backups ask of a bucket: five operations, and the server's clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One line of a listing.

    Attributes
    ----------
    key
        The whole key.
    size
        Bytes.
    modified
        When it was written, by the server's clock.
    etag
        What the server says of its content: another one once it is overwritten.
    """

    key: str
    size: int
    modified: datetime
    etag: str


class ObjectStore(Protocol):
    """A bucket; thread-safe. Every method raises `CloudOpsError` for what the server refuses."""

    def put(self, key: str, content: bytes, *, locked: bool = False) -> str:
        """Write an object whole, or not at all; return its ETag.

        Parameters
        ----------
        locked
            Under Object Lock, where the store is set up for it.
        """

    def get(self, key: str) -> bytes:
        """Return an object.

        Raises
        ------
        ObjectMissingError
            There is none.
        """

    def list(self, prefix: str) -> Iterator[StoredObject]:
        """List the objects whose key begins with ``prefix``, by key."""

    def delete(self, key: str) -> None:
        """Delete an object; harmless when there is none."""

    def relock(self, key: str) -> bool:
        """Have Object Lock hold an object for its full time again; return whether it had to."""

    def now(self) -> datetime:
        """Return the time by the server's clock, as of its last answer."""

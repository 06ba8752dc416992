"""What a collection is made from: the database, seen as entries to be found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from sqlalchemy import Connection


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing to be found.

    Attributes
    ----------
    key
        Its identity.
    text
        What it is searched by.
    payload
        What it is filtered by.
    digest
        What tells two versions of it apart.
    """

    key: str
    text: str
    payload: Mapping[str, str | Sequence[str]]
    digest: bytes


class Changes(NamedTuple):
    """What is different from what was known."""

    changed: Sequence[str]
    gone: Collection[str]


class Source(Protocol):
    """One kind of records in the database; stateless, so that several collections may use it."""

    @property
    def collection(self) -> str:
        """Name of the collection that is made from it."""
        ...

    @property
    def keyword_fields(self) -> tuple[str, ...]:
        """Payload fields to filter on."""
        ...

    @property
    def tenant_field(self) -> str:
        """The one of them that sets owners apart."""
        ...

    def state(self, connection: Connection) -> object:
        """Return something that is another whenever any record is."""
        ...

    def count(self, connection: Connection) -> int:
        """Return how many records there are."""
        ...

    def keys_after(self, connection: Connection, key: str, limit: int) -> list[str]:
        """Return the first keys behind ``key``, in order."""
        ...

    def changes(self, connection: Connection, since: object, known: AbstractSet[str]) -> Changes:
        """Return what became different between ``since``, a `state`, and now.

        Parameters
        ----------
        known
            Keys that were there at ``since``.
        """
        ...

    def entries(self, connection: Connection, keys: Sequence[str]) -> list[Entry]:
        """Return the entries of those keys that exist."""
        ...

    def digests(self, connection: Connection) -> Iterator[tuple[str, bytes]]:
        """Stream key and digest of every record."""
        ...

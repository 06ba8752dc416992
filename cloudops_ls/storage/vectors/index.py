"""What a vector index is, whatever engine does it: one collection of points, by key."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol
from uuid import UUID, uuid5

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

AWS_RESOURCES = "aws_resources"
"""Name of the collection of the estate."""
CHAT_HISTORY = "chat_history"
"""Name of the collection of what was said."""
KEY_FIELD = "key"
"""Payload field that holds a point's key."""
VERSION_FIELD = "version"
"""Payload field that says what a point was made from."""
DENSE = "dense"
SPARSE = "text"
RRF_K = 60
"""Constant of reciprocal rank fusion, as its authors measured it (Cormack et al., 2009)."""
PAGE = 200
"""Points per page of `VectorIndex.versions`."""
_NAMESPACE = UUID("8f6a3b0e-51c4-4d7b-9a52-0c1de4c2a7f1")


class IndexUnusableError(Exception):
    """The engine cannot go on: out of space, or damaged. The index must be built anew."""


class IndexFullError(IndexUnusableError):
    """There is no room left for more points."""


class IndexUnavailableError(Exception):
    """The engine is out of reach for now; what it holds is as it was, as far as anyone knows.

    Attributes
    ----------
    reason
        Why, as a clause: "it does not answer".
    fix
        What the operator can do, in the imperative.
    """

    def __init__(self, reason: str, fix: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.fix = fix


class SparseVector(NamedTuple):
    """Term weights by hashed term."""

    indices: list[int]
    values: list[float]


@dataclass(frozen=True, slots=True)
class CollectionSpec:
    """What a collection holds.

    Attributes
    ----------
    name
        Of the collection, such as ``aws_resources``.
    dim
        Dimension of the dense vectors; None for none.
    keyword_fields
        Payload fields that queries filter on.
    tenant_field
        The one of them that sets the points of different owners apart, so that a server keeps
        each owner's together.
    model
        Which model the dense vectors are of; vectors of two models never share a collection.
    """

    name: str
    dim: int | None
    keyword_fields: tuple[str, ...]
    tenant_field: str | None = None
    model: str | None = None


@dataclass(frozen=True, slots=True)
class VectorPoint:
    """One thing to be found.

    Attributes
    ----------
    key
        Its identity, any text.
    sparse
        Its terms.
    dense
        Its meaning, a unit vector; None where it is not known (yet).
    payload
        Keywords to filter on, by field.
    version
        What it was made from; another version of the thing has another one.
    """

    key: str
    sparse: SparseVector
    dense: Sequence[float] | None = None
    payload: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    version: str = ""


class Condition(NamedTuple):
    """A payload field must have one of some values."""

    field: str
    any_of: tuple[str, ...]


class VectorHit(NamedTuple):
    """A point found; scores are comparable within one answer only."""

    key: str
    score: float


class VectorIndex(Protocol):
    """One collection in one engine; calls from several threads are serialised inside.

    Every method but ``close`` raises `IndexUnusableError` when the engine cannot go on, and
    `IndexUnavailableError` when it cannot be reached.
    """

    @property
    def name(self) -> str:
        """Name of the engine."""
        ...

    def upsert(self, points: Sequence[VectorPoint]) -> None:
        """Add or replace points."""
        ...

    def delete(self, keys: Collection[str]) -> None:
        """Remove points; unknown keys are ignored."""
        ...

    def query(
        self,
        *,
        sparse: SparseVector | None,
        dense: Sequence[float] | None,
        conditions: Sequence[Condition] = (),
        keys: Collection[str] | None = None,
        limit: int,
    ) -> list[VectorHit]:
        """Return the best points for a query that meet all conditions, best first.

        With both vectors the two rankings are fused by reciprocal rank; with one, that ranking
        counts alone. Points that share no term with a sparse query are not in its ranking.
        Where ``keys`` are given only their points count; a few thousand are meant, and are
        quicker than conditions.
        """
        ...

    def count(self) -> int:
        """Return the number of points."""
        ...

    def versions(self) -> Iterator[tuple[str, str]]:
        """Stream key and version of every point, a page at a time, in no order.

        Points written meanwhile may be in it or not.
        """
        ...

    def clear(self) -> None:
        """Remove all points."""
        ...

    def close(self) -> None:
        """Give everything back; harmless when repeated."""
        ...


def point_id(key: str) -> str:
    """Return the engine's id of a point: a UUID made from its key."""
    return str(uuid5(_NAMESPACE, key))


def prefetch_limit(limit: int) -> int:
    """Return how many points each ranking contributes to a fusion."""
    return max(50, 2 * limit)

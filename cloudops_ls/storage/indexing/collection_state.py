"""How a collection of the search index is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cloudops_ls.storage.vectors.index import AWS_RESOURCES, CHAT_HISTORY

if TYPE_CHECKING:
    from cloudops_ls.storage.vectors.index import IndexUnavailableError

THINGS: Final = {AWS_RESOURCES: "resources", CHAT_HISTORY: "messages"}
"""What the operator calls the points of each collection."""


@dataclass(frozen=True, slots=True)
class CollectionState:
    """How a collection is.

    Attributes
    ----------
    collection, engine
        Their names.
    points
        How many it holds; None where that cannot be told.
    complete
        Whether it has seen the whole database.
    unembedded
        How many entries lack a vector.
    note
        Why the engine is not the best one, where it is not.
    absent
        Why it cannot be reached, where it cannot.
    repairs
        How often it was found damaged and made anew.
    """

    collection: str
    engine: str
    points: int | None
    complete: bool
    unembedded: int
    note: str | None
    absent: IndexUnavailableError | None
    repairs: int

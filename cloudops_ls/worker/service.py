"""What the worker offers, put together from one part per area."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cloudops_ls.storage.service import StorageService

Notify = Callable[[str, dict[str, Any]], None]
"""Sends a notification, by method and parameters, to every client; callable from any thread."""


class Part(Protocol):
    """One area of the worker's service."""

    @property
    def methods(self) -> Mapping[str, Callable[[dict[str, Any]], Any]]:
        """Blocking, thread-safe methods by their name on the wire."""

    @property
    def busy(self) -> bool:
        """Whether work is under way that must not be cut off by idleness."""

    def start(self) -> None:
        """Begin what runs unasked."""

    def abandon(self) -> None:
        """Stop what is under way for its callers alone: nobody is left who waits for it."""

    def close(self) -> None:
        """Stop what is under way and release what the part owns."""


class WorkerService:
    """The parts as one service over one store.

    Parameters
    ----------
    storage
        The store; closed last.
    parts
        Closed in the order given.
    """

    def __init__(self, storage: StorageService, parts: Sequence[Part]) -> None:
        self._storage = storage
        self._parts = parts
        self.methods: Mapping[str, Callable[[dict[str, Any]], Any]] = {
            name: method for part in parts for name, method in part.methods.items()
        }

    def start(self) -> None:
        """Begin what runs unasked."""
        for part in self._parts:
            part.start()

    @property
    def busy(self) -> bool:
        """Whether work is under way that must not be cut off by idleness."""
        return any(part.busy for part in self._parts)

    def abandon(self) -> None:
        """Stop what is under way for its callers alone."""
        for part in self._parts:
            part.abandon()

    def close(self) -> None:
        """Stop what is under way and close every service."""
        for part in self._parts:
            part.close()
        self._storage.close()

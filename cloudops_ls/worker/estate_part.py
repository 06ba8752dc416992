"""The worker's part for single resources: refresh."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudops_ls.worker import wire

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cloudops_ls.estate.scanner import Scanner
    from cloudops_ls.storage.service import StorageService
    from cloudops_ls.worker.service import Notify


class EstatePart:
    """Asks AWS again about single resources.

    Parameters
    ----------
    storage
        The store, opened with its search index.
    scanner
        Describes resources; thread-safe.
    notify
        Notifies every client; callable from any thread.
    """

    def __init__(self, storage: StorageService, scanner: Scanner, notify: Notify) -> None:
        self._storage = storage
        self._scanner = scanner
        self._notify = notify
        self.methods: Mapping[str, Callable[[dict[str, Any]], Any]] = {wire.REFRESH: self.refresh}

    @property
    def busy(self) -> bool:
        """A refresh is short, and somebody waits for it."""
        return False

    def start(self) -> None:
        """Nothing runs unasked."""

    def abandon(self) -> None:
        """Nothing is under way that outlives its caller."""

    def close(self) -> None:
        """Nothing is owned."""

    def refresh(self, params: dict[str, Any]) -> dict[str, Any]:
        """Ask AWS how single resources are now, and store the answer."""
        gone: list[str] = []
        for arn in params["arns"]:
            known = self._storage.estate.get_resource(arn)
            if known is None:
                continue
            current = self._scanner.refresh(known)
            if current is None:
                self._storage.estate.delete_resource(arn)
                gone.append(arn)
            else:
                self._storage.estate.upsert_resource(current)
        generation = self._storage.estate.generation()
        self._notify(wire.ESTATE_CHANGED, {"generation": generation})
        return {"gone": gone}

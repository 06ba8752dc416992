"""The worker's part for single resources: asks AWS how they are now, once for all who ask."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from cloudops_ls.aws.errors import (
    ExpiredCredentials,
    InvalidCredentials,
    NoCredentials,
    ProfileUnusable,
)
from cloudops_ls.worker import wire

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cloudops_ls.errors import CloudOpsError
    from cloudops_ls.estate.scanner import Scanner
    from cloudops_ls.storage.resource import Resource
    from cloudops_ls.storage.service import StorageService
    from cloudops_ls.worker.service import Notify

_NO_ENTRY = (ExpiredCredentials, InvalidCredentials, NoCredentials, ProfileUnusable)
"""Another profile of the account may still get in."""


class RefreshPart:
    """Describes known resources and stores the answers.

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
        self._lock = threading.Lock()
        self._under_way: dict[str, Future[Resource | None]] = {}
        self.methods: Mapping[str, Callable[[dict[str, Any]], Any]] = {wire.REFRESH: self.refresh}

    @property
    def busy(self) -> bool:
        """Whether work goes on that nobody waits for: never."""
        return False

    def start(self) -> None:
        """Do nothing: AWS is asked when somebody wants to know."""

    def abandon(self) -> None:
        """Do nothing: a call ends by itself, and its answer is worth storing."""

    def close(self) -> None:
        """Do nothing: the sessions, which are others', end the calls."""

    def refresh(self, params: dict[str, Any]) -> dict[str, Any]:
        """Ask AWS how resources are now, and store the answer.

        Parameters
        ----------
        params
            ``arns``; with ``max_age`` those that AWS was asked about within so many seconds are
            not asked about again.

        Returns
        -------
        dict
            ``resources`` as they are now, and ``gone``: the ARNs of those that do not exist any
            more. Unknown ARNs are left out.

        Raises
        ------
        CloudOpsError
            AWS could not be asked about one; those before it are stored.
        """
        oldest = timedelta(seconds=float(params.get("max_age") or 0))
        resources: list[Resource] = []
        gone: list[str] = []
        generation = self._storage.estate.generation()
        try:
            for arn in params["arns"]:
                known = self._storage.estate.get_resource(arn)
                if known is None:
                    continue
                if datetime.now(UTC) - known.last_synced < oldest:
                    resources.append(known)
                    continue
                current = self._current(known)
                if current is None:
                    gone.append(arn)
                else:
                    resources.append(current)
        finally:
            now = self._storage.estate.generation()
            if now != generation:
                self._notify(wire.ESTATE_CHANGED, {"generation": now, "gone": gone})
        return {"resources": [one.model_dump(mode="json") for one in resources], "gone": gone}

    def _current(self, known: Resource) -> Resource | None:
        """Ask about one resource, or wait for the answer to who asked before."""
        with self._lock:
            asked = self._under_way.get(known.arn)
            mine: Future[Resource | None] = Future()
            if asked is None:
                self._under_way[known.arn] = mine
        if asked is not None:
            return asked.result()
        try:
            current = self._described(known)
            if current is None:
                self._storage.estate.delete_resource(known.arn)
            else:
                self._storage.estate.upsert_resource(current)
        except BaseException as error:
            mine.set_exception(error)
            raise
        else:
            mine.set_result(current)
            return current
        finally:
            with self._lock:
                del self._under_way[known.arn]

    def _described(self, known: Resource) -> Resource | None:
        """Ask through a profile that led to the account; when none does now, say why."""
        accounts = self._storage.estate.accounts()
        profiles = next((a.profiles for a in accounts if a.account_id == known.account_id), ())
        first: CloudOpsError | None = None
        for profile in profiles:
            try:
                return self._scanner.refresh(known, profile)
            except _NO_ENTRY as error:
                first = first or error
        if first is not None:
            raise first
        return self._scanner.refresh(known)

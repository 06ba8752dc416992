"""The worker's part for the estate: scan, refresh."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from cloudops_ls.errors import CloudOpsError
from cloudops_ls.logs import logger
from cloudops_ls.storage.records import AccountRecord
from cloudops_ls.worker import wire

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cloudops_ls.config import EstateSettings
    from cloudops_ls.estate.scan_model import ScanProgress, ScanReport
    from cloudops_ls.estate.scanner import Scanner
    from cloudops_ls.storage.service import StorageService
    from cloudops_ls.worker.index_part import IndexPart
    from cloudops_ls.worker.service import Notify

_PROBLEMS_SHOWN = 10


class EstatePart:
    """Keeps the stored estate true.

    Parameters
    ----------
    storage
        The store, opened with its search index.
    scanner
        Lists and describes resources; thread-safe.
    index
        Told when there is something new to index.
    settings
        What the home's own file says about scanning.
    notify
        Notifies every client; callable from any thread.
    """

    def __init__(
        self,
        storage: StorageService,
        scanner: Scanner,
        index: IndexPart,
        settings: EstateSettings,
        notify: Notify,
    ) -> None:
        self._storage = storage
        self._scanner = scanner
        self._index = index
        self._settings = settings
        self._notify = notify
        self._lock = threading.Lock()
        self._scan: Future[dict[str, Any]] | None = None
        self._cancel_scan = threading.Event()
        self.methods: Mapping[str, Callable[[dict[str, Any]], Any]] = {
            wire.SCAN: self.scan,
            wire.CANCEL_SCAN: self.cancel_scan,
            wire.SCAN_STATUS: self.scan_status,
            wire.REFRESH: self.refresh,
        }

    @property
    def busy(self) -> bool:
        """Whether a scan is under way."""
        return self._scan is not None

    def start(self) -> None:
        """Nothing runs unasked."""

    def abandon(self) -> None:
        """End a scan under way; what it has found so far stays."""
        self._cancel_scan.set()

    def close(self) -> None:
        """End a scan under way and wait for its end."""
        self._cancel_scan.set()
        self._scanner.close()
        scan = self._scan
        if scan is not None:
            try:
                scan.result(timeout=10)
            except (CloudOpsError, TimeoutError) as error:
                logger.info("the scan ended with %s", type(error).__name__)

    def scan(self, params: dict[str, Any]) -> dict[str, Any]:
        """Scan the estate; a second caller joins the scan under way and gets its result."""
        with self._lock:
            running = self._scan
            if running is None:
                mine: Future[dict[str, Any]] = Future()
                self._scan = mine
                self._cancel_scan.clear()
        if running is not None:
            return running.result()
        try:
            with self._storage.sync.lock().holding(timeout=1, doing="scan the estate"):
                self._storage.sync.recover()
                result = self._scan_now(params)
        except BaseException as error:
            mine.set_exception(error)
            raise
        else:
            mine.set_result(result)
            return result
        finally:
            self._scan = None
            self._estate_changed()

    def cancel_scan(self, _params: dict[str, Any]) -> None:
        """Stop the scan under way; what it has found so far stays."""
        self._cancel_scan.set()

    def scan_status(self, _params: dict[str, Any]) -> dict[str, Any]:
        """Return how well each scope of the estate is known."""
        return {
            "scanning": self.busy,
            "resources": self._storage.estate.count(),
            "accounts": [
                account.model_dump(mode="json") for account in self._storage.estate.accounts()
            ],
            "scopes": [scope.model_dump(mode="json") for scope in self._storage.sync.scopes()],
        }

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
        self._estate_changed()
        return {"gone": gone}

    def _scan_now(self, params: dict[str, Any]) -> dict[str, Any]:
        report = self._scanner.scan(
            list(params["profiles"]),
            list(params.get("regions") or ()),
            list(params.get("types") or ()) or None,
            organization=self._settings.organization_role is not None,
            progress=self._report_progress,
            cancel=self._cancel_scan,
        )
        self._remember(report)
        keep = timedelta(days=self._settings.history_days)
        self._storage.estate.forget_changes(datetime.now(UTC) - keep)
        self._storage.sync.publish()
        self._index.refresh()
        return _summary(report)

    def _remember(self, report: ScanReport) -> None:
        """Store which accounts were reached, and through which profiles."""
        seen = {name: one.account_id for one in report.accounts for name in one.profiles}
        known = {one.account_id: one for one in self._storage.estate.accounts()}
        for account_id in known.keys() | seen.values():
            before = known.get(account_id)
            reached = next((one for one in report.accounts if one.account_id == account_id), None)
            # Profiles of earlier scans still lead here, unless they were seen to lead elsewhere.
            names = [
                *(reached.profiles if reached else ()),
                *(name for name in (before.profiles if before else ()) if name not in seen),
            ]
            alias = reached.alias if reached else None
            account = AccountRecord(
                account_id=account_id,
                alias=alias or (before.alias if before else None),
                profiles=tuple(names),
            )
            if account != before:
                self._storage.estate.put_account(account)

    def _report_progress(self, progress: ScanProgress) -> None:
        self._notify(
            wire.SCAN_PROGRESS,
            {
                "done": progress.done,
                "total": progress.total,
                "resources": progress.resources,
                "current": progress.current,
            },
        )

    def _estate_changed(self) -> None:
        self._notify(wire.ESTATE_CHANGED, {"generation": self._storage.estate.generation()})


def _summary(report: ScanReport) -> dict[str, Any]:
    problems = report.problems()
    return {
        "resources": report.resources,
        "accounts": len(report.accounts),
        "scopes": len(report.scopes),
        "failed": sum(1 for scope in report.scopes if scope.error is not None)
        + len(report.failures),
        "problems": problems[:_PROBLEMS_SHOWN],
        "cancelled": report.cancelled,
        "complete": report.complete,
        "seconds": round(report.seconds, 3),
    }

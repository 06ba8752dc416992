"""The worker's part that keeps the estate true: scan when asked, synchronise by the clock."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from cloudops_ls.config import EstateSettings
from cloudops_ls.errors import CloudOpsError
from cloudops_ls.estate.sync.schedule import SyncTimes, next_due
from cloudops_ls.logs import logger
from cloudops_ls.storage.records import AccountRecord, SyncKind, SyncRun, now
from cloudops_ls.worker import wire
from cloudops_ls.worker.one_at_a_time import OneAtATime

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from cloudops_ls.estate.scan_model import ScannedAccount, ScanProgress, ScanReport
    from cloudops_ls.estate.scanner import Scanner
    from cloudops_ls.estate.sync.incremental import IncrementalReport, IncrementalSync
    from cloudops_ls.estate.sync.schedule import Due
    from cloudops_ls.storage.service import StorageService
    from cloudops_ls.worker.index_part import IndexPart
    from cloudops_ls.worker.service import Notify

_PROBLEMS_SHOWN = 10
_RUNS_SHOWN = 10
_TICK = 30.0
"""Seconds: the clock may have been set, or the machine have slept."""
_SETTLE = 3.0
"""Seconds an editor has for itself before anything is synchronised."""


class SyncPart:
    """Scans and synchronisations, one at a time for all windows.

    Parameters
    ----------
    storage
        The store, opened with its search index.
    scanner, incremental
        Ways to ask AWS.
    index
        Told when there is something new to index.
    settings
        What the home's own file says; editors may say otherwise.
    profile
        The profile to use where no setting names any.
    notify
        Notifies every client; callable from any thread.
    """

    def __init__(
        self,
        storage: StorageService,
        scanner: Scanner,
        incremental: IncrementalSync,
        index: IndexPart,
        settings: EstateSettings,
        profile: str,
        notify: Notify,
    ) -> None:
        self._storage = storage
        self._scanner = scanner
        self._incremental = incremental
        self._index = index
        self._settings = settings
        self._file_settings = settings
        self._profile = profile
        self._notify = notify
        self._work = OneAtATime()
        self._running: SyncRun | None = None
        self._progress: dict[str, Any] | None = None
        self._closing = threading.Event()
        self._watched = False
        self._nudge = threading.Event()
        self.methods: Mapping[str, Callable[[dict[str, Any]], Any]] = {
            wire.SCAN: self.scan,
            wire.CANCEL_SCAN: self.cancel_scan,
            wire.SCAN_STATUS: self.scan_status,
            wire.SYNC: self.sync,
            wire.SYNC_STATUS: self.sync_status,
            wire.CONFIGURE_SYNC: self.configure_sync,
        }

    @property
    def busy(self) -> bool:
        """Whether a scan or synchronisation is under way."""
        return self._work.busy

    def start(self) -> None:
        """Begin to watch the clock; nothing happens before an editor says what to keep fresh."""
        threading.Thread(target=self._keep_fresh, name="sync", daemon=True).start()

    def abandon(self) -> None:
        """End a scan under way, and synchronise no more: no window is left to read it."""
        self._watched = False
        self._settings = self._file_settings
        self._work.cancel.set()

    def close(self) -> None:
        """End a scan under way and wait for its end."""
        self._closing.set()
        self._nudge.set()
        self._scanner.close()
        try:
            self._work.end(timeout=10)
        except TimeoutError:
            logger.info("the scan did not end in time")

    # Asked for

    def scan(self, params: dict[str, Any]) -> dict[str, Any]:
        """Scan the estate; a second caller joins the scan under way and gets its result.

        Parameters
        ----------
        params
            ``profiles``, ``regions``, ``types``: what to scan; ``whole``: whether that is all
            that the settings say, so that it counts as a full synchronisation.
        """
        run = SyncRun(kind=SyncKind.FULL, reason="request")
        return self._work.do(
            lambda: self._recorded(
                run,
                lambda: self._full(
                    list(params["profiles"]),
                    list(params.get("regions") or ()),
                    list(params.get("types") or ()),
                ),
                keep=bool(params.get("whole")),
            )
        )

    def cancel_scan(self, _params: dict[str, Any]) -> None:
        """Stop what is under way; what it has found so far stays."""
        self._work.cancel.set()

    def sync(self, params: dict[str, Any]) -> dict[str, Any]:
        """Synchronise now; joins what is under way.

        Parameters
        ----------
        params
            ``kind``: ``full`` or ``incremental``; ``settings`` and ``profile`` as for
            `configure_sync`, for this time alone.

        Raises
        ------
        CloudOpsError
            The kind is unknown.
        """
        try:
            kind = SyncKind(params.get("kind") or "incremental")
        except ValueError:
            raise CloudOpsError(
                "There is no such synchronisation", fix="Choose full or incremental"
            ) from None
        settings = params.get("settings")
        return self._synchronise(
            kind,
            "request",
            EstateSettings.model_validate(settings) if settings else self._settings,
            str(params.get("profile") or self._profile),
        )

    def configure_sync(self, params: dict[str, Any]) -> None:
        """Take what an editor says about scanning; the last one to say something counts.

        Parameters
        ----------
        params
            ``settings``: the fields of ``EstateSettings``; ``profile``: for when they name none.
        """
        self._settings = EstateSettings.model_validate(params["settings"])
        self._profile = str(params.get("profile") or self._profile)
        if not self._watched:
            self._watched = True
            self._nudge.set()

    def scan_status(self, _params: dict[str, Any]) -> dict[str, Any]:
        """Return how well each scope of the estate is known."""
        return {
            "scanning": self.busy,
            "progress": self._progress,
            "resources": self._storage.estate.count(),
            "accounts": [
                account.model_dump(mode="json") for account in self._storage.estate.accounts()
            ],
            "scopes": [scope.model_dump(mode="json") for scope in self._storage.sync.scopes()],
        }

    def sync_status(self, _params: dict[str, Any]) -> dict[str, Any]:
        """Return what was synchronised when, what is under way, and what comes next."""
        due = self._due()
        running = self._running
        return {
            "running": running.model_dump(mode="json") if running is not None else None,
            "progress": self._progress,
            "next": None
            if due is None
            else {"kind": due.kind.value, "at": due.at.isoformat(), "failures": due.failures},
            "waits_for": self._waits_for(),
            "runs": [
                run.model_dump(mode="json") for run in self._storage.sync.runs(limit=_RUNS_SHOWN)
            ],
        }

    # By the clock

    def _keep_fresh(self) -> None:
        while not self._closing.is_set():
            due = self._due()
            pause = _TICK if due is None else (due.at - now()).total_seconds()
            if self._nudge.wait(min(max(pause, 0), _TICK)):
                self._nudge.clear()
                # An editor has just come: its first requests go first.
                self._closing.wait(_SETTLE)
                continue
            if due is None or due.at > now() or self._closing.is_set():
                continue
            try:
                self._synchronise(due.kind, "schedule", self._settings, self._profile)
            except CloudOpsError as error:
                logger.info("synchronisation: %s", type(error).__name__)
                self._closing.wait(_TICK)
            except Exception:
                logger.exception("synchronisation failed")
                self._closing.wait(_TICK)

    def _due(self) -> Due | None:
        if self._waits_for() is not None:
            return None
        times = SyncTimes(
            timedelta(hours=self._settings.full_sync_hours),
            timedelta(minutes=self._settings.incremental_sync_minutes),
        )
        return next_due(self._storage.sync.runs(limit=50), times, now())

    def _waits_for(self) -> str | None:
        """Return what keeps the clock from synchronising."""
        if not self._settings.sync:
            return "the setting estate.sync is off"
        if not self._watched:
            return "no editor is open"
        if not self._storage.sync.scopes():
            # The first scan of an account is somebody's decision.
            return "the estate has never been scanned"
        return None

    def _synchronise(
        self, kind: SyncKind, reason: str, settings: EstateSettings, profile: str
    ) -> dict[str, Any]:
        profiles = list(settings.profiles) or [profile]
        run = SyncRun(kind=kind, reason=reason)
        if kind is SyncKind.FULL:
            return self._work.do(
                lambda: self._recorded(
                    run,
                    lambda: self._full(profiles, list(settings.regions), list(settings.types)),
                )
            )
        return self._work.do(lambda: self._recorded(run, lambda: self._quick(profiles)))

    # The work

    def _recorded(
        self, run: SyncRun, work: Callable[[], dict[str, Any]], *, keep: bool = True
    ) -> dict[str, Any]:
        """Do the work alone in all processes, and record how it went."""
        sync = self._storage.sync
        result: dict[str, Any] | None = None
        error: CloudOpsError | None = None
        try:
            with sync.lock().holding(timeout=1, doing="scan the estate"):
                sync.recover()
                self._running = run
                if keep:
                    sync.put_run(run)
                try:
                    result = work()
                except CloudOpsError as failure:
                    error = failure
                    raise
                finally:
                    if keep:
                        sync.put_run(_ended(run, result, error))
                    self._tidy()
        finally:
            self._running = self._progress = None
            self._estate_changed()
        return result

    def _full(
        self, profiles: Sequence[str], regions: Sequence[str], types: Sequence[str]
    ) -> dict[str, Any]:
        report = self._scanner.scan(
            profiles,
            regions,
            types or None,
            organization=self._file_settings.organization_role is not None,
            progress=self._report_progress,
            cancel=self._work.cancel,
        )
        self._remember(report.accounts)
        self._index.refresh()
        return _summary(report)

    def _quick(self, profiles: Sequence[str]) -> dict[str, Any]:
        accounts, failures = self._scanner.accounts(
            profiles, organization=self._file_settings.organization_role is not None
        )
        self._remember(accounts)
        report = self._incremental.run(
            {account.account_id: account.profiles[0] for account in accounts},
            progress=self._report_progress,
            cancel=self._work.cancel,
        )
        report.problems += [failure.error for failure in failures]
        self._index.refresh()
        return _quick_summary(report, len(accounts), cancelled=self._work.cancel.is_set())

    def _remember(self, reached: Sequence[ScannedAccount]) -> None:
        """Store which accounts were reached, and through which profiles."""
        seen = {name: one.account_id for one in reached for name in one.profiles}
        here = {one.account_id: one for one in reached}
        known = {one.account_id: one for one in self._storage.estate.accounts()}
        for account_id in known.keys() | here.keys():
            before, found = known.get(account_id), here.get(account_id)
            # Profiles of earlier scans still lead here, unless they were seen to lead elsewhere.
            names = [
                *(found.profiles if found else ()),
                *(name for name in (before.profiles if before else ()) if name not in seen),
            ]
            account = AccountRecord(
                account_id=account_id,
                alias=(found.alias if found else None) or (before.alias if before else None),
                profiles=tuple(names),
            )
            if account != before:
                self._storage.estate.put_account(account)

    def _tidy(self) -> None:
        """Forget old history and write the status file; neither is worth failing for."""
        try:
            keep = timedelta(days=self._settings.history_days)
            self._storage.estate.forget_changes(datetime.now(UTC) - keep)
            self._storage.sync.publish()
        except CloudOpsError as error:
            logger.warning("after the synchronisation: %s", type(error).__name__)

    def _report_progress(self, progress: ScanProgress) -> None:
        self._progress = {
            "done": progress.done,
            "total": progress.total,
            "resources": progress.resources,
            "current": progress.current,
        }
        self._notify(wire.SCAN_PROGRESS, self._progress)

    def _estate_changed(self) -> None:
        self._notify(wire.ESTATE_CHANGED, {"generation": self._storage.estate.generation()})


def _ended(run: SyncRun, result: dict[str, Any] | None, error: CloudOpsError | None) -> SyncRun:
    changes: dict[str, Any] = {"finished_at": now()}
    if result is not None:
        changes |= {
            "complete": result["complete"],
            "scopes": result["scopes"],
            "failed": result["failed"],
            "resources": result["resources"],
            "problems": tuple(result["problems"]),
        }
    elif error is not None:
        changes |= {"failed": 1, "problems": (str(error),)}
    else:
        changes |= {"failed": 1}
    return run.model_copy(update=changes)


def _summary(report: ScanReport) -> dict[str, Any]:
    problems = report.problems()
    outcomes: dict[str, int] = {}
    for scope in report.scopes:
        outcomes[scope.outcome.value] = outcomes.get(scope.outcome.value, 0) + 1
    return {
        "kind": SyncKind.FULL.value,
        "resources": report.resources,
        "accounts": len(report.accounts),
        "scopes": len(report.scopes),
        "outcomes": outcomes,
        "failed": sum(1 for scope in report.scopes if scope.error is not None)
        + len(report.failures),
        "problems": problems[:_PROBLEMS_SHOWN],
        "cancelled": report.cancelled,
        "complete": report.complete,
        "seconds": round(report.seconds, 3),
    }


def _quick_summary(report: IncrementalReport, accounts: int, *, cancelled: bool) -> dict[str, Any]:
    listed = report.listed
    scopes = len(listed.scopes) if listed is not None else 0
    failed = sum(1 for scope in listed.scopes if scope.error) if listed is not None else 0
    return {
        "kind": SyncKind.INCREMENTAL.value,
        "resources": len(report.refreshed) + (listed.resources if listed is not None else 0),
        "accounts": accounts,
        "scopes": scopes + len(report.refreshed),
        "refreshed": len(report.refreshed),
        "gone": len(report.gone),
        "listed": scopes,
        "followed": len(report.followed),
        "rotated": len(report.rotated),
        "failed": failed or (1 if report.problems and not accounts else 0),
        "problems": report.problems[:_PROBLEMS_SHOWN],
        "cancelled": cancelled,
        "complete": not report.problems and not cancelled,
    }

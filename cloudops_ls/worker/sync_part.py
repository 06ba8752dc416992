"""The worker's part that keeps the estate true: scan when asked, synchronise by the clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from cloudops_ls.config import EstateSettings
from cloudops_ls.errors import CloudOpsError
from cloudops_ls.logs import logger
from cloudops_ls.storage.records import AccountRecord, SyncKind, SyncRun
from cloudops_ls.worker import wire
from cloudops_ls.worker.one_at_a_time import OneAtATime
from cloudops_ls.worker.sync_clock import SyncClock
from cloudops_ls.worker.sync_results import ended, quick_summary, summary

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from cloudops_ls.estate.scan_model import ScannedAccount, ScanProgress
    from cloudops_ls.estate.scanner import Scanner
    from cloudops_ls.estate.sync.incremental import IncrementalSync
    from cloudops_ls.storage.service import StorageService
    from cloudops_ls.worker.index_part import IndexPart
    from cloudops_ls.worker.service import Notify

_RUNS_SHOWN = 10


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
        self._file_settings = settings
        self._notify = notify
        self._clock = SyncClock(
            storage,
            settings,
            profile,
            lambda kind, *chosen: self._synchronise(kind, "schedule", *chosen),
        )
        self._work = OneAtATime()
        self._running: SyncRun | None = None
        self._progress: dict[str, Any] | None = None
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
        self._clock.start()

    def abandon(self) -> None:
        """End a scan under way, and synchronise no more: no window is left to read it."""
        self._clock.abandon()
        self._work.cancel.set()

    def close(self) -> None:
        """End a scan under way and wait for its end."""
        self._clock.close()
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
            EstateSettings.model_validate(settings) if settings else self._clock.settings,
            str(params.get("profile") or self._clock.profile),
        )

    def configure_sync(self, params: dict[str, Any]) -> None:
        """Take what an editor says about scanning; the last one to say something counts.

        Parameters
        ----------
        params
            ``settings``: the fields of ``EstateSettings``; ``profile``: for when they name none.
        """
        settings = EstateSettings.model_validate(params["settings"])
        self._clock.watch(settings, str(params.get("profile") or self._clock.profile))

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
        due = self._clock.due()
        running = self._running
        return {
            "running": running.model_dump(mode="json") if running is not None else None,
            "progress": self._progress,
            "next": None
            if due is None
            else {"kind": due.kind.value, "at": due.at.isoformat(), "failures": due.failures},
            "waits_for": self._clock.waits_for(),
            "runs": [
                run.model_dump(mode="json") for run in self._storage.sync.runs(limit=_RUNS_SHOWN)
            ],
        }

    # The work

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
                        sync.put_run(ended(run, result, error))
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
        return summary(report)

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
        return quick_summary(report, len(accounts), cancelled=self._work.cancel.is_set())

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
            keep = timedelta(days=self._clock.settings.history_days)
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

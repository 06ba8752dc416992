"""What the worker does: scan, search, refresh, check. Blocking methods for threads."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from cloudops_ls.commands.model import CommandContext
from cloudops_ls.errors import CloudOpsError
from cloudops_ls.logs import logger
from cloudops_ls.storage.health import PartState
from cloudops_ls.storage.records import AccountRecord, ResourceFilter
from cloudops_ls.worker import wire

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cloudops_ls.aws.sessions import SessionFactory
    from cloudops_ls.commands.check import CommandChecker
    from cloudops_ls.estate.scan_model import ScanProgress, ScanReport
    from cloudops_ls.estate.scanner import Scanner
    from cloudops_ls.storage.estate_index import EstateIndex
    from cloudops_ls.storage.service import StorageService

_PROBLEMS_SHOWN = 10


class WorkerService:
    """The worker's methods over the services that it owns.

    Parameters
    ----------
    storage
        The store, opened with its search index.
    sessions, scanner, checker
        AWS sessions, the estate scanner and the command checker; all thread-safe.
    notify
        Notifies every client; callable from any thread.
    """

    def __init__(
        self,
        storage: StorageService,
        sessions: SessionFactory,
        scanner: Scanner,
        checker: CommandChecker,
        notify: Callable[[str, dict[str, Any]], None],
    ) -> None:
        self._storage = storage
        self._sessions = sessions
        self._scanner = scanner
        self._checker = checker
        self._notify = notify
        self._lock = threading.Lock()
        self._scan: Future[dict[str, Any]] | None = None
        self._cancel_scan = threading.Event()
        self._closing = threading.Event()
        self._index_wanted = threading.Event()
        self.methods: Mapping[str, Callable[[dict[str, Any]], Any]] = {
            wire.HEALTH: self.health,
            wire.SCAN: self.scan,
            wire.CANCEL_SCAN: self.cancel_scan,
            wire.SCAN_STATUS: self.scan_status,
            wire.SEARCH: self.search,
            wire.REFRESH: self.refresh,
            wire.CHECK: self.check,
        }

    def start(self) -> None:
        """Keep the search index whole in the background; search goes by text until it is."""
        if self._storage.index is not None:
            index = self._storage.index
            threading.Thread(
                target=self._keep_index, args=(index,), name="index", daemon=True
            ).start()

    def _keep_index(self, index: EstateIndex) -> None:
        told = False
        while not self._closing.is_set():
            self._index_wanted.clear()
            try:
                if index.complete:
                    index.embed_pending(cancelled=self._closing.is_set)
                else:
                    index.rebuild(cancelled=self._closing.is_set)
            except CloudOpsError as error:
                logger.warning("the search index could not be built: %s", type(error).__name__)
            except Exception:
                logger.exception("the search index could not be built")
            told = told or self._tell_of_index()
            self._index_wanted.wait()

    def _tell_of_index(self) -> bool:
        """Tell the operator when search is worse than it could be; return whether it is."""
        search = self._storage.health().part("search")
        if search.state is PartState.OK or self._closing.is_set():
            return False
        advice = f" {search.fix}." if search.fix else ""
        self._notify(wire.WORKER_MESSAGE, {"message": f"Search: {search.detail}{advice}"})
        return True

    @property
    def busy(self) -> bool:
        """Whether a scan is under way."""
        return self._scan is not None

    def abandon(self) -> None:
        """End a scan under way; what it has found so far stays."""
        self._cancel_scan.set()

    def close(self) -> None:
        """End a scan under way and close every service."""
        self._closing.set()
        self._index_wanted.set()
        self._cancel_scan.set()
        self._scanner.close()
        scan = self._scan
        if scan is not None:
            try:
                scan.result(timeout=10)
            except (CloudOpsError, TimeoutError) as error:
                logger.info("the scan ended with %s", type(error).__name__)
        self._sessions.close()
        self._storage.close()

    def health(self, _params: dict[str, Any]) -> dict[str, Any]:
        """Return how every part of the store is."""
        return self._storage.health().model_dump(mode="json")

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

    def search(self, params: dict[str, Any]) -> list[dict[str, Any]]:
        """Search the estate; see ``EstateStorage.search``."""
        try:
            filters = ResourceFilter.model_validate(params.get("filters") or {})
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            name = ".".join(str(step) for step in first["loc"])
            raise CloudOpsError(
                f"The search filter is wrong: {first['msg']}",
                where=name,
                fix=f"Filters are {', '.join(ResourceFilter.model_fields)}",
            ) from None
        index = self._storage.index
        if index is not None and not index.complete:
            # It was replaced, such as when its memory-backed directory filled up.
            self._index_wanted.set()
        hits = self._storage.estate.search(
            str(params["query"]), filters, int(params.get("limit") or 20)
        )
        return [hit.model_dump(mode="json") for hit in hits]

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

    def check(self, params: dict[str, Any]) -> dict[str, Any]:
        """Validate and classify one command; runs nothing.

        Returns
        -------
        dict
            ``command``: a ``CheckedCommand``; ``environment``: variables it needs to run.
        """
        text, identify = str(params["text"]), bool(params.get("identify"))
        context = CommandContext(
            profile=str(params["profile"]), region=params.get("region") or None
        )
        checked = self._checker.check(text, self._placed(context, identify=identify))
        if checked.profile is not None and checked.profile != context.profile:
            # The command names another profile, and with it another account.
            context = context.model_copy(update={"profile": checked.profile})
            checked = self._checker.check(text, self._placed(context, identify=identify))
        return {
            "command": checked.model_dump(mode="json"),
            "environment": self._sessions.environment(),
        }

    def _placed(self, context: CommandContext, *, identify: bool) -> CommandContext:
        """Add the account that the context's profile acts in, as far as it is known."""
        account = self._account_of(str(context.profile), identify=identify)
        if account is None:
            return context
        return context.model_copy(
            update={"account_id": account.account_id, "account_alias": account.alias}
        )

    def _account_of(self, profile: str, *, identify: bool) -> AccountRecord | None:
        """Return a profile's account, from the store or, when asked to, from AWS itself."""
        if identify:
            identity = self._sessions.identity(profile)
            return AccountRecord(account_id=identity.account_id, alias=identity.alias)
        accounts = self._storage.estate.accounts()
        return next((account for account in accounts if profile in account.profiles), None)

    def _scan_now(self, params: dict[str, Any]) -> dict[str, Any]:
        report = self._scanner.scan(
            list(params["profiles"]),
            list(params.get("regions") or ()),
            list(params.get("types") or ()) or None,
            progress=self._report_progress,
            cancel=self._cancel_scan,
        )
        for account in report.accounts:
            self._storage.estate.put_account(
                AccountRecord(
                    account_id=account.account_id, alias=account.alias, profiles=account.profiles
                )
            )
        self._storage.sync.publish()
        self._index_wanted.set()
        return _summary(report)

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

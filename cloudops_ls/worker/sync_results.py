"""How scans and synchronisations went, for the record and for clients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudops_ls.storage.records import SyncKind, SyncRun, now

if TYPE_CHECKING:
    from cloudops_ls.errors import CloudOpsError
    from cloudops_ls.estate.scan_model import ScanReport
    from cloudops_ls.estate.sync.incremental import IncrementalReport

_PROBLEMS_SHOWN = 10


def ended(run: SyncRun, result: dict[str, Any] | None, error: CloudOpsError | None) -> SyncRun:
    """Return the record of a synchronisation that ended so; with neither, it was cut off."""
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


def summary(report: ScanReport) -> dict[str, Any]:
    """Return what clients are told of a scan."""
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


def quick_summary(report: IncrementalReport, accounts: int, *, cancelled: bool) -> dict[str, Any]:
    """Return what clients are told of an incremental synchronisation."""
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

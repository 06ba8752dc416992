"""When to synchronise next (pure)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from cloudops_ls.storage.records import SyncKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cloudops_ls.storage.records import SyncRun

LONGEST_PAUSE = timedelta(hours=6)
"""However often it failed, it is tried again after this."""


@dataclass(frozen=True, slots=True)
class SyncTimes:
    """How often each kind of synchronisation is wanted."""

    full: timedelta = timedelta(hours=6)
    incremental: timedelta = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Due:
    """The next synchronisation.

    Attributes
    ----------
    failures
        Synchronisations that failed in a row before it; each doubles the pause.
    """

    kind: SyncKind
    at: datetime
    failures: int = 0


def next_due(runs: Sequence[SyncRun], times: SyncTimes, now: datetime) -> Due:
    """Return which synchronisation comes next, and when.

    Parameters
    ----------
    runs
        What was done, newest first. Those that a crash cut off have no end; they count as failed.
    now
        Timezone-aware.
    """
    failures = 0
    for run in runs:
        if not failed(run):
            break
        failures += 1
    last_full = next((run for run in runs if run.kind is SyncKind.FULL and not failed(run)), None)
    full_at = now if last_full is None else last_full.started_at + times.full
    fresh = next((run for run in runs if not failed(run)), None)
    soon_at = now if fresh is None else fresh.started_at + times.incremental
    kind, at = min(((SyncKind.INCREMENTAL, soon_at), (SyncKind.FULL, full_at)), key=_earlier)
    if full_at <= max(at, now):
        # It does all that the incremental one would.
        kind, at = SyncKind.FULL, full_at
    if failures:
        at = max(at, (runs[0].finished_at or runs[0].started_at) + _pause(failures, times))
    return Due(kind, at, failures)


def failed(run: SyncRun) -> bool:
    """Tell whether a synchronisation was so bad that the next one should wait.

    A service that is denied or disabled fails every time, so that alone is nothing to wait for.
    """
    if run.finished_at is None:
        return True
    return not run.complete and run.failed * 2 > run.scopes


def _pause(failures: int, times: SyncTimes) -> timedelta:
    # The exponent is limited so that the product cannot overflow.
    doubled: int = 2 ** min(failures, 16)
    return min(times.incremental * doubled, LONGEST_PAUSE)


def _earlier(due: tuple[SyncKind, datetime]) -> datetime:
    return due[1]

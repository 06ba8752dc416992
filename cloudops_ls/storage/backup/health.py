"""How backups are, for ``health`` and ``cloudops-ls doctor``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudops_ls.storage.health import HealthPart, PartState
from cloudops_ls.storage.records import now

if TYPE_CHECKING:
    from datetime import datetime, timedelta

NAME = "backup"
OVERDUE = 2
"""Intervals without a backup after which the schedule is not well."""


def part(
    *,
    configured: bool,
    exported: bool,
    enabled: bool,
    interval: timedelta,
    last_done: datetime | None,
    problem: str | None,
) -> HealthPart:
    """Return how backups are, from what the store knows of them; asks no bucket.

    Parameters
    ----------
    configured
        A bucket is set.
    exported
        A recovery key was exported.
    enabled, interval
        The schedule.
    last_done, problem
        When the last backup was made, and why the last attempt failed.
    """
    if not configured:
        return HealthPart(name=NAME, state=PartState.OK, detail="Off: no bucket is set.")
    if not exported:
        return HealthPart(
            name=NAME,
            state=PartState.DEGRADED,
            detail="None can be made before a recovery key is exported.",
            fix="Run: cloudops-ls key export-recovery",
        )
    last = f"Last backup: {last_done:%Y-%m-%d %H:%M} UTC" if last_done else "No backup yet"
    if problem is not None:
        return HealthPart(
            name=NAME,
            state=PartState.DEGRADED,
            detail=f"{last}; the last attempt failed: {problem}",
            fix="Run: cloudops-ls backup now",
        )
    if enabled and (last_done is None or now() - last_done > OVERDUE * interval):
        return HealthPart(
            name=NAME,
            state=PartState.DEGRADED,
            detail=f"{last}, and one is overdue.",
            fix="Run: cloudops-ls backup now",
        )
    schedule = "by themselves" if enabled else "on demand alone"
    return HealthPart(name=NAME, state=PartState.OK, detail=f"{last}; made {schedule}.")

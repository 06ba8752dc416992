"""Where backups go, and what is told of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from cloudops_ls.storage.backup.layout import Layout
    from cloudops_ls.storage.backup.object_store import ObjectStore


@dataclass(frozen=True, slots=True)
class BackupPlan:
    """Where backups go and how long they are kept.

    Attributes
    ----------
    store, layout
        The bucket, and the user's folder in it.
    enabled
        Whether they are made by themselves, unless the operator said otherwise.
    interval
        Between backups that are made by themselves.
    keep_days
        Retention, counted back from the newest backup; 0 removes none by itself.
    """

    store: ObjectStore
    layout: Layout
    enabled: bool = False
    interval: timedelta = timedelta(hours=24)
    keep_days: int = 30


@dataclass(frozen=True, slots=True)
class Backup:
    """One backup in the bucket.

    Attributes
    ----------
    name
        Its date, which restores it.
    created_at, host, mine
        When and where it was made; whether by this store.
    rows
        How many rows it holds, by table.
    new_bytes
        What it added to the bucket.
    problem
        Why it cannot be read; None if it can.
    """

    name: str
    created_at: datetime | None
    host: str
    mine: bool
    rows: dict[str, int]
    new_bytes: int
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore did.

    Attributes
    ----------
    name
        What was restored.
    added
        Rows, by table.
    safety_copy
        An export of what a replace has replaced.
    """

    name: str
    added: dict[str, int]
    safety_copy: Path | None = None


@dataclass(frozen=True, slots=True)
class ScheduleState:
    """How the schedule stands."""

    enabled: bool
    last_done: datetime | None
    next_due: datetime | None
    problem: str | None

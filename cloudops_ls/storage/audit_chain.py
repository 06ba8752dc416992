"""How audit entries are chained, and what is wrong with a chain (pure).

Each entry carries the digest of the one before it, and its own digest covers everything in it. So
nothing can be changed, removed, inserted or put in another order without a link that breaks at a
place that can be named. Only the end needs a witness outside of the table: see `audit_head`.
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from pydantic import Field, JsonValue

from cloudops_ls.storage.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

GENESIS = "0" * 64
"""What the first entry follows."""
HEAD_LOST = "head lost"
"""What an entry follows that was written when nobody could say what the last one was."""


class AuditEvent(StrEnum):
    """What an entry is about."""

    APPROVED = "approved"
    """The operator, or a rule of the policy, said yes to exactly one run."""
    REFUSED = "refused"
    """The operator said no, or gave no answer."""
    DENIED = "denied"
    """A rule of the policy said no; nobody was asked."""
    STARTED = "started"
    """Recorded before the process exists: a command without this never ran."""
    ENDED = "ended"
    UNSEEN = "unseen"
    """Its watcher died first; nobody saw how the command ended."""
    OUTPUT_SHOWN = "output shown"
    """Output that holds a secret was shown on request."""
    RESTORED = "restored"
    """Records were added or replaced from a backup; the log itself never is."""


class AuditEntry(Record):
    """One link of the chain."""

    seq: int
    """Its place, from 1."""
    at: datetime
    event: AuditEvent
    actor: str
    """Who, as ``user@host``."""
    execution_id: str | None = None
    details: dict[str, JsonValue] = Field(default_factory=dict)
    """``argv``, ``profile``, ``account_id``, ``approval_digest``, ``exit_status``, …"""
    previous: str
    """Digest of the entry before it; `GENESIS` for the first."""
    digest: str

    @classmethod
    def linked(
        cls,
        seq: int,
        previous: str,
        event: AuditEvent,
        *,
        at: datetime,
        actor: str,
        execution_id: str | None,
        details: dict[str, JsonValue],
    ) -> AuditEntry:
        """Return an entry with its digest."""
        entry = cls(
            seq=seq,
            at=at,
            event=event,
            actor=actor,
            execution_id=execution_id,
            details=details,
            previous=previous,
            digest="",
        )
        return entry.model_copy(update={"digest": entry.computed_digest()})

    def computed_digest(self) -> str:
        """Return SHA-256, in hex, of everything but `digest`, as canonical JSON."""
        content = self.model_dump(mode="json", exclude={"digest"})
        canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(canonical.encode("ascii")).hexdigest()


class Break(Record):
    """The first place where the log is not what was written.

    ``seq`` is the entry that the break is at: the first one that is wrong or missing.
    """

    seq: int
    what: str


class Verification(Record):
    """What became of checking a log."""

    entries: int
    """How many were read."""
    head: str
    """Digest of the last one; keep it elsewhere to compare later."""
    broken: Break | None = None

    @property
    def intact(self) -> bool:
        """Whether nothing is wrong."""
        return self.broken is None


def links(entries: Iterable[AuditEntry]) -> Iterator[tuple[AuditEntry, Break | None]]:
    """Yield each entry, in the order of ``seq``, with what is wrong at it."""
    seq, previous = 0, GENESIS
    for entry in entries:
        yield entry, _break_at(entry, seq + 1, previous)
        seq, previous = entry.seq, entry.digest


def _break_at(entry: AuditEntry, expected: int, previous: str) -> Break | None:
    if entry.seq != expected:
        if entry.seq < expected:
            return Break(seq=entry.seq, what=f"entry {entry.seq} is there twice")
        missing = (
            f"entry {expected} is missing"
            if entry.seq == expected + 1
            else f"entries {expected} to {entry.seq - 1} are missing"
        )
        return Break(seq=expected, what=missing)
    if entry.computed_digest() != entry.digest:
        return Break(seq=entry.seq, what=f"entry {entry.seq} was changed")
    if entry.previous == HEAD_LOST:
        return Break(
            seq=entry.seq,
            what=f"when entry {entry.seq} was written the head record was missing or damaged, so "
            "entries before it may have been cut off",
        )
    if entry.previous != previous:
        return Break(
            seq=entry.seq,
            what=f"entry {entry.seq} does not follow what stands before it: entries were removed, "
            "inserted or written anew there",
        )
    return None

"""The audit log: who decided and ran what, append-only and chained (decision 0009)."""

from __future__ import annotations

import contextlib
import json
import secrets
import socket
import threading
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select

from cloudops_ls.errors import CloudOpsError
from cloudops_ls.home import user_name
from cloudops_ls.storage.audit_chain import (
    HEAD_LOST,
    AuditEntry,
    AuditEvent,
    Break,
    Verification,
    links,
)
from cloudops_ls.storage.audit_head import FIRST, Head, HeadFile, Link, wrong_end
from cloudops_ls.storage.execution_outputs import output_digest
from cloudops_ls.storage.locks import FileLock
from cloudops_ls.storage.records import now
from cloudops_ls.storage.tables import AuditRow, AuditSealRow

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pydantic import JsonValue
    from sqlalchemy import Connection, Row

    from cloudops_ls.home import Home
    from cloudops_ls.storage.database import Database

LOCK_TIMEOUT = 15.0
_KEY_BYTES = 32


class AuditTransaction:
    """Audit entries and what they are about, committed together or not at all.

    Attributes
    ----------
    connection
        For the records that the entries describe.
    """

    def __init__(self, connection: Connection, tail: Link, actor: str) -> None:
        self.connection = connection
        self.tail = tail
        self._actor = actor
        self.written = 0

    def append(
        self,
        event: AuditEvent,
        *,
        execution_id: str | None = None,
        details: dict[str, JsonValue] | None = None,
    ) -> AuditEntry:
        """Add one entry."""
        entry = AuditEntry.linked(
            self.tail.seq + 1,
            self.tail.digest,
            event,
            at=now(),
            actor=self._actor,
            execution_id=execution_id,
            # As it will be read back: what is signed must be what is stored.
            details=json.loads(json.dumps(details or {})),
        )
        self._insert(entry)
        return entry

    def adopt(self, entries: Iterable[AuditEntry]) -> int:
        """Continue the log of another store, as when it is restored; return how many were taken.

        Only an empty log can: entries of two stores are no chain. The entries are taken as they
        are, breaks included.
        """
        if self.tail != FIRST:
            return 0
        for entry in entries:
            self._insert(entry)
        return self.written

    def _insert(self, entry: AuditEntry) -> None:
        self.connection.execute(
            insert(AuditRow).values(
                seq=entry.seq,
                at=entry.at.isoformat(),
                event=entry.event.value,
                actor=entry.actor,
                execution_id=entry.execution_id,
                details=json.dumps(entry.details),
                previous=entry.previous,
                digest=entry.digest,
            )
        )
        self.tail = Link(seq=entry.seq, digest=entry.digest)
        self.written += 1


class AuditLog:
    """The audit log of one home; safe to use from several threads and processes.

    Parameters
    ----------
    database
        Where the entries are.
    home
        Whose log it is; the head record and the lock lie in it.
    """

    def __init__(self, database: Database, home: Home) -> None:
        self._database = database
        self._head = HeadFile(home.audit_head)
        self._lock = FileLock(home.data / "audit.lock")
        self._mutex = threading.Lock()
        self._actor = f"{user_name()}@{socket.gethostname()}"

    @contextlib.contextmanager
    def transaction(self) -> Iterator[AuditTransaction]:
        """Give a transaction that writes entries together with what they describe.

        Raises
        ------
        CloudOpsError
            The log cannot be written; then nothing else was either.
        """
        with self._holding():
            with self._database.write() as connection:
                known = _known_key(connection)
                key = known or _new_key(connection)
                head = self._head.read(key) if known is not None else Head(last=FIRST)
                before = _end(connection, head)
                begun = AuditTransaction(connection, before, self._actor)
                yield begun
                if begun.written:
                    self._head.write(key, Head(last=before, announced=begun.tail))
            if begun.written:
                # Committed and announced already: if this fails, the next entry confirms it.
                with contextlib.suppress(CloudOpsError):
                    self._head.write(key, Head(last=begun.tail))

    def append(
        self,
        event: AuditEvent,
        *,
        execution_id: str | None = None,
        details: dict[str, JsonValue] | None = None,
    ) -> AuditEntry:
        """Record something that has no other record, such as a refusal."""
        with self.transaction() as transaction:
            return transaction.append(event, execution_id=execution_id, details=details)

    def get(self, seq: int) -> AuditEntry | None:
        """Return one entry, None when there is none of that number."""
        with self._database.read() as connection:
            row = connection.execute(select(AuditRow).where(AuditRow.seq == seq)).one_or_none()
            return None if row is None else _entry(row)

    def list(
        self, *, execution_id: str | None = None, limit: int | None = None
    ) -> list[AuditEntry]:
        """Return entries, newest first.

        Parameters
        ----------
        execution_id
            Only those about this execution.
        limit
            At most so many.
        """
        query = select(AuditRow).order_by(AuditRow.seq.desc()).limit(limit)
        if execution_id is not None:
            query = query.where(AuditRow.execution_id == execution_id)
        with self._database.read() as connection:
            return [_entry(row) for row in connection.execute(query)]

    def entries(self) -> Iterator[AuditEntry]:
        """Yield all entries, oldest first."""
        with self._database.read() as connection:
            for row in connection.execute(select(AuditRow).order_by(AuditRow.seq)):
                yield _entry(row)

    def verify(self, kept: Iterable[AuditEntry] = ()) -> Verification:
        """Check every link, the end, and the stored outputs that entries vouch for.

        Parameters
        ----------
        kept
            Entries exported earlier, in order; each must still be there, unchanged. This alone
            notices someone who has the data key and rewrote everything, the head included.
        """
        with self._database.read() as connection:
            with self._holding():
                # One view of entries and head. Outputs are read without the lock: they may be
                # long, and those who run commands wait for it.
                rows = connection.execute(select(AuditRow).order_by(AuditRow.seq)).all()
                key = _known_key(connection)
                head = self._head.read(key) if key is not None else None
            exported = iter(kept)
            wanted = next(exported, None)
            count, tail = 0, FIRST
            broken: Break | None = None
            for entry, found in links(_readable(rows)):
                count += 1
                tail = Link(seq=entry.seq, digest=entry.digest)
                broken = broken or found
                if wanted is not None and entry.seq >= wanted.seq:
                    if broken is None and wanted != entry:
                        broken = Break(
                            seq=wanted.seq,
                            what=f"entry {wanted.seq} is not what was exported earlier",
                        )
                    wanted = next(exported, None)
                promised = entry.details.get("output_digest")
                if broken is None and entry.event is AuditEvent.ENDED and promised is not None:
                    stored = output_digest(connection, str(entry.execution_id))
                    if stored not in (promised, None):
                        broken = Break(
                            seq=entry.seq,
                            what=f"the stored output of execution {entry.execution_id} is not "
                            f"the one that entry {entry.seq} recorded",
                        )
            if broken is None and len(rows) > count:
                broken = Break(seq=tail.seq + 1, what=f"entry {tail.seq + 1} cannot be read")
            if broken is None and wanted is not None:
                broken = Break(
                    seq=wanted.seq, what=f"entry {wanted.seq}, exported earlier, is missing"
                )
            broken = broken or wrong_end(head, tail, begun=key is not None)
        return Verification(entries=count, head=tail.digest, broken=broken)

    @contextlib.contextmanager
    def _holding(self) -> Iterator[None]:
        with (
            self._mutex,
            self._lock.holding(timeout=LOCK_TIMEOUT, doing="writing the audit log"),
        ):
            yield


def _known_key(connection: Connection) -> bytes | None:
    """Return the key that signs the head, None before the first entry."""
    return connection.execute(select(AuditSealRow.key)).scalar_one_or_none()


def _new_key(connection: Connection) -> bytes:
    key = secrets.token_bytes(_KEY_BYTES)
    connection.execute(insert(AuditSealRow).values(id=1, key=key))
    return key


def _end(connection: Connection, head: Head | None) -> Link:
    """Return what the next entry follows.

    That is what the head record says, not what the table happens to end with: an entry that is
    written after the end was cut off, or something was added to it, shows that for ever.
    """
    row = connection.execute(
        select(AuditRow.seq, AuditRow.digest).order_by(AuditRow.seq.desc()).limit(1)
    ).one_or_none()
    tail = FIRST if row is None else Link(seq=row.seq, digest=row.digest)
    if head is None:
        return Link(seq=tail.seq, digest=HEAD_LOST)
    if head.allows(tail):
        return tail
    last = head.announced or head.last
    return Link(seq=max(tail.seq, last.seq), digest=last.digest)


def _readable(rows: Iterable[Row[Any]]) -> Iterator[AuditEntry]:
    """Yield entries up to the first row that is none."""
    for row in rows:
        try:
            yield _entry(row)
        except ValueError:
            return


def _entry(row: Row[Any]) -> AuditEntry:
    return AuditEntry(
        seq=row.seq,
        at=datetime.fromisoformat(row.at),
        event=AuditEvent(row.event),
        actor=row.actor,
        execution_id=row.execution_id,
        details=json.loads(row.details),
        previous=row.previous,
        digest=row.digest,
    )

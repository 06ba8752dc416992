"""The audit log: whatever is done to it, the first broken link is named."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from cloudops_ls.errors import CloudOpsError
from cloudops_ls.storage.audit_chain import AuditEntry, AuditEvent

from .audit_entries import fill, run_one, tamper

if TYPE_CHECKING:
    from cloudops_ls.home import Home
    from cloudops_ls.storage.service import StorageService


def test_the_database_refuses_to_change_or_remove_entries(service: StorageService) -> None:
    fill(service)
    for statement in ("UPDATE audit SET actor = 'me'", "DELETE FROM audit"):
        with pytest.raises(CloudOpsError), service._database.write() as connection:
            connection.execute(text(statement))
    assert service.audit.verify().intact


FIELDS = {
    "at": "2020-01-01T00:00:00+00:00",
    "event": "approved",
    "actor": "someone@else",
    "execution_id": "01FORGED",
    "details": '{"reason":"yes"}',
    "previous": "f" * 64,
    "digest": "f" * 64,
}


def test_a_changed_field_is_found_wherever_it_is(service: StorageService) -> None:
    fill(service)
    for seq in (1, 4, 6):
        for field, value in FIELDS.items():
            with service._database.read() as connection:
                query = text(f"SELECT {field} FROM audit WHERE seq = {seq}")
                before = connection.execute(query).scalar()
            change = f"UPDATE audit SET {field} = :value WHERE seq = {seq}"
            tamper(service, change, value=value)
            broken = service.audit.verify().broken
            assert broken is not None, field
            assert (broken.seq, broken.what) == (seq, f"entry {seq} was changed")
            tamper(service, change, value=before)
            assert service.audit.verify().intact


def test_an_unreadable_entry_is_found(service: StorageService) -> None:
    fill(service)
    for seq in (6, 4, 1):
        tamper(service, f"UPDATE audit SET details = 'no json' WHERE seq = {seq}")
        broken = service.audit.verify().broken
        assert broken is not None
        assert broken.seq == seq


@pytest.mark.parametrize(
    ("gone", "what"),
    [
        ("1", "entry 1 is missing"),
        ("3", "entry 3 is missing"),
        ("3, 4", "entries 3 to 4 are missing"),
        ("6", "entry 6 is missing"),
        ("4, 5, 6", "entries 4 to 6 are missing"),
        ("1, 2, 3, 4, 5, 6", "entries 1 to 6 are missing"),
    ],
)
def test_removed_entries_are_named_at_the_end_too(
    service: StorageService, gone: str, what: str
) -> None:
    fill(service)
    tamper(service, f"DELETE FROM audit WHERE seq IN ({gone})")
    broken = service.audit.verify().broken
    assert broken is not None
    assert broken.seq == int(gone[0])
    assert what in broken.what


def test_what_was_cut_off_stays_visible_when_the_log_goes_on(service: StorageService) -> None:
    fill(service)
    tamper(service, "DELETE FROM audit WHERE seq > 4")
    fill(service, 3)
    broken = service.audit.verify().broken
    assert broken is not None
    assert (broken.seq, broken.what) == (5, "entries 5 to 6 are missing")


def test_a_removed_head_record_hides_nothing(home: Home, service: StorageService) -> None:
    fill(service)
    tamper(service, "DELETE FROM audit WHERE seq > 4")
    home.audit_head.unlink()
    broken = service.audit.verify().broken
    assert broken is not None
    assert "head record is missing" in broken.what
    fill(service, 1)
    broken = service.audit.verify().broken
    assert broken is not None
    assert broken.seq == 5


def test_a_forged_head_record_hides_nothing(home: Home, service: StorageService) -> None:
    fill(service)
    home.audit_head.write_text(home.audit_head.read_text().replace('"seq":6', '"seq":4'))
    tamper(service, "DELETE FROM audit WHERE seq > 4")
    broken = service.audit.verify().broken
    assert broken is not None
    assert "missing or damaged" in broken.what


def test_entries_in_another_order_are_found(service: StorageService) -> None:
    fill(service)
    tamper(
        service,
        "UPDATE audit SET seq = 100 WHERE seq = 3",
        "UPDATE audit SET seq = 3 WHERE seq = 4",
        "UPDATE audit SET seq = 4 WHERE seq = 100",
    )
    broken = service.audit.verify().broken
    assert broken is not None
    assert broken.seq == 3


def insert_entry(service: StorageService, entry: AuditEntry) -> None:
    tamper(
        service,
        "INSERT INTO audit VALUES (:seq, :at, :event, :actor, NULL, '{}', :previous, :digest)",
        seq=entry.seq,
        at=entry.at.isoformat(),
        event=entry.event.value,
        actor=entry.actor,
        previous=entry.previous,
        digest=entry.digest,
    )


def forged(after: AuditEntry) -> AuditEntry:
    return AuditEntry.linked(
        after.seq + 1,
        after.digest,
        AuditEvent.APPROVED,
        at=after.at,
        actor=after.actor,
        execution_id=None,
        details={},
    )


def test_an_entry_put_in_the_middle_is_found(service: StorageService) -> None:
    fill(service)
    third = service.audit.get(3)
    assert third is not None
    tamper(
        service,
        "UPDATE audit SET seq = seq + 100 WHERE seq > 3",
        "UPDATE audit SET seq = seq - 99 WHERE seq > 100",
    )
    insert_entry(service, forged(third))
    broken = service.audit.verify().broken
    assert broken is not None
    # The inserted one is well linked itself; what comes after it is not.
    assert broken.seq == 5


def test_an_entry_put_at_the_end_is_found(service: StorageService) -> None:
    fill(service)
    last = service.audit.get(6)
    assert last is not None
    insert_entry(service, forged(last))
    broken = service.audit.verify().broken
    assert broken is not None
    assert broken.what == "entry 7 was not written by this program"
    fill(service, 1)
    assert service.audit.verify().broken is not None


def test_a_chain_computed_anew_does_not_fit_its_head(service: StorageService) -> None:
    fill(service)
    before = service.audit.get(4)
    assert before is not None
    tamper(service, "DELETE FROM audit WHERE seq > 4")
    insert_entry(service, first := forged(before))
    insert_entry(service, forged(first))
    broken = service.audit.verify().broken
    assert broken is not None
    assert "is not the one that was written" in broken.what


def test_an_export_tells_of_a_rewritten_log_whose_head_was_rewritten_too(
    service: StorageService,
) -> None:
    fill(service)
    kept = list(service.audit.entries())
    assert service.audit.verify(kept).intact
    # With the data key everything can be made anew, the seal included.
    tamper(service, "DELETE FROM audit", "DELETE FROM audit_seal")
    fill(service)
    assert service.audit.verify().intact
    broken = service.audit.verify(kept).broken
    assert broken is not None
    assert (broken.seq, broken.what) == (1, "entry 1 is not what was exported earlier")


def test_an_export_longer_than_the_log_is_named(service: StorageService) -> None:
    fill(service)
    kept = list(service.audit.entries())
    tamper(service, "DELETE FROM audit", "DELETE FROM audit_seal")
    broken = service.audit.verify(kept).broken
    assert broken is not None
    assert broken.what == "entry 1, exported earlier, is missing"


def test_changed_output_of_an_execution_is_found(service: StorageService) -> None:
    run_one(service)
    tamper(service, "UPDATE execution_output SET text = 'nothing happened'")
    broken = service.audit.verify().broken
    assert broken is not None
    assert broken.seq == 3
    assert "the stored output of execution" in broken.what

"""Backing up and restoring, through the seed's interface, against a real S3 endpoint."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from cloudops_ls.errors import CloudOpsError
from cloudops_ls.storage.backup import local_file, writing
from cloudops_ls.storage.backup.restoring import OWN_WAY, RestoreMode
from cloudops_ls.storage.backup.streams import LEFT_OUT, StreamSource, sources
from cloudops_ls.storage.recovery_key import RecoveryKey
from cloudops_ls.storage.schema import HEAD
from cloudops_ls.storage.service import StorageService
from cloudops_ls.storage.tables import Base
from tests.storage.samples import resource

from .contents import fill, restored_record, run, say, written_down

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cloudops_ls.home import Home
    from cloudops_ls.storage.backup.records import BackupPlan
    from tests.storage.postgres_server import PostgresServer


def keys(client: Any, bucket: str) -> list[str]:
    listed = client.list_objects_v2(Bucket=bucket)
    return [each["Key"] for each in listed.get("Contents", ())]


def test_a_new_machine_with_only_the_recovery_key_gets_everything_back(
    service: StorageService,
    another_machine: Callable[[], StorageService],
    recovery: RecoveryKey,
) -> None:
    fill(service)
    before = written_down(service)
    service.backup.backup_to_s3()
    other = another_machine()
    restored = other.backup.restore_from_s3("latest", RestoreMode.REPLACE, recovery=recovery)
    assert restored_record(other) == before
    assert restored.added["resources"] == 60
    assert other.audit.verify().broken is None
    # It has joined: its own backups go on where the other's ended.
    say(other, "there", "hello")
    written = other.backup.backup_to_s3()
    assert written.new_chunks < written.chunks
    assert [each.mine for each in other.backup.list_backups()] == [True, False]


def test_every_recovery_key_that_was_handed_out_opens_the_backups(
    service: StorageService,
    another_machine: Callable[[], StorageService],
    recovery: RecoveryKey,
) -> None:
    """Whichever machine of several made the last backup, and whatever it exported since."""
    say(service, "thread", "hello")
    service.backup.backup_to_s3()
    joined = another_machine()
    joined.backup.restore_from_s3("latest", recovery=recovery)
    # It is this machine's recovery key too, of its own store as of the backups.
    with pytest.raises(CloudOpsError, match="exported already"):
        joined.export_recovery_key()
    assert joined._keys is not None
    assert joined._keys.recovery_recipient() == recovery.recipient.text
    second = joined.export_recovery_key(replace=True)
    for last in (joined, service):
        last.backup.backup_to_s3()
        for key in (recovery, second):
            assert len(another_machine().backup.list_backups(key)) == 2 + (last is service)
    assert service.backup.verify().ok


def test_objects_are_where_the_seed_has_them(
    service: StorageService, client: Any, bucket: str
) -> None:
    fill(service)
    name = service.backup.backup_to_s3().name
    found = keys(client, bucket)
    assert f"ana/chat_history/{name}.encrypted.tar.gz" in found
    assert f"ana/aws_estate/{name}.encrypted.tar.gz" in found
    assert {key.split("/")[1] for key in found} == {
        "aws_estate",
        "chat_history",
        "content",
        "index",
        "keys",
        "manifests",
    }
    for key in found:
        assert client.head_object(Bucket=bucket, Key=key)["ServerSideEncryption"] == "AES256"


def test_what_did_not_change_is_stored_once(
    service: StorageService, client: Any, bucket: str
) -> None:
    fill(service, 3000)
    first = service.backup.backup_to_s3()
    content = {key for key in keys(client, bucket) if "/content/" in key}
    second = service.backup.backup_to_s3()
    assert second.new_chunks == 0
    assert second.manifest.new_bytes == 0
    assert {key for key in keys(client, bucket) if "/content/" in key} == content
    service.estate.upsert_resource(resource("svc-01500", state="stopped"))
    third = service.backup.backup_to_s3()
    # Its chunk, the one that says when it was seen, and the counters.
    assert third.new_chunks <= 4
    assert third.manifest.new_bytes < first.manifest.new_bytes / 4


def test_restoring_by_date_takes_the_newest_that_it_means(
    service: StorageService, another_machine: Callable[[], StorageService], recovery: RecoveryKey
) -> None:
    fill(service)
    first = service.backup.backup_to_s3()
    before = written_down(service)
    say(service, "later", "not yet there")
    second = service.backup.backup_to_s3()
    other = another_machine()
    day = second.name[:10]
    assert (
        other.backup.restore_from_s3(day, RestoreMode.REPLACE, recovery=recovery).name
        == second.name
    )
    assert other.backup.restore_from_s3(first.name, RestoreMode.REPLACE).name == first.name
    assert restored_record(other)["messages"] == before["messages"]
    with pytest.raises(CloudOpsError, match="no backup of that date"):
        other.backup.restore_from_s3("1999-01-01")


def test_merge_adds_what_is_missing_and_changes_nothing_else(
    service: StorageService, another_machine: Callable[[], StorageService], recovery: RecoveryKey
) -> None:
    fill(service, prefix="old")
    service.backup.backup_to_s3()
    other = another_machine()
    fill(other, prefix="new")
    other.estate.upsert_resource(resource("old-00001", state="stopped"))
    mine = {each.id for each in other.executions.list()}
    log = other.audit.list()
    generation = other.estate.generation()
    added = other.backup.restore_from_s3("latest", recovery=recovery).added
    assert added["conversations"] == 3
    assert added["messages"] == 12
    assert added["resources"] == 59
    assert added["execution_output"] == 3
    assert added["audit"] == 0
    assert other.estate.find("old-00001")[0].state == "stopped"
    assert other.estate.count() == 120
    assert other.estate.generation() > generation
    assert [each.content[:10] for each in other.chat.get_history("old-thread-2")] == [
        f"old says {turn}" for turn in range(4)
    ]
    theirs = [each for each in other.executions.list() if each.id not in mine]
    assert other.executions.get(theirs[0].id).output == service.executions.get(theirs[0].id).output  # type: ignore[union-attr]
    assert other.audit.list()[1:] == log
    # Again: there is nothing left to add.
    again = other.backup.restore_from_s3("latest").added
    assert sum(again.values()) == 0


def test_merging_a_conversation_that_went_on_elsewhere_puts_it_in_order(
    service: StorageService, another_machine: Callable[[], StorageService], recovery: RecoveryKey
) -> None:
    said = [say(service, "thread", "one")]
    service.backup.backup_to_s3()
    other = another_machine()
    other.backup.restore_from_s3("latest", recovery=recovery)
    for number in range(3):
        said += [say(service, "thread", f"here {number}"), say(other, "thread", f"there {number}")]
    service.backup.backup_to_s3()
    other.backup.restore_from_s3("latest")
    assert other.chat.get_history("thread") == said
    assert other.chat.get_history("thread", limit=2) == said[-2:]


def test_a_replace_keeps_what_it_replaced(service: StorageService) -> None:
    fill(service)
    service.backup.backup_to_s3()
    say(service, "afterwards", "worth keeping")
    before = written_down(service)
    restored = service.backup.restore_from_s3("latest", RestoreMode.REPLACE)
    assert service.chat.get_conversation("afterwards") is None
    assert restored.safety_copy is not None
    service.backup.import_from_file(restored.safety_copy, RestoreMode.REPLACE)
    assert {**restored_record(service), "audit": 0} == {**before, "audit": 0}


def test_a_replace_waits_for_no_running_command(service: StorageService) -> None:
    from cloudops_ls.storage.records import Execution

    service.backup.backup_to_s3()
    service.executions.create(Execution(command="aws s3 ls"))
    with pytest.raises(CloudOpsError, match="A command is running"):
        service.backup.restore_from_s3("latest", RestoreMode.REPLACE)
    assert len(service.executions.list()) == 1


def test_the_audit_log_is_never_rewound(service: StorageService) -> None:
    fill(service)
    service.backup.backup_to_s3()
    run(service, "more", "output")
    log = service.audit.list()
    service.backup.restore_from_s3("latest", RestoreMode.REPLACE)
    assert service.audit.list()[1:] == log
    assert service.audit.list()[0].event == "restored"
    assert service.audit.verify().broken is None


def test_without_a_recovery_key_there_is_no_backup(
    another_machine: Callable[[], StorageService],
) -> None:
    with pytest.raises(CloudOpsError, match="no recovery key yet"):
        another_machine().backup.backup_to_s3()


def test_a_folder_of_another_store_is_not_written_to(
    service: StorageService, another_machine: Callable[[], StorageService]
) -> None:
    service.backup.backup_to_s3()
    other = another_machine()
    other.backup.state.keep_recipient(RecoveryKey.generate().recipient)
    with pytest.raises(CloudOpsError, match="the backups of another store"):
        other.backup.backup_to_s3()
    with pytest.raises(CloudOpsError, match="recovery key does not open"):
        other.backup.restore_from_s3("latest", recovery=RecoveryKey.generate())


def test_damaged_backups_go_together_and_never_the_last(
    service: StorageService, client: Any, bucket: str
) -> None:
    names = []
    for number in range(3):
        say(service, "thread", f"{number}")
        names.append(service.backup.backup_to_s3().name)
    *damaged, whole = names
    for name in damaged:
        key = f"ana/manifests/{name}.encrypted.tar.gz"
        client.put_object(Bucket=bucket, Key=key, Body=b"damaged")
    with pytest.raises(CloudOpsError, match="backup remove --damaged"):
        service.backup.prune(1)
    # The other one that is damaged would stay, and what it needs cannot be told.
    with pytest.raises(CloudOpsError, match="nothing was removed"):
        service.backup.remove(damaged[:1])
    with pytest.raises(CloudOpsError, match="never removed"):
        service.backup.remove(names)
    with pytest.raises(CloudOpsError, match="no backup of that name"):
        service.backup.remove([whole[:10]])
    assert service.backup.remove(damaged).backups == tuple(damaged)
    assert service.backup.verify(read_data=True).whole == [whole]
    service.backup.prune(1)


def test_a_bucket_that_is_not_there_is_one_message(
    service: StorageService, client: Any, bucket: str
) -> None:
    client.delete_bucket(Bucket=bucket)
    with pytest.raises(CloudOpsError, match="bucket does not exist"):
        service.backup.backup_to_s3()


def test_somebody_decided_how_every_table_is_merged() -> None:
    for table in Base.metadata.sorted_tables:
        numbered = [column for column in table.primary_key.columns if column.name == "seq"]
        if numbered and table.name not in LEFT_OUT:
            assert table.name in OWN_WAY, (
                f"{table.name} is numbered by each store for itself: say in "
                "storage.backup.restoring how its rows are merged"
            )


def test_from_postgresql_into_a_file_and_back(
    home: Home,
    plan: BackupPlan,
    recovery: RecoveryKey,
    postgres: PostgresServer,
    another_machine: Callable[[], StorageService],
) -> None:
    other = another_machine()
    stores = []
    for _ in range(2):
        url = postgres.new_database()
        stores.append(StorageService.open(home, database_url=url, backup=lambda: plan))
    first, second = stores
    with first, second:
        first.backup.state.keep_recipient(recovery.recipient)
        fill(first)
        first.backup.backup_to_s3()
        other.backup.restore_from_s3("latest", RestoreMode.REPLACE, recovery=recovery)
        assert other.chat.get_history("svc-thread-0") == first.chat.get_history("svc-thread-0")
        again = other.backup.backup_to_s3()
        assert again.manifest.parts["chat_history"].rows["messages"] == 12
        second.backup.restore_from_s3(again.name, RestoreMode.REPLACE, recovery=recovery)
        assert second.estate.get_by_type("rds_instance") == first.estate.get_by_type("rds_instance")
        # New rows are numbered after the restored ones.
        said = say(second, "svc-thread-0", "and on")
        run(second, "svc-thread-0", "output")
        assert second.chat.get_history("svc-thread-0")[-1] == said
        assert second.audit.verify().broken is None


def test_a_backup_from_before_the_newest_tables_becomes_todays(
    service: StorageService,
    another_machine: Callable[[], StorageService],
    recovery: RecoveryKey,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """What schema 0002 held: no runs, no history, no outcome of a listing."""
    fill(service)
    before = written_down(service)
    assert before["sync_scopes"]
    assert "'complete'" in before["sync_scopes"][0]
    with monkeypatch.context() as older:
        for module in (writing, local_file):
            older.setattr(module, "HEAD", "0002")
            older.setattr(module, "sources", _sources_of_0002)
        made = service.backup.backup_to_s3()
        service.backup.export_to_file(tmp_path / "old.age")
    assert made.manifest.schema_revision == "0002"
    assert service.backup.verify(read_data=True).ok
    from_bucket, from_file = another_machine(), another_machine()
    from_bucket.backup.restore_from_s3("latest", RestoreMode.REPLACE, recovery=recovery)
    from_file.backup.import_from_file(tmp_path / "old.age", RestoreMode.REPLACE, recovery=recovery)
    newer = {"sync_runs", "resource_changes", "sync_scopes"}
    for other in (from_bucket, from_file):
        found = restored_record(other)
        assert {name for name in before if found[name] != before[name]} <= newer
        assert len(found["sync_scopes"]) == len(before["sync_scopes"])
        assert other._database.revision() == HEAD
        # It goes on as a store of today.
        fill(other, 70)
        assert other.estate.count() == 70
        assert other.audit.verify().broken is None


def _sources_of_0002() -> tuple[StreamSource, ...]:
    return tuple(
        replace(each, names=tuple(name for name in each.names if name != "outcome"))
        for each in sources()
        if each.table.name not in ("sync_runs", "resource_changes")
    )

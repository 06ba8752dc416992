"""Backups from the editor: made with progress, listed, restored after a question, cancelled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from cloudops_ls.demo.cloud import PRODUCTION, DemoCloud
from cloudops_ls.storage.keys import KeyRing
from cloudops_ls.storage.records import Message, Role
from cloudops_ls.storage.recovery_key import RecoveryKey
from cloudops_ls.storage.service import StorageService

if TYPE_CHECKING:
    from collections.abc import Callable

    from cloudops_ls.home import Home
    from tests.e2e.editor import Editor

BUCKET = "user-cloudops-backup"


@pytest.fixture
def home(home: Home, cloud: DemoCloud, environment: dict[str, str]) -> Home:
    """The home, with a bucket and a recovery key."""
    client = cloud.client("s3", PRODUCTION)
    client.create_bucket(
        Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "us-west-2"}
    )
    with home.config.open("a") as file:
        file.write(
            f'[backup]\nbucket = "{BUCKET}"\nuser_id = "{home.root.parent.name}"\n'
            'profile = "production"\nregion = "us-west-2"\n'
        )
    with StorageService.open(home, keys=KeyRing(home, environ=environment)) as store:
        store.backup.state.keep_recipient(RecoveryKey.generate().recipient)
        store.chat.append("thread", Message(role=Role.USER, content="before"))
    yield home
    listed = client.list_objects_v2(Bucket=BUCKET).get("Contents", ())
    for each in listed:
        client.delete_object(Bucket=BUCKET, Key=each["Key"])
    client.delete_bucket(Bucket=BUCKET)


async def test_a_backup_is_made_listed_verified_and_restored(
    home: Home, environment: dict[str, str], open_editor: Callable[..., Any]
) -> None:
    editor: Editor = await open_editor(environment)
    made = await editor.execute("cloudops.backupNow")
    assert made["status"] == "complete", editor.said()
    assert made["new_pieces"] == made["pieces"] > 0
    listed = await editor.execute("cloudops.backups")
    assert [each["name"] for each in listed["backups"]] == [made["name"]]
    assert listed["schedule"]["enabled"] is False
    verified = await editor.execute("cloudops.verifyBackups", {"readData": True})
    assert verified["ok"] and verified["whole"] == [made["name"]]
    assert (await editor.execute("cloudops.autoBackup", {"enabled": True}))["enabled"] is True

    with StorageService.open(home, keys=KeyRing(home, environ=environment)) as store:
        store.chat.append("later", Message(role=Role.USER, content="after"))
        resources = store.estate.count()
        first = next(iter(store.estate.names())).arn
        store.estate.delete_resource(first)
        editor.answers.append(None)
        assert await editor.execute("cloudops.restoreBackup") == {"status": "refused"}
        assert store.estate.count() == resources - 1
        editor.answers.append("Add")
        added = await editor.execute("cloudops.restoreBackup", {"date": made["name"][:10]})
        assert added["added"]["resources"] == 1, editor.said()
        assert store.estate.count() == resources
        assert store.chat.get_conversation("later") is not None
        editor.answers.append("Replace")
        replaced = await editor.execute("cloudops.restoreBackup", {"replace": True})
        assert replaced["status"] == "complete", editor.said()
        assert store.chat.get_conversation("later") is None
        assert [each.content for each in store.chat.get_history("thread")] == ["before"]
    # Enter must never replace anything.
    actions = editor.questions[-1].actions
    assert actions is not None and actions[0].title == "Don't restore"


async def test_what_is_wrong_is_one_message(
    environment: dict[str, str], open_editor: Callable[..., Any]
) -> None:
    editor: Editor = await open_editor(environment)
    failed = await editor.execute("cloudops.backupNow")
    assert failed["status"] == "failed"
    assert len(editor.messages) == 1
    assert "No bucket for backups is set" in editor.messages[0].message

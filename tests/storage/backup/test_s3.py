"""S3 on bad days, exactly the operations that the documented policy allows, and Object Lock."""

from __future__ import annotations

import contextlib
import itertools
import json
import threading
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore import exceptions as sdk
from botocore.awsrequest import AWSResponse

from cloudops_ls.errors import CloudOpsError, RetryableError
from cloudops_ls.storage.backup.bucket_lock import STALE, BucketLock, LockKind
from cloudops_ls.storage.backup.errors import BackupCancelledError
from cloudops_ls.storage.backup.layout import Layout, ObjectKind
from cloudops_ls.storage.backup.progress import Step, Watch
from cloudops_ls.storage.backup.records import BackupPlan
from cloudops_ls.storage.backup.restoring import RestoreMode
from cloudops_ls.storage.backup.s3 import ObjectLockMode, S3ObjectStore, S3Options
from cloudops_ls.storage.service import StorageService
from tests.storage.samples import ring

from .cloud import make_bucket, s3
from .contents import fill, restored_record, say, written_down

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cloudops_ls.home import Home
    from cloudops_ls.storage.recovery_key import RecoveryKey

DOCUMENT = Path(__file__).parents[3] / "docs" / "storage.md"


@pytest.fixture
def client(endpoint: str) -> Any:
    """A client of its own, for hooks; it waits as little as possible between attempts."""
    return s3(endpoint, retries={"total_max_attempts": 3, "mode": "standard"})


def answer(status: int, code: str) -> Any:
    body = f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode()

    class Raw:
        def stream(self, **_: Any) -> Iterator[bytes]:
            yield body

    return AWSResponse("https://s3", status, {"content-type": "application/xml"}, Raw())


NEEDS = {
    "ListObjectsV2": {"s3:ListBucket"},
    "GetObject": {"s3:GetObject"},
    "PutObject": {"s3:PutObject"},
    "DeleteObject": {"s3:DeleteObject"},
    # Its answer holds the retention only for those who may read that.
    "HeadObject": {"s3:GetObject", "s3:GetObjectRetention"},
    "PutObjectRetention": {"s3:PutObjectRetention"},
}
"""The actions that S3 asks for, by operation (Service Authorization Reference)."""


def documented_policy(bucket: str, user: str) -> list[dict[str, Any]]:
    text = DOCUMENT.read_text().split("```json\n")[1].split("```")[0]
    policy = json.loads(text.replace("BUCKET", bucket).replace("USER_ID", user))
    statements: list[dict[str, Any]] = policy["Statement"]
    return statements


def allows(statement: dict[str, Any], action: str, arguments: dict[str, Any]) -> bool:
    """Evaluate a statement as IAM does, as far as ours go."""
    arn = f"arn:aws:s3:::{arguments['Bucket']}"
    if action != "s3:ListBucket":
        arn += f"/{arguments['Key']}"
    prefixes = statement.get("Condition", {}).get("StringLike", {}).get("s3:prefix", ["*"])
    return (
        action in statement["Action"]
        and fnmatchcase(arn, statement["Resource"])
        and any(fnmatchcase(arguments.get("Prefix", ""), each) for each in prefixes)
    )


def test_what_is_asked_of_s3_is_what_the_documented_policy_allows(
    home: Home, client: Any, recovery: RecoveryKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_bucket(client, "policy-bucket", object_lock=True)
    policy = documented_policy("policy-bucket", "ana")
    used: set[str] = set()

    def note(params: dict[str, Any], model: Any, **_: Any) -> None:
        actions = set(NEEDS[model.name])
        if "ObjectLockMode" in params:
            actions.add("s3:PutObjectRetention")
        for action in actions:
            assert any(allows(each, action, params) for each in policy), (action, params.keys())
        used.update(actions)

    client.meta.events.register("before-parameter-build.s3", note)
    options = S3Options(object_lock=ObjectLockMode.GOVERNANCE, lock_days=2)
    plan = BackupPlan(S3ObjectStore(lambda: client, "policy-bucket", options), Layout("", "ana"))
    with StorageService.open(home, keys=ring(home), backup=lambda: plan) as service:
        service.backup.state.keep_recipient(recovery.recipient)
        fill(service)
        names = [service.backup.backup_to_s3().name]
        real = S3ObjectStore.now
        # What the first one wrote is locked anew a day later.
        monkeypatch.setattr(S3ObjectStore, "now", lambda self: real(self) + timedelta(days=2))
        names.append(service.backup.backup_to_s3().name)
        service.backup.verify(read_data=True)
        service.backup.restore_from_s3("latest")
        service.backup.list_backups(recovery)
        service.backup.remove(names[:1])
        service.backup.prune(1)
    assert used == {action for each in policy for action in each["Action"]}


@pytest.mark.fault("S3: missing objects under the documented policy")
def test_a_missing_object_is_told_from_a_refusal(
    service: StorageService, client: Any, bucket: str
) -> None:
    """S3 hides what is missing from those who may not list the whole bucket: 403, not 404."""
    fill(service)
    names = [service.backup.backup_to_s3().name]
    say(service, "thread", "more")
    names.append(service.backup.backup_to_s3().name)

    def hide(parsed: dict[str, Any], **_: Any) -> None:
        if parsed.get("Error", {}).get("Code") == "NoSuchKey":
            parsed["Error"]["Code"] = "AccessDenied"
            parsed["ResponseMetadata"]["HTTPStatusCode"] = 403

    client.meta.events.register("after-call.s3", hide)
    gone = f"ana/aws_estate/{names[0]}.encrypted.tar.gz"
    client.delete_object(Bucket=bucket, Key=gone)
    found = service.backup.verify()
    assert found.whole == names[1:]
    assert [problem.key for problem in found.problems] == [gone]


def test_object_lock_covers_what_kept_backups_need(
    home: Home, client: Any, recovery: RecoveryKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_bucket(client, "locked-bucket", object_lock=True)
    options = S3Options(object_lock=ObjectLockMode.GOVERNANCE, lock_days=40)
    store = S3ObjectStore(lambda: client, "locked-bucket", options)
    plan = BackupPlan(store, Layout("", "ana"))

    def locked_until() -> list[datetime]:
        listed = client.list_objects_v2(Bucket="locked-bucket", Prefix="ana/content/")["Contents"]
        heads = [client.head_object(Bucket="locked-bucket", Key=each["Key"]) for each in listed]
        return [head["ObjectLockRetainUntilDate"] for head in heads]

    with StorageService.open(home, keys=ring(home), backup=lambda: plan) as service:
        service.backup.state.keep_recipient(recovery.recipient)
        fill(service)
        service.backup.backup_to_s3()
        first = locked_until()
        assert all(until > datetime.now(UTC) + timedelta(days=39) for until in first)
        service.backup.backup_to_s3()
        assert locked_until() == first, "nothing to extend yet"
        # Ten days later, by the server's clock.
        real = S3ObjectStore.now
        monkeypatch.setattr(S3ObjectStore, "now", lambda self: real(self) + timedelta(days=10))
        service.backup.backup_to_s3()
        assert min(locked_until()) > max(first) + timedelta(days=9)


@pytest.mark.fault("S3: errors that pass")
@pytest.mark.parametrize(
    ("status", "code"),
    [(503, "SlowDown"), (500, "InternalError")],
)
def test_passing_errors_are_tried_again(
    service: StorageService, client: Any, status: int, code: str
) -> None:
    fill(service)
    numbers = itertools.count()

    def fail(**_: Any) -> Any:
        # Every third request is refused, whatever it is.
        return answer(status, code) if next(numbers) % 3 == 0 else None

    client.meta.events.register("before-send.s3", fail)
    service.backup.backup_to_s3()
    service.backup.restore_from_s3("latest", RestoreMode.REPLACE)
    assert next(numbers) > 10
    client.meta.events.unregister("before-send.s3", fail)
    assert service.backup.verify(read_data=True).ok


@pytest.mark.fault("S3: throttled")
def test_lasting_throttling_is_one_message_and_no_backup(
    service: StorageService, client: Any
) -> None:
    first = service.backup.backup_to_s3()

    def fail(request: Any, **_: Any) -> Any:
        return answer(503, "SlowDown") if request.method == "PUT" else None

    say(service, "thread", "new")
    client.meta.events.register("before-send.s3", fail)
    with pytest.raises(RetryableError, match="S3 asks to slow down"):
        service.backup.backup_to_s3()
    client.meta.events.unregister("before-send.s3", fail)
    assert [each.name for each in service.backup.list_backups()] == [first.name]


@pytest.mark.fault("S3: access refused")
def test_a_refusal_names_the_policy_and_quotes_nothing(
    service: StorageService, client: Any
) -> None:
    client.meta.events.register("before-send.s3", lambda **_: answer(403, "AccessDenied"))
    with pytest.raises(CloudOpsError, match="refuses access") as caught:
        service.backup.backup_to_s3()
    assert "policy in docs/storage.md" in str(caught.value)


@pytest.mark.fault("S3: uploads cut short")
def test_uploads_that_arrive_in_part_are_refused_by_the_server(
    service: StorageService, client: Any
) -> None:
    fill(service)
    cut: list[str] = []

    def shorten(request: Any, **_: Any) -> None:
        body = request.body
        if request.method == "PUT" and "/content/" in request.url and not cut:
            cut.append(request.url)
            request.body = body.read()[:-7] if hasattr(body, "read") else body[:-7]
            request.headers["Content-Length"] = str(len(request.body))

    client.meta.events.register("before-send.s3", shorten)
    # S3 checks the MD5 and refuses; where a service does not, the listing tells the size.
    with contextlib.suppress(CloudOpsError):
        service.backup.backup_to_s3()
    client.meta.events.unregister("before-send.s3", shorten)
    assert cut
    written = service.backup.backup_to_s3()
    found = service.backup.verify(read_data=True)
    assert written.name in found.whole, found.problems


@pytest.mark.fault("S3: answers that break off")
def test_answers_that_break_off_are_asked_for_again(
    service: StorageService, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(service)
    before = written_down(service)
    service.backup.backup_to_s3()
    from botocore.response import StreamingBody

    broken = itertools.count()
    real = StreamingBody.read

    def read(self: Any, amt: int | None = None) -> bytes:
        match next(broken) % 3:
            case 0:
                raise sdk.ReadTimeoutError(endpoint_url="https://s3", error="cut")
            case 1:
                raise sdk.IncompleteReadError(actual_bytes=1, expected_bytes=2)
        return real(self, amt)

    monkeypatch.setattr(StreamingBody, "read", read)
    service.backup.restore_from_s3("latest", RestoreMode.REPLACE)
    assert next(broken) > 6
    after = restored_record(service)
    assert {**after, "audit": 0} == {**before, "audit": 0}


@pytest.mark.fault("S3: an object deleted meanwhile")
def test_an_object_deleted_while_a_backup_is_made_is_noticed(
    service: StorageService, client: Any, bucket: str
) -> None:
    fill(service)
    service.backup.backup_to_s3()
    say(service, "thread", "more")
    (content, *_) = client.list_objects_v2(Bucket=bucket, Prefix="ana/content/")["Contents"]

    def delete(request: Any, **_: Any) -> None:
        if request.method == "PUT" and "/manifests/" in request.url:
            client.meta.events.unregister("before-send.s3", delete)
            client.delete_object(Bucket=bucket, Key=content["Key"])

    client.meta.events.register("before-send.s3", delete)
    with pytest.raises(CloudOpsError, match="it was taken back"):
        service.backup.backup_to_s3()
    # What is still here is uploaded again.
    name = service.backup.backup_to_s3().name
    assert name in service.backup.verify(read_data=True).whole


def test_cancelling_leaves_what_was_there_and_the_next_one_goes_on(
    service: StorageService, client: Any, bucket: str
) -> None:
    fill(service)
    steps: list[Step] = []
    cancel = threading.Event()

    def told(step: Step) -> None:
        steps.append(step)
        if step.doing == "Writing the index":
            cancel.set()

    with pytest.raises(BackupCancelledError, match="nothing that was there before has changed"):
        service.backup.backup_to_s3(Watch(told, cancel.is_set))
    assert service.backup.list_backups() == []
    assert not client.list_objects_v2(Bucket=bucket, Prefix="ana/locks/").get("Contents")
    again = service.backup.backup_to_s3()
    assert again.new_chunks < again.chunks
    assert {step.doing for step in steps} >= {"Reading what the bucket holds", "Uploading"}


def test_locks_keep_deleters_and_adders_apart_and_go_stale_by_the_servers_clock(
    client: Any, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = S3ObjectStore(lambda: client, bucket)
    layout = Layout("", "ana")

    def lock(kind: LockKind, owner: str) -> BucketLock:
        return BucketLock(store, layout, kind, owner * 16)

    shared, exclusive = LockKind.SHARED, LockKind.EXCLUSIVE
    with lock(shared, "a"), lock(shared, "b"):
        with pytest.raises(RetryableError, match="Another machine"), lock(exclusive, "c"):
            pass
        # The one that gave way left nothing.
        assert len(list(store.list(layout.locks))) == 2
    with lock(exclusive, "a"), pytest.raises(RetryableError), lock(shared, "b"):
        pass
    assert not list(store.list(layout.locks))

    dead = lock(exclusive, "a")
    dead._write()
    with pytest.raises(RetryableError), lock(shared, "b"):
        pass
    # Its own store clears it away at once; others when it is stale.
    with lock(shared, "a"):
        pass
    dead._write()
    real = S3ObjectStore.now
    monkeypatch.setattr(S3ObjectStore, "now", lambda self: real(self) + 2 * STALE)
    with lock(shared, "b") as held:
        held.check()
    with pytest.raises(RetryableError, match="lock on the backups was lost"):
        dead.check()


@pytest.mark.fault("S3: two writers")
def test_two_stores_back_up_into_one_folder_at_once(
    service: StorageService,
    another_machine: Callable[[], StorageService],
    recovery: RecoveryKey,
) -> None:
    fill(service)
    service.backup.backup_to_s3()
    other = another_machine()
    other.backup.restore_from_s3("latest", RestoreMode.REPLACE, recovery=recovery)
    records: dict[str, Any] = {}
    problems: list[Exception] = []

    def work(store: StorageService, word: str) -> None:
        try:
            for number in range(3):
                say(store, "thread", f"{word} {number}")
                before = restored_record(store)
                records[store.backup.backup_to_s3().name] = before
        except Exception as error:
            problems.append(error)

    threads = [
        threading.Thread(target=work, args=(store, word))
        for store, word in ((service, "one"), (other, "two"))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems
    assert len(records) == 6
    found = service.backup.verify(read_data=True)
    assert found.ok and len(found.whole) == 7, found.problems
    for name in list(records)[-2:]:
        third = another_machine()
        third.backup.restore_from_s3(name, RestoreMode.REPLACE, recovery=recovery)
        assert restored_record(third) == records[name]


def test_names_of_objects_tell_nothing(service: StorageService, client: Any, bucket: str) -> None:
    say(service, "thread", "planted-needle")
    service.backup.backup_to_s3()
    for each in client.list_objects_v2(Bucket=bucket)["Contents"]:
        body = client.get_object(Bucket=bucket, Key=each["Key"])["Body"].read()
        assert b"planted-needle" not in body
        assert body.startswith(b"age-encryption.org/v1\n")
    repository = service.backup._access.to_read(service.backup._required_plan(), None)
    assert repository.names(ObjectKind.MANIFEST)

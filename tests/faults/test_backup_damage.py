"""Objects that are cut short, changed, gone, or in another's place: named, and never restored."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from cloudops_ls.errors import CloudOpsError
from cloudops_ls.home import Home
from cloudops_ls.storage.backup.layout import Layout
from cloudops_ls.storage.backup.records import BackupPlan
from cloudops_ls.storage.backup.restoring import RestoreMode
from cloudops_ls.storage.backup.s3 import S3ObjectStore
from tests.storage.backup.cloud import BUCKET
from tests.storage.backup.contents import fill, say

from .backup_cloud import RECOVERY, digest_of_backup, live_digest, open_store
from .damage import Damage
from .harness import POINTS, Tally, judge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cloudops_ls.storage.service import StorageService

pytestmark = pytest.mark.timeout(1200)

KINDS = ("keys", "content", "index", "chat_history", "aws_estate", "manifests")


class Scene(NamedTuple):
    client: Any
    plan: BackupPlan
    service: StorageService
    records: dict[str, str]
    """Digest of each backup."""
    objects: dict[str, bytes]
    """Everything in the folder."""
    foreign: dict[str, bytes]
    """Everything in another store's folder."""


@pytest.fixture(scope="module")
def scene(client: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A store with two backups, and another store with one."""

    def plan(user: str) -> BackupPlan:
        return BackupPlan(S3ObjectStore(lambda: client, BUCKET), Layout("", user))

    homes = [Home(tmp_path_factory.mktemp("home") / "home") for _ in range(2)]
    with (
        open_store(homes[0], plan("ana")) as service,
        open_store(homes[1], plan("bob")) as other,
    ):
        records = {}
        for prefix in ("a", "b"):
            fill(service, 30, prefix)
            records[service.backup.backup_to_s3().name] = live_digest(service)
        fill(other, 30)
        other.backup.backup_to_s3()
        objects, foreign = _read(client, "ana"), _read(client, "bob")
        yield Scene(client, plan("ana"), service, records, objects, foreign)


def _read(client: Any, user: str) -> dict[str, bytes]:
    listed = client.list_objects_v2(Bucket=BUCKET, Prefix=f"{user}/").get("Contents", ())
    return {
        each["Key"]: client.get_object(Bucket=BUCKET, Key=each["Key"])["Body"].read()
        for each in listed
    }


def _put_back(scene: Scene) -> None:
    for key in _read(scene.client, "ana").keys() - scene.objects.keys():
        scene.client.delete_object(Bucket=BUCKET, Key=key)
    for key, content in scene.objects.items():
        scene.client.put_object(Bucket=BUCKET, Key=key, Body=content)


def _hurt(scene: Scene, key: str, how: Damage, dice: random.Random) -> None:
    content = bytearray(scene.objects[key])
    kind = key.split("/")[1]
    match how:
        case Damage.TRUNCATED:
            content = content[: dice.randrange(1, len(content))]
        case Damage.EMPTIED:
            content.clear()
        case Damage.BIT_FLIPPED:
            content[dice.randrange(len(content))] ^= 1 << dice.randrange(8)
        case Damage.SWAPPED:
            # Another true object of the same kind: of this store where it has two, else another's.
            mine = [each for each in scene.objects if each.split("/")[1] == kind and each != key]
            other = dice.choice(mine) if mine else None
            strange = next(each for each in scene.foreign if each.split("/")[1] == kind)
            content = bytearray(scene.objects[other] if other else scene.foreign[strange])
        case Damage.MISSING:
            scene.client.delete_object(Bucket=BUCKET, Key=key)
            return
    scene.client.put_object(Bucket=BUCKET, Key=key, Body=bytes(content))


def _check(scene: Scene, key: str, how: Damage) -> None:
    """Each backup restores exactly, or not at all with the object named; then all is mended."""
    failed = []
    for name, record in scene.records.items():
        try:
            found = digest_of_backup(scene.plan, name)
        except CloudOpsError as error:
            failed.append(name)
            gone = how is Damage.MISSING and key.split("/")[1] in ("manifests", "keys")
            assert gone or key in str(error), f"the damage is not named: {error}"
        else:
            assert found == record, f"{name} was restored, and is something else"
    verified = scene.service.backup.verify(read_data=True)
    kind = key.split("/")[1]
    if failed and kind != "keys" and not (kind == "manifests" and how is Damage.MISSING):
        assert not verified.ok
        assert verified.damaged.keys() == set(failed)
        assert any(problem.key == key for problem in verified.problems), verified.problems
    # The next backup is whole, whatever the damage was.
    now = live_digest(scene.service)
    assert digest_of_backup(scene.plan, scene.service.backup.backup_to_s3().name) == now


@pytest.mark.parametrize("kind", KINDS)
def test_damage_is_named_and_nothing_damaged_is_restored(
    kind: str, scene: Scene, record: Callable[[Tally], None]
) -> None:
    tally = Tally(f"damage: {kind} of a backup")
    dice = random.Random(f"{kind} {POINTS}")
    keys = sorted(key for key in scene.objects if key.split("/")[1] == kind)
    for how in Damage if POINTS else dice.sample(list(Damage), 2):
        key = dice.choice(keys)
        _hurt(scene, key, how, dice)
        tally.points += 1
        tally.hit += 1
        tally.acknowledged += len(scene.records)
        judge(tally, f"  {how}: {key}", lambda: _check(scene, key, how))  # noqa: B023
        _put_back(scene)
    record(tally)


def test_a_damaged_backup_is_refused_before_the_store_is_touched(scene: Scene) -> None:
    say(scene.service, "now", "here")
    before = live_digest(scene.service)
    # Whichever of them the restored backup needs.
    for key in [each for each in scene.objects if "/content/" in each]:
        _hurt(scene, key, Damage.BIT_FLIPPED, random.Random(1))
    for mode in RestoreMode:
        with pytest.raises(CloudOpsError, match="cannot be decrypted"):
            scene.service.backup.restore_from_s3(min(scene.records), mode)
    with pytest.raises(CloudOpsError, match="cannot be told, so nothing was removed"):
        scene.service.backup.remove([max(scene.records)])
    assert live_digest(scene.service) == before
    _put_back(scene)
    with pytest.raises(CloudOpsError, match="another one"):
        scene.service.backup.list_backups(type(RECOVERY).generate())

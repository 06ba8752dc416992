"""A new key for a store, another passphrase, and the way back in when everything is lost."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from cloudops_ls.errors import CloudOpsError
from cloudops_ls.storage import key_changes, opening, rotation
from cloudops_ls.storage.key_record import KeyKind
from cloudops_ls.storage.keys import KeyRing
from cloudops_ls.storage.recovery_key import RecoveryKey
from cloudops_ls.storage.service import StorageService

from .samples import FAST_SCRYPT, PASSPHRASE, estate, resource, ring

if TYPE_CHECKING:
    from pathlib import Path

    from cloudops_ls.home import Home


@pytest.fixture
def filled(home: Home) -> Home:
    with StorageService.open(home, keys=ring(home)) as service:
        service.estate.bulk_upsert(estate(50))
    return home


def _rotate(home: Home, **changes: object) -> None:
    with opening.alone(home, doing="changing the key"):
        rotation.rotate(home, ring(home), **changes)  # type: ignore[arg-type]


def _count(home: Home, keys: KeyRing | None = None) -> int:
    with StorageService.open(home, keys=keys or ring(home)) as service:
        return service.estate.count()


def test_rotation_changes_the_key_and_keeps_everything(filled: Home) -> None:
    before, database = ring(filled).open(), filled.database.read_bytes()
    with StorageService.open(filled, keys=ring(filled)) as service:
        stored = service.estate.get_by_type("rds_instance")
        audited = service.audit.verify()
    _rotate(filled)
    after = ring(filled).open()
    assert after.reveal() != before.reveal()
    assert after.id != before.id
    assert filled.database.read_bytes()[:4096] != database[:4096]
    with StorageService.open(filled, keys=ring(filled)) as service:
        assert service.estate.get_by_type("rds_instance") == stored
        assert service.audit.verify() == audited
    left = {path.name for path in filled.data.iterdir()}
    assert not [name for name in left if "next" in name or after.id in name or before.id in name]
    assert filled.database.stat().st_mode & 0o777 == 0o600


def test_the_old_key_opens_nothing_any_more(filled: Home) -> None:
    old = filled.wrapped_key.read_bytes()
    _rotate(filled)
    filled.wrapped_key.write_bytes(old)
    with pytest.raises(CloudOpsError, match="its key is another one"):
        _count(filled)


def test_nobody_else_may_have_the_store_open(filled: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "ALONE_TIMEOUT", 0.1)
    before = filled.wrapped_key.read_bytes()
    with (
        StorageService.open(filled, keys=ring(filled)),
        pytest.raises(CloudOpsError, match=r"in use by an editor window.*Close the editor"),
    ):
        _rotate(filled)
    assert filled.wrapped_key.read_bytes() == before
    _rotate(filled)


def test_whoever_opens_the_store_waits_for_a_rotation(filled: Home) -> None:
    code = f"""
import sys
from pathlib import Path
from cloudops_ls.home import Home
from cloudops_ls.storage.keys import KeyRing
from cloudops_ls.storage.service import StorageService
print("ready", flush=True)
home = Home(Path(sys.argv[1]))
keys = KeyRing(home, environ={{"CLOUDOPS_PASSPHRASE": {PASSPHRASE!r}}})
with StorageService.open(home, keys=keys) as service:
    print(service.estate.count())
"""
    with opening.alone(filled, doing="changing the key"):
        other = subprocess.Popen(
            [sys.executable, "-c", code, str(filled.root)], stdout=subprocess.PIPE, text=True
        )
        assert other.stdout is not None
        assert other.stdout.readline() == "ready\n"
        rotation.rotate(filled, ring(filled))
    out, _ = other.communicate(timeout=60)
    assert out == "50\n"


def test_a_rotation_may_change_what_protects_the_key(filled: Home, tmp_path: Path) -> None:
    file = tmp_path / "server.key"
    file.write_bytes(b"k" * 32)
    file.chmod(0o600)
    with_file = KeyRing(filled, environ={"CLOUDOPS_KEY_FILE": str(file)})
    _rotate(filled, kind=KeyKind.KEY_FILE, with_new=with_file)
    assert ring(filled).kind() is KeyKind.KEY_FILE
    assert _count(filled, with_file) == 50


def test_without_a_store_there_is_nothing_to_rotate(home: Home) -> None:
    home.create()
    with pytest.raises(CloudOpsError, match="no store yet"):
        _rotate(home)


@pytest.mark.parametrize("step", ["replace", "_encrypt_again", "sync_directory"])
def test_a_failure_leaves_the_old_key_or_the_new_one(
    filled: Home, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def fail(*_: object) -> None:
        raise CloudOpsError("No space")

    target = {"replace": "cloudops_ls.storage.key_record.WrappedKey.replace"}.get(
        step, f"cloudops_ls.storage.rotation.{step}"
    )
    with monkeypatch.context() as broken:
        broken.setattr(target, fail)
        with pytest.raises(CloudOpsError, match="No space"):
            _rotate(filled)
    assert _count(filled) == 50
    assert not rotation.unsettled(filled)


def test_whoever_opens_the_store_is_told_of_a_change_that_was_interrupted(
    filled: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = ring(filled).open().id
    (filled.data / "key.json.next").write_bytes(filled.wrapped_key.read_bytes())
    with StorageService.open(filled, keys=ring(filled)) as service:
        assert service.settled is rotation.Settled.UNDONE
        assert "has been undone" in service.health().part("key").detail
    assert ring(filled).open().id == old

    def die(_: Home) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as killed:
        # After the step that decides.
        killed.setattr(rotation, "settle", die)
        with pytest.raises(KeyboardInterrupt):
            rotation.rotate(filled, ring(filled))
    assert rotation.unsettled(filled)
    with StorageService.open(filled, keys=ring(filled)) as service:
        assert service.settled is rotation.Settled.FINISHED
        assert service.estate.count() == 50
    with StorageService.open(filled, keys=ring(filled)) as service:
        assert service.settled is None
    assert ring(filled).open().id != old


def test_another_passphrase_opens_the_same_key(filled: Home) -> None:
    before = ring(filled).open()
    new = ring(filled, "another passphrase")
    with StorageService.open(filled, keys=ring(filled)) as service:
        # Whoever has the store open goes on.
        key_changes.change_passphrase(filled, ring(filled), lambda: new)
        service.estate.upsert_resource(resource("more"))
    assert ring(filled, "another passphrase").open().reveal() == before.reveal()
    with pytest.raises(CloudOpsError, match="passphrase does not open"):
        ring(filled).open()


def test_a_wrong_passphrase_changes_nothing(filled: Home) -> None:
    before = filled.wrapped_key.read_bytes()
    wrong = ring(filled, "wrong passphrase")
    with pytest.raises(CloudOpsError, match="passphrase does not open"):
        key_changes.change_passphrase(filled, wrong, lambda: wrong)
    assert filled.wrapped_key.read_bytes() == before


def test_the_recovery_key_opens_what_nothing_else_opens(filled: Home, tmp_path: Path) -> None:
    recovery = key_changes.export_recovery(filled, ring(filled), replace=False)
    assert recovery.reveal().encode() not in filled.wrapped_key.read_bytes()
    assert ring(filled).recovery_recipient() == recovery.recipient.text
    typed = RecoveryKey.parse(recovery.reveal(), where="paper")
    new = KeyRing(filled, environ={"CLOUDOPS_PASSPHRASE": "a new one"}, scrypt=FAST_SCRYPT)
    assert key_changes.recover(filled, new, typed) is KeyKind.PASSPHRASE
    assert _count(filled, new) == 50
    # It still works, and after a rotation too.
    with opening.alone(filled, doing="changing the key"):
        rotation.rotate(filled, new)
    assert key_changes.recover(filled, ring(filled), typed) is KeyKind.PASSPHRASE
    assert _count(filled) == 50


def test_the_age_tool_s_format_is_what_is_sealed(filled: Home) -> None:
    import base64

    recovery = key_changes.export_recovery(filled, ring(filled), replace=False)
    sealed = json.loads(filled.wrapped_key.read_text())["recovery"]["sealed"]
    assert base64.b64decode(sealed).startswith(b"age-encryption.org/v1\n-> X25519 ")
    assert recovery.open(base64.b64decode(sealed)) == ring(filled).open().reveal()


def test_a_second_recovery_key_is_made_on_purpose_only(filled: Home) -> None:
    first = key_changes.export_recovery(filled, ring(filled), replace=False)
    with pytest.raises(CloudOpsError, match="exported already"):
        key_changes.export_recovery(filled, ring(filled), replace=False)
    second = key_changes.export_recovery(filled, ring(filled), replace=True)
    with pytest.raises(CloudOpsError, match="not the recovery key of this store"):
        key_changes.recover(filled, ring(filled), first)
    key_changes.recover(filled, ring(filled), second)


def test_without_a_recovery_key_there_is_no_recovering(filled: Home) -> None:
    with pytest.raises(CloudOpsError, match="No recovery key was ever exported"):
        key_changes.recover(filled, ring(filled), RecoveryKey.generate())

from __future__ import annotations

import json
import os
import pickle
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from cloudops_ls.errors import CloudOpsError
from cloudops_ls.storage.keys import KeyRing

from .samples import FAST_SCRYPT, PASSPHRASE, ring

if TYPE_CHECKING:
    from pathlib import Path

    from cloudops_ls.home import Home


@pytest.fixture(autouse=True)
def _created(home: Home) -> None:
    home.create()


def _key_file(tmp_path: Path, content: bytes = b"k" * 32, mode: int = 0o600) -> Path:
    path = tmp_path / "server.key"
    path.write_bytes(content)
    path.chmod(mode)
    return path


def _with_file(home: Home, path: Path) -> KeyRing:
    return KeyRing(home, environ={"CLOUDOPS_KEY_FILE": str(path)})


def test_a_passphrase_opens_the_same_key_again(home: Home) -> None:
    key = ring(home).open()
    assert len(key.reveal()) == 32
    assert ring(home).open().reveal() == key.reveal()
    assert ring(home).kind() == "passphrase"


def test_every_home_has_a_key_of_its_own(home: Home, tmp_path: Path) -> None:
    other = type(home)(tmp_path / "other")
    other.create()
    assert ring(home).open().reveal() != ring(other).open().reveal()


def test_the_key_file_holds_the_key_only_wrapped(home: Home) -> None:
    key = ring(home).open()
    content = home.wrapped_key.read_bytes()
    assert key.reveal() not in content
    assert key.reveal().hex().encode() not in content
    assert home.wrapped_key.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in home.data.iterdir() if path.suffix == ".json"] == ["key.json"]


def test_a_wrong_passphrase_says_so_and_changes_nothing(home: Home) -> None:
    ring(home).open()
    before = home.wrapped_key.read_bytes()
    with pytest.raises(CloudOpsError, match="passphrase does not open") as raised:
        ring(home, "another").open()
    assert "another" not in str(raised.value)
    assert raised.value.__cause__ is None
    assert home.wrapped_key.read_bytes() == before


def test_a_passphrase_that_is_not_given_is_asked_for(home: Home) -> None:
    ring(home).open()
    with pytest.raises(CloudOpsError, match="Set CLOUDOPS_PASSPHRASE"):
        KeyRing(home, environ={}).open()


def test_a_key_file_opens_the_same_key_again(home: Home, tmp_path: Path) -> None:
    path = _key_file(tmp_path)
    key = _with_file(home, path).open()
    assert _with_file(home, path).open().reveal() == key.reveal()
    assert _with_file(home, path).kind() == "key-file"


def test_a_new_key_prefers_the_key_file_an_old_one_keeps_its_kind(
    home: Home, tmp_path: Path
) -> None:
    both = {
        "CLOUDOPS_KEY_FILE": str(_key_file(tmp_path)),
        "CLOUDOPS_PASSPHRASE": PASSPHRASE,
    }
    assert KeyRing(home, environ=both).open()
    assert KeyRing(home, environ=both).kind() == "key-file"
    home.wrapped_key.unlink()
    key = ring(home).open()
    again = KeyRing(home, environ=both)
    assert again.kind() == "passphrase"
    assert again.open().reveal() == key.reveal()


@pytest.mark.parametrize(
    ("content", "mode", "message"),
    [
        (b"k" * 32, 0o640, "only you can read"),
        (b"k" * 31, 0o600, "exactly 32"),
        (b"", 0o600, "exactly 32"),
    ],
)
def test_an_unfit_key_file_is_refused(
    home: Home, tmp_path: Path, content: bytes, mode: int, message: str
) -> None:
    with pytest.raises(CloudOpsError, match=message):
        _with_file(home, _key_file(tmp_path, content, mode)).open()
    assert not home.wrapped_key.exists()


def test_a_missing_key_file_says_how_to_make_one(home: Home, tmp_path: Path) -> None:
    with pytest.raises(CloudOpsError, match="openssl rand"):
        _with_file(home, tmp_path / "absent").open()


def test_another_key_file_does_not_open_the_key(home: Home, tmp_path: Path) -> None:
    path = _key_file(tmp_path)
    _with_file(home, path).open()
    path.write_bytes(b"x" * 32)
    with pytest.raises(CloudOpsError, match="key file does not open"):
        _with_file(home, path).open()


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[: len(text) // 2],
        lambda text: "",
        lambda text: text.replace('"format": 1', '"format": 2'),
        lambda text: text.replace('"n": 2', '"n": 1099511627776'),
        lambda text: text.replace('"passphrase"', '"keychain"'),
        lambda text: json.dumps({**json.loads(text), "wrapped": "AAAA"}),
        lambda text: json.dumps({**json.loads(text), "surprise": 1}),
    ],
)
def test_a_damaged_key_json_is_named_and_left_alone(home: Home, damage) -> None:
    ring(home).open()
    damaged = damage(home.wrapped_key.read_text())
    home.wrapped_key.write_text(damaged)
    with pytest.raises(CloudOpsError, match=r"damaged, or written by a newer") as raised:
        ring(home).open()
    assert str(home.wrapped_key) in str(raised.value)
    assert home.wrapped_key.read_text() == damaged


def test_a_flipped_bit_in_the_wrapped_key_does_not_give_another_key(home: Home) -> None:
    ring(home).open()
    record = json.loads(home.wrapped_key.read_text())
    first = record["wrapped"][0]
    record["wrapped"] = ("B" if first == "A" else "A") + record["wrapped"][1:]
    home.wrapped_key.write_text(json.dumps(record))
    with pytest.raises(CloudOpsError, match="does not open"):
        ring(home).open()


def test_no_new_key_beside_an_existing_database(home: Home) -> None:
    home.database.write_bytes(b"something")
    with pytest.raises(CloudOpsError, match="wrapped key is gone"):
        ring(home).open()
    assert not home.wrapped_key.exists()


def test_creators_that_race_agree_on_one_key(home: Home) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = {key.reveal() for key in pool.map(lambda _: ring(home).open(), range(8))}
    assert len(keys) == 1


def test_a_key_shows_itself_to_nobody(home: Home) -> None:
    key = ring(home).open()
    assert key.reveal().hex() not in repr(key) + str(key) + repr(ring(home))
    with pytest.raises(TypeError):
        pickle.dumps(key)


def test_default_scrypt_parameters_are_strong() -> None:
    assert type(FAST_SCRYPT)().n >= 2**17


_OPEN = """
import sys
from cloudops_ls.errors import CloudOpsError
from cloudops_ls.home import Home
from cloudops_ls.storage.keys import KeyRing
home = Home.locate()
home.create()
try:
    print(KeyRing(home).open().reveal().hex(), KeyRing(home).kind())
except CloudOpsError as error:
    print(f"refused: {error}")
"""


def _environment(home: Home, **more: str) -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("CLOUDOPS", "DBUS", "PYTHON_KEYRING"))
    }
    return {**kept, "CLOUDOPS_HOME": str(home.root), "HOME": str(home.root.parent), **more}


@pytest.mark.parametrize(
    "backend",
    [
        "keyring.backends.fail.Keyring",
        "keyring.backends.null.Keyring",
        "keyring.backends.chainer.ChainerBackend",
    ],
)
def test_without_keychain_and_passphrase_the_three_ways_out_are_named(
    home: Home, backend: str
) -> None:
    found = subprocess.run(
        [sys.executable, "-c", _OPEN],
        env=_environment(home, PYTHON_KEYRING_BACKEND=backend),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert found.stdout.startswith("refused: There is no keychain")
    for way in ("keychain", "CLOUDOPS_PASSPHRASE", "CLOUDOPS_KEY_FILE"):
        assert way in found.stdout
    assert not home.wrapped_key.exists()


_KEYCHAIN = """
import os, subprocess, sys
def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
first, second = run(os.environ["OPEN"]), run(os.environ["OPEN"])
print(first.stdout.strip()); print(second.stdout.strip())
import secretstorage
bus = secretstorage.dbus_init()
collection = secretstorage.get_default_collection(bus)
items = list(collection.search_items({"service": "cloudops-ls"}))
print(len(items), items[0].get_attributes()["username"])
collection.lock()
print(run(os.environ["OPEN"]).stdout.strip())
"""
_FORGET = """
import secretstorage
bus = secretstorage.dbus_init()
for item in secretstorage.get_default_collection(bus).get_all_items():
    item.delete()
"""


def _in_keychain_session(home: Home, script: str) -> list[str]:
    needed = ("dbus-run-session", "gnome-keyring-daemon")
    missing = [name for name in needed if shutil.which(name) is None]
    if missing:
        pytest.skip(f"no real keychain to test with: {', '.join(missing)} not installed")
    unlock = (
        "printf pass | gnome-keyring-daemon --unlock --components=secrets >/dev/null 2>&1"
        f' && exec {sys.executable} -c "$SCRIPT"'
    )
    runtime = home.root.parent / "run"
    found = subprocess.run(
        ["dbus-run-session", "--", "sh", "-c", unlock],
        env=_environment(
            home,
            SCRIPT=script,
            OPEN=_OPEN,
            FORGET=_FORGET,
            PYTHON_KEYRING_BACKEND="keyring.backends.SecretService.Keyring",
            XDG_RUNTIME_DIR=str(runtime),
            XDG_DATA_HOME=str(home.root.parent / "share"),
        ),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    return found.stdout.splitlines()


def test_a_real_keychain_keeps_the_key_and_a_locked_one_says_so(home: Home) -> None:
    first, second, entry, locked = _in_keychain_session(home, _KEYCHAIN)
    assert first == second
    assert first.endswith(" keychain")
    record = json.loads(home.wrapped_key.read_text())
    assert entry == f"1 {record['key_id']}"
    assert locked.startswith("refused: The keychain is locked")


def test_an_entry_lost_from_the_keychain_is_named_and_not_replaced(home: Home) -> None:
    script = """
import os, subprocess, sys
for code in ("OPEN", "FORGET", "OPEN"):
    found = subprocess.run(
        [sys.executable, "-c", os.environ[code]], capture_output=True, text=True, timeout=60
    )
    print(found.stdout.strip(), found.stderr.strip())
"""
    first, _, lost = _in_keychain_session(home, script)
    assert "keychain" in first
    assert lost.startswith("refused: The keychain has no entry for this store's key")


def test_a_real_keychain_through_rotation_loss_and_recovery(home: Home) -> None:
    script = """
import os, subprocess, sys
def run(*arguments):
    found = subprocess.run(
        [sys.executable, "-m", "cloudops_ls", "key", *arguments],
        capture_output=True, text=True, timeout=100,
    )
    return found.stdout.strip().splitlines()[-1:] + found.stderr.strip().splitlines()[-1:]
def entries():
    import secretstorage
    collection = secretstorage.get_default_collection(secretstorage.dbus_init())
    return len(list(collection.search_items({"service": "cloudops-ls"})))
recovery = os.environ["CLOUDOPS_HOME"] + "-recovery.txt"
print(run("export-recovery", "--output", recovery))
print(run("rotate"), entries())
subprocess.run([sys.executable, "-c", os.environ["FORGET"]], timeout=60)
print(run("status"))
print(run("recover", "--from", recovery), entries())
print(run("status"), entries())
"""
    exported, rotated, lost, recovered, status = _in_keychain_session(home, script)
    assert "recovery.txt" in exported
    assert "protected by: keychain" in " ".join(rotated.split()) or "new backup" in rotated
    assert rotated.endswith(" 1")
    assert "The keychain has no entry for this store" in lost
    assert "key recover" in lost
    assert "opens again" in recovered
    assert recovered.endswith(" 1")
    assert "yes" in status

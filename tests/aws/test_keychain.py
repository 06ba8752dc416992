"""Static keys in a real keychain (Secret Service), for this program and for commands it runs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from cloudops_ls.aws.keychain import Keychain
from cloudops_ls.aws.sessions import SessionFactory
from cloudops_ls.errors import CloudOpsError
from tests.aws.stand_in import MAIN, SECOND, SECRET, StandIn

if TYPE_CHECKING:
    from pathlib import Path

_SCRIPT = """
import json, os, subprocess, sys
from pathlib import Path
from cloudops_ls.aws.keychain import Keychain
from cloudops_ls.aws.sessions import SessionFactory
from cloudops_ls.commands.environment import command_environment
from cloudops_ls.errors import CloudOpsError

keychain = Keychain(Path(os.environ["REGISTER"]))
sessions = SessionFactory(keychain=keychain)
credentials = Path(os.environ["AWS_SHARED_CREDENTIALS_FILE"])
told = {}
keychain.copy("main")
# From now on the file is not needed, nor for the profile whose source it is.
credentials.write_text("")
listing = sessions.profiles()
told["kept"] = [one.name for one in listing.profiles if one.in_keychain]
told["accounts"] = [sessions.identity(name).account_id for name in ("main", "second")]
ran = subprocess.run(
    [sys.executable, "-m", "awscli", "sts", "get-caller-identity", "--profile", "second",
     "--region", "us-west-2", "--endpoint-url", os.environ["ENDPOINT"]],
    env=command_environment(os.environ, extra=sessions.environment("second")),
    capture_output=True, text=True, timeout=60,
)
told["ran"] = json.loads(ran.stdout)["Account"] if ran.returncode == 0 else ran.stderr
import secretstorage
bus = secretstorage.dbus_init()
collection = secretstorage.get_default_collection(bus)
told["entries"] = [item.get_attributes()["username"]
                   for item in collection.search_items({"service": "cloudops-ls"})]
told["removed"] = [keychain.forget("main"), keychain.forget("main")]
try:
    sessions.identity("main")
except CloudOpsError as error:
    told["then"] = str(error)
print(json.dumps(told))
sessions.close()
"""


def test_keys_are_used_from_a_real_keychain_and_the_file_can_be_emptied(
    cloud: StandIn, aws_folder: Path, tmp_path: Path
) -> None:
    needed = ("dbus-run-session", "gnome-keyring-daemon")
    missing = [name for name in needed if shutil.which(name) is None]
    if missing:
        pytest.skip(f"no real keychain to test with: {', '.join(missing)} not installed")
    register = tmp_path / "keychain.json"
    unlock = (
        "printf pass | gnome-keyring-daemon --unlock --components=secrets >/dev/null 2>&1"
        f' && exec {sys.executable} -c "$SCRIPT"'
    )
    runtime = tmp_path / "run"
    runtime.mkdir(mode=0o700)
    clean = {name: value for name, value in os.environ.items() if not name.startswith("DBUS")}
    found = subprocess.run(
        ["dbus-run-session", "--", "sh", "-c", unlock],
        env={
            **clean,
            "SCRIPT": _SCRIPT,
            "REGISTER": str(register),
            "ENDPOINT": cloud.endpoint,
            "PYTHON_KEYRING_BACKEND": "keyring.backends.SecretService.Keyring",
            "XDG_RUNTIME_DIR": str(runtime),
            "XDG_DATA_HOME": str(tmp_path / "share"),
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    told = json.loads(found.stdout.splitlines()[-1])
    assert told["kept"] == ["main"]
    assert told["accounts"] == [MAIN, SECOND]
    assert told["ran"] == SECOND
    assert told["entries"] == ["aws-keys:main"]
    assert told["removed"] == [True, False]
    assert "no credentials" in told["then"]
    # Nothing but names is beside the keychain.
    assert json.loads(register.read_text()) == []
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert SECRET.encode() not in path.read_bytes(), path


def test_a_keychain_that_is_missing_says_so_and_harms_no_other_profile(
    cloud: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import keyring
    from keyring.backends.fail import Keyring

    monkeypatch.setattr(keyring.core, "_keyring_backend", Keyring())
    register = tmp_path / "keychain.json"
    register.write_text('["main"]')
    sessions = SessionFactory(keychain=Keychain(register))
    listing = sessions.profiles()
    assert any("keychain cannot be used" in problem.message for problem in listing.problems)
    assert sessions.identity("twin").account_id == MAIN
    with pytest.raises(CloudOpsError, match="keychain cannot be used"):
        Keychain(register).copy("main")
    sessions.close()


def test_only_static_keys_can_be_copied(cloud: StandIn, tmp_path: Path) -> None:
    with pytest.raises(CloudOpsError, match="no static keys"):
        Keychain(tmp_path / "keychain.json").copy("second")
    assert Keychain(tmp_path / "keychain.json").profiles() == ()

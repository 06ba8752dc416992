"""``cloudops-ls backup`` from a terminal: what it prints, its exit codes, its JSON."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cloudops_ls.composition import connect_worker
from cloudops_ls.home import Home
from cloudops_ls.storage.recovery_key import RecoveryKey
from cloudops_ls.worker import wire
from tests.storage.backup.cloud import BUCKET, make_bucket, s3, serving
from tests.storage.backup.contents import fill, restored_record, say, written_down

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cloudops_ls.storage.service import StorageService

    Cloudops = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with serving() as address:
        yield address


@pytest.fixture
def client(endpoint: str) -> Any:
    client = s3(endpoint)
    make_bucket(client)
    yield client
    for each in client.list_objects_v2(Bucket=BUCKET).get("Contents", ()):
        client.delete_object(Bucket=BUCKET, Key=each["Key"])
    client.delete_bucket(Bucket=BUCKET)


async def _dismiss(home: Home) -> None:
    """Have the worker of ``home`` leave, if there is one."""
    worker = connect_worker(home)
    await worker.request(wire.BACKUP_SCHEDULE)
    await worker.notify(wire.STOP)
    await worker.close()


@pytest.fixture
def home(home: Home, endpoint: str, environment: dict[str, str], client: Any) -> Iterator[Home]:
    aws = Path(environment["HOME"]) / ".aws"
    aws.mkdir()
    (aws / "credentials").write_text(
        "[default]\naws_access_key_id = test\naws_secret_access_key = test\n"
    )
    with home.config.open("a") as file:
        file.write(
            f'[backup]\nbucket = "{BUCKET}"\nendpoint_url = "{endpoint}"\nuser_id = "ana"\n'
            'region = "us-west-2"\n'
        )
    # One worker for all commands of a test.
    home.config.write_text(home.config.read_text().replace("idle_seconds = 6", "idle_seconds = 60"))
    yield home
    if wire.socket_path(home).exists():
        asyncio.run(_dismiss(home))


@pytest.fixture
def recovery(store: StorageService) -> RecoveryKey:
    key = RecoveryKey.generate()
    store.backup.state.keep_recipient(key.recipient)
    return key


def test_from_the_first_backup_to_a_new_machine(
    cloudops: Cloudops, store: StorageService, environment: dict[str, str], tmp_path: Path
) -> None:
    key = tmp_path / "recovery.txt"
    exported = cloudops("key", "export-recovery", "--output", str(key))
    assert exported.returncode == 0, exported.stderr
    fill(store)
    before = written_down(store)
    made = cloudops("backup", "now")
    assert made.returncode == 0, made.stderr
    assert "pieces were new" in made.stdout
    listed = cloudops("backup", "list")
    assert listed.stdout.count("(here)") == 1
    assert "Schedule: off" in listed.stdout
    verified = cloudops("backup", "verify", "--read-data")
    assert (verified.returncode, verified.stderr) == (0, "")
    assert "1 backup is whole, 0 damaged" in verified.stdout

    # Another machine: nothing but the bucket's name and the key.
    other = tmp_path / "other"
    other.mkdir(mode=0o700)
    shutil.copy(Path(environment["CLOUDOPS_HOME"]) / "config.toml", other / "config.toml")
    there = {"CLOUDOPS_HOME": str(other)}
    asked = cloudops("backup", "restore", "--replace", "--recovery-key", str(key), **there)
    assert asked.returncode == 1  # nobody to say yes
    restored = cloudops(
        "backup", "restore", "--replace", "--yes", "--recovery-key", str(key), **there
    )
    assert restored.returncode == 0, restored.stderr
    assert "60 resources" in restored.stdout
    from cloudops_ls.storage.keys import KeyRing
    from cloudops_ls.storage.service import StorageService as Service

    with Service.open(Home(other), keys=KeyRing(Home(other), environ=environment)) as service:
        # Counters of a store are its own; the background process keeps some more of them.
        assert {**restored_record(service), "meta": 0} == {**before, "meta": 0}


def test_damage_is_named_and_has_exit_code_one(
    cloudops: Cloudops, store: StorageService, recovery: RecoveryKey, client: Any
) -> None:
    say(store, "thread", "hello")
    made = json.loads(cloudops("backup", "now", "--json").stdout)
    (content,) = client.list_objects_v2(Bucket=BUCKET, Prefix="ana/content/")["Contents"]
    body = bytearray(client.get_object(Bucket=BUCKET, Key=content["Key"])["Body"].read())
    body[len(body) // 2] ^= 1
    client.put_object(Bucket=BUCKET, Key=content["Key"], Body=bytes(body))
    # Overwritten: seen without reading it, because it is not the object that was written.
    assert cloudops("backup", "verify").returncode == 1
    found = cloudops("backup", "verify", "--read-data")
    assert found.returncode == 1
    assert content["Key"] in found.stdout
    assert made["name"] in found.stdout
    refused = cloudops("backup", "restore")
    assert refused.returncode == 1
    assert "cannot be decrypted" in refused.stderr and content["Key"] in refused.stderr
    assert "the last one is never removed" in cloudops("backup", "remove", "--damaged").stderr


def test_a_file_is_exported_and_imported(
    cloudops: Cloudops, store: StorageService, recovery: RecoveryKey, tmp_path: Path
) -> None:
    say(store, "thread", "hello")
    file = tmp_path / "all.encrypted.tar.gz"
    passphrase = {"CLOUDOPS_EXPORT_PASSPHRASE": "a long passphrase"}
    made = cloudops("backup", "export", str(file), "--passphrase", **passphrase)
    assert made.returncode == 0, made.stderr
    assert file.stat().st_mode & 0o777 == 0o600
    assert "never overwritten" in cloudops("backup", "export", str(file)).stderr
    store.chat.delete("thread")
    wrong = cloudops("backup", "import", str(file))
    assert wrong.returncode == 1
    assert "another key or passphrase is needed" in wrong.stderr
    done = cloudops("backup", "import", str(file), "--passphrase", **passphrase)
    assert "1 conversations, 1 messages" in done.stdout
    assert store.chat.get_conversation("thread") is not None


def test_retention_and_schedule(
    cloudops: Cloudops, store: StorageService, recovery: RecoveryKey, home: Home
) -> None:
    refused = cloudops("backup", "prune", "--keep-days", "0")
    assert refused.returncode == 1
    on = cloudops("backup", "schedule", "on")
    assert "Schedule: on, next due" in on.stdout, on.stderr
    # The schedule was woken, and has made the first one; another waits for it.
    made = cloudops("backup", "now")
    assert made.returncode == 0, made.stderr
    pruned = json.loads(cloudops("backup", "prune", "--json").stdout)
    assert pruned == {"removed": [], "objects": 0, "size": 0, "kept": 2}
    home.config.write_text(home.config.read_text() + "retention_days = -3\n")
    wrong = cloudops("backup", "now")
    assert wrong.returncode == 1
    assert "A setting of backups is wrong" in wrong.stderr


def test_ctrl_c_stops_it(
    store: StorageService, recovery: RecoveryKey, environment: dict[str, str], home: Home
) -> None:
    # A bucket that never answers.
    with socket.create_server(("127.0.0.1", 0)) as silent:
        home.config.write_text(
            home.config.read_text().replace(
                "endpoint_url = ", f'endpoint_url = "http://127.0.0.1:{silent.getsockname()[1]}" # '
            )
        )
        started = subprocess.Popen(
            [sys.executable, "-m", "cloudops_ls", "backup", "now"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        silent.settimeout(60)
        connection, _ = silent.accept()
        with connection:
            started.send_signal(signal.SIGINT)
            _, errors = started.communicate(timeout=60)
    assert started.returncode in (1, 130)
    assert "Traceback" not in errors

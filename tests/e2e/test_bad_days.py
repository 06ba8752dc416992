"""Bad days: each is one clear message, nothing is lost, and the next request works."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cloudops_ls.demo.cloud import PRODUCTION
from cloudops_ls.demo.estate import TYPES
from tests.aws.answering import AnsweringServer
from tests.e2e.processes import gone, needs_proc, workers_of
from tests.e2e.silence import closed_port, silent_endpoint

if TYPE_CHECKING:
    from collections.abc import Callable

    from cloudops_ls.demo.cloud import DemoCloud
    from cloudops_ls.home import Home
    from tests.e2e.editor import Buffer, Editor

LIST = "```aws\naws rds describe-db-instances\n```\n"
QUESTION = "Stop pg-instance-main1 in us-west-2.\n"
EXPIRED = (
    "<ErrorResponse><Error><Type>Sender</Type><Code>ExpiredToken</Code>"
    "<Message>The security token AKIAPLANTED is expired</Message></Error></ErrorResponse>"
)


async def loaded(editor: Editor) -> Editor:
    await editor.until(lambda: "name index loaded" in editor.logged(), "the names were loaded")
    return editor


async def count(editor: Editor) -> int:
    return int((await editor.execute("cloudops.syncStatus"))["resources"])


async def still_well(editor: Editor) -> None:
    """What needs no AWS goes on as before."""
    buffer = editor.open("Stop pg-instance-ma\n\npg-instance-main1\n", "well")
    found = await editor.complete(buffer, buffer.after("Stop pg-instance-ma"))
    assert [item.label for item in found.items] == ["pg-instance-main1"]
    assert "postgres" in (await editor.hover(buffer, buffer.at("main1")) or "")
    editor.close(buffer)


async def fails_once(editor: Editor, buffer: Buffer, needle: str, *words: str) -> str:
    """Run a command that cannot: one message, no question, the file as before."""
    before, text = len(editor.messages), buffer.text
    outcome = await editor.run(buffer, needle)
    assert outcome["status"] == "failed", editor.said()
    assert buffer.text == text
    assert not editor.questions
    return one_message(editor, before, *words)


def one_message(editor: Editor, before: int, *words: str) -> str:
    messages = [message.message for message in editor.messages[before:]]
    assert len(messages) == 1, messages
    for word in words:
        assert word in messages[0], messages[0]
    assert "Traceback" not in messages[0]
    assert "Error(" not in messages[0]
    return messages[0]


async def scan_fails_once(editor: Editor, profile: str, *words: str) -> str:
    before, known = len(editor.messages), await count(editor)
    result = await asyncio.wait_for(
        editor.execute("cloudops.scanEstate", {"profiles": [profile]}), 60
    )
    assert result["status"] in {"failed", "incomplete"}, result
    assert await count(editor) == known, "what could not be listed is not gone"
    return one_message(editor, before, *words)


def with_profiles(
    environment: dict[str, str], folder: Path, config: str, keys: str
) -> dict[str, str]:
    folder.mkdir()
    (folder / "config").write_text(config)
    (folder / "credentials").write_text(keys)
    return {
        **environment,
        "AWS_CONFIG_FILE": str(folder / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(folder / "credentials"),
    }


def aws_files(environment: dict[str, str]) -> tuple[str, str]:
    """The texts of the stand-in's profile files."""
    config, keys = environment["AWS_CONFIG_FILE"], environment["AWS_SHARED_CREDENTIALS_FILE"]
    return Path(config).read_text(), Path(keys).read_text()


def one_profile(environment: dict[str, str], folder: Path, endpoint: str) -> dict[str, str]:
    return with_profiles(
        environment,
        folder,
        f"[profile far]\nregion = us-west-2\nendpoint_url = {endpoint}\n",
        "[far]\naws_access_key_id = AKIAPLANTED\naws_secret_access_key = planted\n",
    )


# AWS


async def test_no_aws_configuration(
    environment: dict[str, str], open_editor: Callable[..., Any], tmp_path: Path
) -> None:
    nowhere = {k: v for k, v in environment.items() if not k.startswith("AWS_")}
    nowhere |= {"HOME": str(tmp_path), "AWS_EC2_METADATA_DISABLED": "true"}
    editor = await loaded(await open_editor(nowhere, settings={}))
    await still_well(editor)
    assert not editor.messages, "nobody asked for AWS yet"
    assert "aws configure" in await scan_fails_once(editor, "default", "AWS configuration")
    buffer = editor.open(LIST)
    await fails_once(editor, buffer, "aws rds", "AWS configuration", str(tmp_path))
    assert editor.stderr == b""


async def test_damaged_and_doubled_profiles_leave_the_healthy_ones_usable(
    environment: dict[str, str], open_editor: Callable[..., Any], tmp_path: Path
) -> None:
    damage = (
        "\n[profile broken]\nregion us-west-2\n"
        "[profile twice]\nregion = us-west-2\n[profile twice]\nregion = eu-west-1\n"
    )
    config, keys = aws_files(environment)
    damaged = with_profiles(environment, tmp_path / "aws", config + damage, keys)
    editor = await loaded(await open_editor(damaged))
    assert not editor.messages, editor.said()
    for name, word in (("broken", "name = value"), ("twice", "defined twice")):
        buffer = editor.open(f"---\nprofile: {name}\n---\n\n{LIST}", name)
        await fails_once(editor, buffer, "aws rds", f"'{name}' is damaged", word, "line ")
    buffer = editor.open(f"---\nprofile: missing\n---\n\n{LIST}", "missing")
    await fails_once(editor, buffer, "aws rds", "'missing' is not defined")

    # The AWS CLI itself would refuse the whole file.
    buffer = editor.open(LIST, "healthy")
    editor.answers.append("Run")
    assert (await editor.run(buffer, "aws rds"))["status"] == "success", editor.said()
    assert "pg-instance-main1" in buffer.text


async def test_expired_credentials(
    environment: dict[str, str], open_editor: Callable[..., Any], tmp_path: Path
) -> None:
    with AnsweringServer(403, EXPIRED) as far:
        expired = one_profile(environment, tmp_path / "aws", far.endpoint)
        editor = await loaded(await open_editor(expired, settings={"profile": "far"}))
        said = await scan_fails_once(editor, "far", "expired", "profile 'far'", "Sign in")
        buffer = editor.open(LIST)
        said += await fails_once(editor, buffer, "aws rds", "expired", "'far'", "Sign in")
        assert "AKIAPLANTED" not in said
        await still_well(editor)
        # The assistant needs no AWS.
        assert (await editor.ask(editor.open(QUESTION), "Stop"))["status"] == "answered"


async def test_aws_unreachable(
    environment: dict[str, str], open_editor: Callable[..., Any], tmp_path: Path
) -> None:
    far = one_profile(environment, tmp_path / "aws", f"http://127.0.0.1:{closed_port()}")
    editor = await loaded(await open_editor(far, settings={"profile": "far"}))
    started = time.monotonic()
    await scan_fails_once(editor, "far", "cannot be reached", "profile 'far'")
    buffer = editor.open(LIST)
    await fails_once(editor, buffer, "aws rds", "cannot be reached", "Check the network")
    assert time.monotonic() - started < 30
    await still_well(editor)


async def test_the_network_goes_while_a_command_runs(
    environment: dict[str, str], open_editor: Callable[..., Any], tmp_path: Path, cloud: DemoCloud
) -> None:
    """Who the profile is was known; the command itself then says why it failed."""
    config, keys = aws_files(environment)
    services = f"[services gone]\nrds =\n  endpoint_url = http://127.0.0.1:{closed_port()}\n"
    config = config.replace("[profile production]\n", "[profile production]\nservices = gone\n")
    broken = with_profiles(
        {**environment, "AWS_MAX_ATTEMPTS": "1"},
        tmp_path / "aws",
        f"{config}\n{services}",
        keys,
    )
    editor = await loaded(await open_editor(broken))
    buffer = editor.open(LIST)
    editor.answers.append("Run")
    result = await editor.run(buffer, "aws rds")
    assert result["status"] == "failed"
    assert "status=failed" in buffer.text
    assert "Could not connect" in buffer.text


# The store and its key


def without_key(environment: dict[str, str]) -> dict[str, str]:
    kept = {k: v for k, v in environment.items() if k != "CLOUDOPS_PASSPHRASE"}
    return {**kept, "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}


async def useless_but_alive(editor: Editor) -> None:
    """Without a store there is nothing to offer, and no crash either."""
    buffer = editor.open(f"Stop pg-instance-ma\n\n{LIST}", "useless")
    before = len(editor.messages)
    assert (await editor.complete(buffer, buffer.after("instance-ma"))).items == ()
    assert await editor.hover(buffer, buffer.at("Stop")) is None
    assert "Ask CloudOps" in await editor.actions(buffer, buffer.at("Stop"))
    (lens,) = await editor.lenses(buffer)
    assert lens.command is not None
    # What editors ask by themselves pops nothing up.
    assert len(editor.messages) == before, editor.said()
    text = buffer.text
    assert (await editor.ask(buffer, "Stop"))["status"] == "failed"
    one_message(editor, before)
    assert buffer.text == text
    assert editor.process.returncode is None
    assert editor.stderr == b""


async def test_no_keychain_and_no_passphrase(
    environment: dict[str, str], open_editor: Callable[..., Any], home: Home
) -> None:
    shutil.rmtree(home.root)
    editor = await open_editor(without_key(environment))
    await editor.until(lambda: bool(editor.messages), "it was said")
    # The three ways out.
    one_message(editor, 0, "keychain", "CLOUDOPS_PASSPHRASE", "CLOUDOPS_KEY_FILE")
    await useless_but_alive(editor)
    assert not home.wrapped_key.exists()
    assert not home.database.exists() or home.database.stat().st_size == 0
    assert await editor.quit() == 0


@pytest.mark.parametrize("passphrase", [None, "wrong"])
async def test_a_store_that_does_not_open(
    environment: dict[str, str],
    open_editor: Callable[..., Any],
    home: Home,
    passphrase: str | None,
) -> None:
    key, size = home.wrapped_key.read_bytes(), home.database.stat().st_size
    locked = without_key(environment)
    if passphrase is not None:
        locked["CLOUDOPS_PASSPHRASE"] = passphrase
    editor = await open_editor(locked)
    await editor.until(lambda: bool(editor.messages), "it was said")
    one_message(editor, 0, "passphrase", "CLOUDOPS_PASSPHRASE")
    await useless_but_alive(editor)
    await editor.quit()
    assert home.wrapped_key.read_bytes() == key
    assert home.database.stat().st_size == size

    # With the right one everything is there.
    editor = await loaded(await open_editor(environment))
    assert await count(editor) >= 60
    assert not editor.messages


async def test_a_damaged_database_is_said_and_left_as_it_is(
    environment: dict[str, str], open_editor: Callable[..., Any], home: Home
) -> None:
    damaged = b"not what it was" + home.database.read_bytes()[15:]
    home.database.write_bytes(damaged)
    for suffix in ("-wal", "-shm"):
        home.database.with_name(home.database.name + suffix).unlink(missing_ok=True)
    editor = await open_editor(environment)
    await editor.until(lambda: bool(editor.messages), "it was said")
    one_message(editor, 0, "cannot be decrypted", str(home.database))
    await useless_but_alive(editor)
    await editor.quit()
    assert home.database.read_bytes() == damaged


async def test_a_home_that_cannot_be(
    environment: dict[str, str], open_editor: Callable[..., Any], tmp_path: Path
) -> None:
    occupied = tmp_path / "occupied"
    occupied.write_text("something else")
    for place in (occupied, occupied / "below"):
        editor = await open_editor({**environment, "CLOUDOPS_HOME": str(place)})
        await editor.until(lambda editor=editor: bool(editor.messages), "it was said")
        one_message(editor, 0, str(place), "CLOUDOPS_HOME")
        await useless_but_alive(editor)
    assert occupied.read_text() == "something else"


async def test_two_windows_begin_at_once_on_a_new_home(
    environment: dict[str, str], open_editor: Callable[..., Any], home: Home
) -> None:
    shutil.rmtree(home.root)
    editors = await asyncio.gather(*(open_editor(environment) for _ in range(3)))
    for editor in editors:
        await loaded(editor)
        assert not editor.messages, editor.said()
    scans = await asyncio.gather(
        *(
            editor.execute("cloudops.scanEstate", {"profiles": ["production"], "types": TYPES})
            for editor in editors
        )
    )
    assert [scan["status"] for scan in scans] == ["complete"] * 3
    assert len(workers_of(home)) == 1
    known = scans[0]["resources"]
    assert known > 20
    for editor in editors:
        assert await count(editor) == known
        await still_well(editor)
        # A new home is told once that it has no model.
        said = [one.message for one in editor.messages if "No embedding model" not in one.message]
        assert not said


# The worker


@needs_proc
async def test_a_worker_killed_while_scanning_is_one_message_and_a_new_one_goes_on(
    environment: dict[str, str], open_editor: Callable[..., Any], home: Home, tmp_path: Path
) -> None:
    with silent_endpoint() as endpoint:
        config, keys = aws_files(environment)
        slow = with_profiles(
            environment,
            tmp_path / "aws",
            f"{config}\n[profile slow]\nregion = us-west-2\nendpoint_url = {endpoint}\n",
            f"{keys}\n[slow]\naws_access_key_id = AKIASLOW\naws_secret_access_key = slow\n",
        )
        editor = await loaded(await open_editor(slow))
        known = await count(editor)
        scan = asyncio.create_task(
            editor.execute("cloudops.scanEstate", {"profiles": ["production", "slow"]})
        )
        await editor.until(lambda: "Finding out" in editor.progress(), "it scans")
        (first,) = workers_of(home)
        # Completion and hover never wait for it.
        await still_well(editor)
        os.kill(first, signal.SIGKILL)
        assert (await asyncio.wait_for(scan, 10))["status"] == "failed"
        await asyncio.sleep(0.3)
        one_message(editor, 0, "background process")
        await still_well(editor)
        assert await count(editor) == known

        # A new worker is started for what comes next.
        buffer = editor.open(LIST)
        editor.answers.append("Run")
        assert (await editor.run(buffer, "aws rds"))["status"] == "success", editor.said()
        (second,) = workers_of(home)
        assert second != first
        again = await editor.execute("cloudops.scanEstate", {"profiles": ["production"]})
        assert again["status"] == "complete", again
        assert await count(editor) == known
        assert len(editor.messages) == 1, editor.said()


@needs_proc
async def test_a_worker_that_dies_again_and_again_is_one_message_each_time(
    environment: dict[str, str], open_editor: Callable[..., Any], home: Home
) -> None:
    editor = await loaded(await open_editor(environment))
    buffer = editor.open(LIST)
    for number, doing in enumerate(("searching", "checking", "searching"), start=1):
        assert await editor.execute("cloudops.searchResources", {"query": "web-1"})
        (pid,) = workers_of(home)
        # Held, so that the answer cannot be on its way already.
        os.kill(pid, signal.SIGSTOP)
        if doing == "searching":
            work = editor.execute("cloudops.searchResources", {"query": "web"})
        else:
            work = editor.run(buffer, "aws rds")
        task = asyncio.create_task(work)
        await asyncio.sleep(0.2)
        await still_well(editor)
        os.kill(pid, signal.SIGKILL)
        assert (await asyncio.wait_for(task, 10))["status"] == "failed"
        await gone({pid}, 5)
        await asyncio.sleep(0.2)
        one_message(editor, number - 1, "background process")
    assert buffer.text == LIST
    assert not editor.questions


@needs_proc
async def test_an_answer_does_without_a_worker_that_dies(
    environment: dict[str, str], open_editor: Callable[..., Any], home: Home
) -> None:
    """A description is searched for by the worker; the question goes on without."""
    editor = await loaded(await open_editor(environment))
    await editor.execute("cloudops.searchResources", {"query": "web-1"})
    (first,) = workers_of(home)
    os.kill(first, signal.SIGSTOP)
    buffer = editor.open("What runs the nightly reports of the finance team?\n")
    asking = asyncio.create_task(editor.ask(buffer, "What"))
    await editor.until(lambda: "Looking up" in editor.progress(), "it is being asked")
    await asyncio.sleep(0.3)
    os.kill(first, signal.SIGKILL)
    assert (await asyncio.wait_for(asking, 60))["status"] == "answered"
    await editor.until(lambda: bool(editor.messages), "the loss was told")
    one_message(editor, 0, "background process")
    assert "> **CloudOps:** " in buffer.text


# Places


def _mounts(script: str) -> list[str]:
    """A command that runs what follows it where the machine's mounts look different."""
    as_root = [] if os.getuid() == 0 else ["--user", "--map-root-user"]
    return ["unshare", *as_root, "--mount", "sh", "-ec", f'{script}\nexec "$@"', "sh"]


def _can_mount() -> bool:
    if sys.platform != "linux" or shutil.which("unshare") is None:
        return False
    probe = _mounts("mount -t tmpfs -o size=1m tmpfs /dev/shm")
    return subprocess.run([*probe, "true"], capture_output=True, check=False).returncode == 0


needs_mounts = pytest.mark.skipif(not _can_mount(), reason="mount namespaces are not allowed here")
SHARED_MEMORY = {
    "missing": ('mount --bind "$XDG_RUNTIME_DIR" /dev/shm', "no memory-backed directory"),
    "too small": ("mount -t tmpfs -o size=1m tmpfs /dev/shm", "MB that are needed"),
    "64 MB": ("mount -t tmpfs -o size=64m tmpfs /dev/shm", None),
}


@needs_mounts
@pytest.mark.parametrize("state", SHARED_MEMORY)
async def test_shared_memory(
    environment: dict[str, str], open_editor: Callable[..., Any], home: Home, state: str
) -> None:
    script, complaint = SHARED_MEMORY[state]
    editor = await loaded(await open_editor(environment, command=_mounts(script)))
    hits = await editor.execute("cloudops.searchResources", {"query": "postgres database"})
    if complaint is not None:
        await editor.until(lambda: bool(editor.messages), "it was said")
    async with asyncio.timeout(20):
        while not any(hit["resource"]["engine"] == "postgres" for hit in hits):
            await asyncio.sleep(0.2)
            hits = await editor.execute("cloudops.searchResources", {"query": "postgres database"})
    buffer = editor.open(LIST)
    editor.answers.append("Run")
    assert (await editor.run(buffer, "aws rds"))["status"] == "success", editor.said()
    if complaint is None:
        assert not editor.messages, editor.said()
    else:
        one_message(editor, 0, complaint, "/dev/shm")


@needs_mounts
async def test_a_read_only_home(
    environment: dict[str, str], open_editor: Callable[..., Any], home: Home
) -> None:
    before = {p: p.read_bytes() for p in home.root.rglob("*") if p.is_file()}
    script = 'mount --bind "$CLOUDOPS_HOME" "$CLOUDOPS_HOME"\n'
    script += 'mount -o remount,ro,bind "$CLOUDOPS_HOME"'
    editor = await open_editor(environment, command=_mounts(script))
    await editor.until(lambda: bool(editor.messages), "it was said")
    one_message(editor, 0, str(home.root), "writable")
    await useless_but_alive(editor)
    await editor.quit()
    assert {p: p.read_bytes() for p in home.root.rglob("*") if p.is_file()} == before


async def test_the_estate_after_a_resource_is_gone(editor: Editor, cloud: DemoCloud) -> None:
    """What AWS no longer has fails in the file, and disappears with the next scan."""
    rds = cloud.client("rds", PRODUCTION)
    rds.create_db_instance(
        DBInstanceIdentifier="pg-short-lived", Engine="postgres", DBInstanceClass="db.t3.micro"
    )
    scan = {"profiles": ["production"], "types": ["rds_instance"]}
    assert (await editor.execute("cloudops.scanEstate", scan))["status"] == "complete"
    buffer = editor.open(
        "pg-short-lived\n\n```aws\naws rds stop-db-instance "
        "--db-instance-identifier pg-short-lived\n```\n"
    )
    assert await editor.hover(buffer, buffer.at("short")) is not None
    rds.delete_db_instance(DBInstanceIdentifier="pg-short-lived", SkipFinalSnapshot=True)
    editor.answers.extend(["Run", "Run on pg-short-lived"])
    result = await editor.run(buffer, "aws rds")
    assert result["status"] == "failed"
    assert "DBInstanceNotFound" in buffer.text
    assert (await editor.execute("cloudops.scanEstate", scan))["status"] == "complete"
    assert "**deleted**" in (await editor.hover(buffer, buffer.at("short")) or "")

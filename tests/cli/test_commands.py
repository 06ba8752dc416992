"""``cloudops-ls`` in a terminal and in scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudops_ls.storage.records import Execution, ExecutionStatus
from tests.storage.samples import resource

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    from cloudops_ls.home import Home
    from cloudops_ls.storage.service import StorageService

    Cloudops = Callable[..., subprocess.CompletedProcess[str]]


def refused(ended: subprocess.CompletedProcess[str], *words: str) -> None:
    """One message on stderr, exit code 1, and nothing for a pipe to mistake for a result."""
    said = " ".join(ended.stderr.split())
    assert ended.returncode == 1, said
    assert ended.stdout == ""
    assert said.startswith("cloudops-ls: ")
    assert "Traceback" not in said
    for word in words:
        assert word in said, said


def test_help_names_every_command(cloudops: Cloudops, environment: dict[str, str]) -> None:
    ended = cloudops("--help")
    assert ended.returncode == 0
    for command in ("scan", "status", "search", "executions", "demo", "--tcp", "--version"):
        assert command in ended.stdout
    assert cloudops("no-such-command").returncode == 2
    assert cloudops("search").returncode == 2


def test_search_finds_and_says_when_it_does_not(cloudops: Cloudops, store: StorageService) -> None:
    long = "a-database-with-a-name-of-the-length-that-aws-allows-for-them-63c"
    store.estate.bulk_upsert(
        [resource("pg-main"), resource("pg-[red]odd[/red]"), resource(long), resource("other")]
    )
    found = cloudops("search", "pg-main")
    assert found.returncode == 0, found.stderr
    assert "pg-main" in found.stdout
    assert found.stderr == ""
    # What AWS lets people put into names is shown, not obeyed.
    assert "pg-[red]odd[/red]" in cloudops("search", "odd").stdout
    # A pipe gets names whole, however narrow it looks.
    assert long in cloudops("search", long).stdout
    assert cloudops("search", "nothing-like-it-xyz").returncode == 1


def test_status_tells_how_every_part_is(cloudops: Cloudops, store: StorageService) -> None:
    store.estate.upsert_resource(resource("pg-main"))
    ended = cloudops("status")
    assert ended.returncode == 0, ended.stderr
    for part in ("key", "database", "search", "embeddings"):
        assert part in ended.stdout
    assert "1 resources" in " ".join(ended.stdout.split())


def test_executions_are_listed_and_shown_whole(cloudops: Cloudops, store: StorageService) -> None:
    execution = Execution(
        command="aws rds describe-db-instances --region [bold]us-west-2[/bold]",
        argv=("aws", "rds", "describe-db-instances"),
        account_id="123456789012",
    )
    store.executions.create(execution)
    output = "".join(f"line {number} of [bold]text[/bold]\n" for number in range(1000))
    store.executions.append_output(execution.id, output)
    store.executions.update(execution.id, status=ExecutionStatus.SUCCESS, exit_status=0)

    listed = cloudops("executions", "list")
    assert listed.returncode == 0, listed.stderr
    assert execution.id in listed.stdout, "the id is there to be copied"
    assert "success" in listed.stdout
    shown = cloudops("executions", "show", execution.id)
    assert shown.stdout == output
    assert shown.stderr == ""
    refused(cloudops("executions", "show", "01NOSUCH"), "no such execution", "01NOSUCH")


def test_a_scan_without_aws_is_one_message_and_exit_1(cloudops: Cloudops, home: Home) -> None:
    home.config.write_text("[worker]\nidle_seconds = 1\n[estate]\nconcurrency = 0\n")
    ended = cloudops("scan")
    said = " ".join(ended.stderr.split())
    assert ended.returncode == 1
    assert "aws configure" in said
    assert said.count("cloudops.estate.concurrency") == 1
    assert "Traceback" not in said
    assert ended.stdout == ""
    said = " ".join(cloudops("scan", "--profile", "missing").stderr.split())
    assert "AWS configuration" in said


def test_without_a_key_every_command_says_so(
    cloudops: Cloudops, home: Home, environment: dict[str, str]
) -> None:
    without = {
        "CLOUDOPS_PASSPHRASE": None,
        "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
    }
    for command in (("status",), ("search", "web"), ("executions", "list")):
        refused(cloudops(*command, **without), "keychain", "CLOUDOPS_PASSPHRASE", "KEY_FILE")
    assert not home.wrapped_key.exists()

"""``cloudops-ls`` for the estate: against a stand-in AWS, in scripts and by hand."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from cloudops_ls.cli.resources import moment_of
from cloudops_ls.errors import CloudOpsError
from tests.aws.answering import AnsweringServer
from tests.aws.stand_in import MAIN, SECOND, SECRET, StandIn, write_profiles
from tests.storage.samples import MOMENT, resource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from cloudops_ls.home import Home
    from cloudops_ls.storage.service import StorageService

    Cloudops = Callable[..., subprocess.CompletedProcess[str]]

SCAN = ("scan", "--profile", "main", "--type", "sqs_queue", "--type", "rds_instance")


@pytest.fixture(scope="module")
def moto() -> Iterator[StandIn]:
    server = StandIn()
    yield server
    server.stop()


@pytest.fixture
def cloud(
    moto: StandIn, environment: dict[str, str], store: StorageService, tmp_path: Path
) -> StandIn:
    """A stand-in AWS, and a home whose key costs little time."""
    moto.reset()
    folder = tmp_path / "aws"
    write_profiles(folder, moto.endpoint)
    environment |= {
        "AWS_CONFIG_FILE": str(folder / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(folder / "credentials"),
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    return moto


def queue(cloud: StandIn, environment: dict[str, str], name: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for key in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
            patch.setenv(key, environment[key])
        cloud.client("main", "sqs", "us-west-2").create_queue(QueueName=name)


def test_scan_then_sync_then_what_is_known(
    cloud: StandIn, cloudops: Cloudops, environment: dict[str, str]
) -> None:
    queue(cloud, environment, "orders")
    scanned = cloudops(*SCAN)
    assert scanned.returncode == 0, scanned.stderr
    assert "1 resources in 1 accounts, 2 listings, 0 failed" in scanned.stderr
    assert scanned.stdout == ""
    queue(cloud, environment, "parcels")
    result = json.loads(cloudops(*SCAN, "--json").stdout)
    assert result["complete"] is True
    assert result["outcomes"] == {"complete": 2}

    synced = cloudops("sync", "--json", AWS_PROFILE="main")
    assert synced.returncode == 0, synced.stderr
    assert json.loads(synced.stdout)["kind"] == "incremental"

    shown = cloudops("show", "orders")
    assert shown.returncode == 0, shown.stderr
    assert f"arn:aws:sqs:us-west-2:{MAIN}:orders" in shown.stdout
    live = json.loads(cloudops("show", "orders", "--live", "--json").stdout)
    assert live["resource_type"] == "sqs_queue"

    told = cloudops("changes", "--since", "1h")
    assert "parcels" in told.stdout
    assert "orders" not in told.stdout, "the first listing is no news"
    assert [one["kind"] for one in json.loads(cloudops("changes", "--json").stdout)] == ["added"]

    status = cloudops("status")
    assert status.returncode == 0, status.stderr
    for word in ("sqs_queue", "incremental", "request", "main", MAIN, "ready"):
        assert word in status.stdout, status.stdout
    parts = json.loads(cloudops("status", "--json").stdout)
    assert {"health", "estate", "sync", "profiles", "problems"} <= parts.keys()


def test_a_service_that_says_no_is_exit_code_3_and_named(
    cloud: StandIn, cloudops: Cloudops, environment: dict[str, str], tmp_path: Path
) -> None:
    refusal = "<Error><Code>AccessDenied</Code><Message>no</Message></Error>"
    body = f"<ErrorResponse>{refusal}</ErrorResponse>"
    with AnsweringServer(403, body) as denying:
        services = f"[services local]\nrds =\n  endpoint_url = {denying.endpoint}\n"
        write_profiles(tmp_path / "aws", cloud.endpoint, extra=services, main="services = local")
        ended = cloudops(*SCAN)
        assert ended.returncode == 3, ended.stderr
        assert "IAM does not allow rds:DescribeDBInstances" in " ".join(ended.stderr.split())
        status = cloudops("status")
        assert "denied" in status.stdout


def test_ctrl_c_ends_a_scan_with_130(
    cloud: StandIn, environment: dict[str, str], tmp_path: Path, silent: str
) -> None:
    services = f"[services local]\nrds =\n  endpoint_url = {silent}\n"
    write_profiles(tmp_path / "aws", cloud.endpoint, extra=services, main="services = local")
    scanning = subprocess.Popen(
        [sys.executable, "-m", "cloudops_ls", *SCAN],
        env=environment,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    # The stand-in that never answers keeps it busy; by then it has asked everything else.
    while not _asks(silent) and time.monotonic() < deadline:
        time.sleep(0.05)
    scanning.send_signal(signal.SIGINT)
    _, said = scanning.communicate(timeout=60)
    assert scanning.returncode == 130, said
    assert "what was found stays" in said
    assert "Traceback" not in said


def test_show_and_types_and_their_refusals(cloudops: Cloudops, store: StorageService) -> None:
    store.estate.bulk_upsert(
        [resource("twin"), resource("twin", region="eu-west-1"), resource("pg-[red]odd[/red]")]
    )
    store.estate.upsert_resource(
        resource("pg-[red]odd[/red]", state="stopped", last_synced=MOMENT + timedelta(hours=1))
    )
    shown = cloudops("show", "pg-[red]odd[/red]")
    assert "available → stopped" in shown.stdout
    assert "pg-[red]odd[/red]" in shown.stdout
    both = cloudops("show", "twin")
    assert both.returncode == 1
    assert both.stdout.count("arn:aws:rds") == 2
    assert "2 resources are called so" in both.stderr
    none = cloudops("show", "nothing-like-it")
    assert none.returncode == 1
    assert none.stdout == ""
    types = {row["name"]: row for row in json.loads(cloudops("types", "--json").stdout)}
    assert types["rds_instance"]["service"] == "rds"
    assert types["iam_role"]["global"] is True
    assert "rds_instance" in cloudops("types").stdout


def test_accounts_are_listed_and_damaged_lines_named(
    cloud: StandIn, cloudops: Cloudops, environment: dict[str, str], tmp_path: Path
) -> None:
    config = tmp_path / "aws" / "config"
    config.write_text(config.read_text() + "[profile bad]\nnonsense\n")
    lines = config.read_text().count("\n")
    listed = cloudops("accounts")
    assert listed.returncode == 0, listed.stderr
    for word in ("main", "twin", "assume-role via main", "static"):
        assert word in listed.stdout
    assert f"{config}:{lines}: The line is not of the form 'name = value'" in listed.stderr
    assert SECRET not in listed.stdout + listed.stderr
    found = json.loads(cloudops("accounts", "--json").stdout)
    assert [one["name"] for one in found["profiles"]] == ["main", "twin", "second"]


def test_login_with_a_code_lets_the_next_command_in(
    cloud: StandIn, cloudops: Cloudops, environment: dict[str, str], tmp_path: Path, home: Home
) -> None:
    serial = f"arn:aws:iam::{MAIN}:mfa/operator"
    config = tmp_path / "aws" / "config"
    config.write_text(
        config.read_text() + f"[profile admin]\nregion = us-west-2\nendpoint_url = "
        f"{cloud.endpoint}\nrole_arn = arn:aws:iam::{SECOND}:role/admin\n"
        f"source_profile = main\nmfa_serial = {serial}\n"
    )
    before = cloudops("scan", "--profile", "admin", "--type", "sqs_queue")
    assert before.returncode == 1
    said = " ".join(before.stderr.split())
    assert "The profile 'admin' needs a sign-in: cloudops-ls accounts login admin" in said

    signed_in = subprocess.run(
        [sys.executable, "-m", "cloudops_ls", "accounts", "login", "admin"],
        env=environment,
        input="714253\n",
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert signed_in.returncode == 0, signed_in.stderr
    assert f"Code of {serial}" in signed_in.stderr
    assert f"Signed in to {SECOND}" in signed_in.stderr
    after = cloudops("scan", "--profile", "admin", "--type", "sqs_queue")
    assert after.returncode == 0, after.stderr
    # Nothing on disk knows the code, and the worker forgets the session when told to.
    assert not any(
        b"714253" in path.read_bytes() for path in home.root.rglob("*") if path.is_file()
    )
    assert cloudops("accounts", "logout").returncode == 0
    assert cloudops("scan", "--profile", "admin", "--type", "sqs_queue").returncode == 1


@pytest.mark.parametrize(
    ("text", "ago"),
    [
        ("30m", timedelta(minutes=30)),
        ("24h", timedelta(hours=24)),
        ("7d", timedelta(days=7)),
        ("2 w", timedelta(weeks=2)),
        ("yesterday", timedelta(days=1, hours=15, minutes=30)),
        ("today", timedelta(hours=15, minutes=30)),
        ("2026-01-31T12:00+01:00", timedelta(days=1, hours=4, minutes=30)),
    ],
)
def test_times_as_people_write_them(text: str, ago: timedelta) -> None:
    now = datetime(2026, 2, 1, 15, 30, tzinfo=UTC)
    assert now - moment_of(text, now) == ago


def test_a_time_that_means_nothing_is_refused() -> None:
    for text in ("", "soon", "5 parsecs", "9999999999999w"):
        with pytest.raises(CloudOpsError, match="not understood"):
            moment_of(text, datetime.now(UTC))


def _asks(endpoint: str) -> bool:
    """Tell whether somebody holds a connection to a listener that never accepts."""
    port = f":{int(endpoint.rpartition(':')[2]):04X}"
    with open("/proc/net/tcp") as table:  # noqa: PTH123 - not a file
        return any(port in line.split()[2] and line.split()[3] == "01" for line in table)

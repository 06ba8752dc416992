"""Bad days with AWS: each is one clear message, nothing is lost, and the next request works."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from cloudops_ls.demo.cloud import PRODUCTION
from tests.aws.answering import AnsweringServer
from tests.e2e.bad_days import (
    EXPIRED,
    LIST,
    QUESTION,
    aws_files,
    fails_once,
    loaded,
    one_profile,
    scan_fails_once,
    still_well,
    with_profiles,
)
from tests.e2e.silence import closed_port

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cloudops_ls.demo.cloud import DemoCloud
    from tests.e2e.editor import Editor


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

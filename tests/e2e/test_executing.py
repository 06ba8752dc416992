"""``cloudops.executeCommand``: nothing runs but what was confirmed, and its output is kept."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from typing import TYPE_CHECKING, Any

import pytest
from lsprotocol import types

from cloudops_ls.demo.cloud import PRODUCTION, DemoCloud

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.e2e.editor import Editor
    from tests.e2e.slow_aws import SlowAws

STOP = "aws rds stop-db-instance --db-instance-identifier pg-instance-main1"
LIST = "aws rds describe-db-instances --db-instance-identifier pg-instance-main1"
YES = ["Run", "Run on pg-instance-main1"]


def runbook(command: str) -> str:
    return f"# Friday\n\n```sh\n$ {command}\n```\n\nDone.\n"


def state_of(cloud: DemoCloud) -> str:
    rds = cloud.client("rds", PRODUCTION)
    (found,) = rds.describe_db_instances(DBInstanceIdentifier="pg-instance-main1")["DBInstances"]
    return str(found["DBInstanceStatus"])


async def test_a_confirmed_command_runs_once_and_its_output_follows_it(
    editor: Editor, cloud: DemoCloud
) -> None:
    buffer = editor.open(runbook(STOP))
    editor.answers.extend(YES)
    result = await editor.run(buffer, "aws rds")
    assert result["status"] == "success", editor.said()
    assert state_of(cloud) == "stopped"
    head, _, tail = buffer.text.partition(f"```json output={result['executionId']} status=success")
    assert head == f"# Friday\n\n```sh\n$ {STOP}\n```\n\n"
    assert tail.endswith("\n```\n\nDone.\n")


async def test_anything_but_yes_is_no(editor: Editor, cloud: DemoCloud) -> None:
    buffer = editor.open(runbook(STOP))
    for answer in (None, "Don't run", "something else"):
        editor.answers.append(answer)
        assert await editor.run(buffer, "aws rds") == {"status": "refused"}
    assert state_of(cloud) == "available"
    assert buffer.text == runbook(STOP)


async def test_high_risk_needs_a_second_yes_that_names_the_resource(
    editor: Editor, cloud: DemoCloud
) -> None:
    buffer = editor.open(runbook(STOP))
    editor.answers.extend(["Run", None])
    assert await editor.run(buffer, "aws rds") == {"status": "refused"}
    assert "pg-instance-main1" in editor.questions[1].message
    assert state_of(cloud) == "available"


async def test_an_edit_while_the_question_is_open_is_no(editor: Editor, cloud: DemoCloud) -> None:
    buffer = editor.open(runbook(STOP))

    async def edit_then_yes(_question: types.ShowMessageRequestParams) -> str:
        editor.type(buffer, buffer.text.index("main1"), "x")
        return "Run"

    editor.answers.append(edit_then_yes)
    assert await editor.run(buffer, "aws rds") == {"status": "refused"}
    assert "file changed" in editor.said()
    assert state_of(cloud) == "available"


async def test_an_edit_while_the_command_is_being_checked_is_no(
    aws: SlowAws, editor: Editor, cloud: DemoCloud
) -> None:
    buffer = editor.open(runbook(STOP))
    editor.answers.extend(YES)
    aws.delay = 1.0
    running = asyncio.create_task(editor.run(buffer, "aws rds"))
    await editor.until(lambda: "GetCallerIdentity" in aws.calls, "AWS is asked who this is")
    editor.type(buffer, 0, "Another profile? ")
    assert await running == {"status": "refused"}
    assert "file changed" in editor.said()
    assert not editor.questions
    assert state_of(cloud) == "available"


async def test_an_unanswered_question_is_no(
    environment: dict[str, str], open_editor: Callable[..., Any], cloud: DemoCloud
) -> None:
    settings = {"profile": "production", "commands": {"confirmation_seconds": 0.5}}
    editor = await open_editor(environment, settings=settings)
    buffer = editor.open(runbook(f"{STOP} --region us-west-2"))

    late = asyncio.Event()

    async def too_late(_question: types.ShowMessageRequestParams) -> str:
        await late.wait()
        return "Run"

    editor.answers.append(too_late)
    assert await editor.run(buffer, "aws rds") == {"status": "refused"}
    assert "not answered in time" in editor.said()
    late.set()
    await asyncio.sleep(0.5)
    assert state_of(cloud) == "available"


REFUSED = {
    "ls -la": "no aws command",
    "aws rds stop-db-instanc --db-instance-identifier x": "stop-db-instance",
    "aws rdz stop-db-instance": "rds",
    "aws rds stop-db-instance": "db-instance-identifier",
    "aws ec2 describe-instances | head": "pipe",
    "aws cloudwatch delete-alarms --alarm-names a ; rm b": "cannot run",
    "aws s3 ls s3://$BUCKET": "variable",
}


async def test_what_cannot_run_is_said_in_one_message_each(editor: Editor) -> None:
    for number, (command, reason) in enumerate(REFUSED.items()):
        buffer = editor.open(runbook(command), name=f"refused-{number}")
        outcome = await editor.run(buffer, command.split()[0])
        assert outcome["status"] == "failed", command
        assert len(editor.messages) == number + 1
        assert reason in editor.messages[-1].message
        assert not editor.questions
        assert buffer.text == runbook(command)


async def test_a_front_matter_that_can_be_read_two_ways_runs_nothing(editor: Editor) -> None:
    matter = "---\nprofile: staging\nprofile: production\n---\n\n"
    buffer = editor.open(matter + runbook(LIST))
    assert (await editor.run(buffer, "aws rds"))["status"] == "failed"
    assert "front matter" in editor.said()
    assert not editor.questions


async def test_a_failing_command_shows_why(editor: Editor) -> None:
    buffer = editor.open(
        runbook("aws rds stop-db-instance --db-instance-identifier no-such-database")
    )
    editor.answers.extend(["Run", "Run on rds stop-db-instance"])
    result = await editor.run(buffer, "aws rds")
    assert result["status"] == "failed"
    assert "DBInstanceNotFound" in buffer.text
    assert "status=failed" in buffer.text


async def test_running_again_replaces_the_output(editor: Editor) -> None:
    buffer = editor.open(runbook(LIST))
    editor.answers.extend(["Run", "Run"])
    first = await editor.run(buffer, "aws rds")
    second = await editor.run(buffer, "aws rds")
    assert first["executionId"] not in buffer.text
    assert buffer.text.count("output=") == 1
    assert second["executionId"] in buffer.text


async def test_a_secret_is_not_written_into_the_file(
    editor: Editor, cloud: DemoCloud, environment: dict[str, str]
) -> None:
    secrets = cloud.client("secretsmanager", PRODUCTION, "us-west-2")
    with contextlib.suppress(secrets.exceptions.ResourceExistsException):
        secrets.create_secret(Name="db-password", SecretString="hunter2-hunter2")
    buffer = editor.open(runbook("aws secretsmanager get-secret-value --secret-id db-password"))
    editor.answers.extend(["Run", "Run on secretsmanager get-secret-value"])
    result = await editor.run(buffer, "aws secrets")
    assert result["status"] == "success", editor.said()
    assert "hunter2" not in buffer.text
    shown = await asyncio.create_subprocess_exec(
        *(
            sys.executable,
            "-m",
            "cloudops_ls",
            "executions",
            "show",
            result["executionId"],
            "--reveal",
        ),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await shown.communicate()
    assert b"hunter2" in out


async def test_the_command_of_a_stale_lens_is_not_run(editor: Editor) -> None:
    buffer = editor.open(runbook(STOP))
    (lens,) = await editor.lenses(buffer)
    editor.type(buffer, buffer.text.index("main1"), "other-")
    outcome = await editor.execute(lens.command.command, *lens.command.arguments)
    assert outcome["status"] == "failed"
    assert "changed" in editor.said()
    assert not editor.questions


async def test_two_windows_share_one_store(
    environment: dict[str, str], open_editor: Callable[..., Any]
) -> None:
    first = await open_editor(environment)
    second = await open_editor(environment)
    for editor in (first, second):
        await editor.until(lambda e=editor: "name index loaded" in e.logged(), "names loaded")
    buffer = first.open(runbook(f"{STOP} --region us-west-2"))
    first.answers.extend(YES)
    assert (await first.run(buffer, "aws rds"))["status"] == "success", first.said()
    other = second.open("pg-instance-main1\n")
    for _ in range(100):
        card = await second.hover(other, other.at("main1"))
        if card is not None and "stopped" in card:
            return
        await asyncio.sleep(0.05)
    pytest.fail(f"the other window still shows:\n{card}")


async def test_cancelling_ends_the_command_and_says_so_in_the_file(editor: Editor) -> None:
    wait = "aws rds wait db-instance-deleted --db-instance-identifier pg-instance-main1"
    buffer = editor.open(runbook(wait))
    editor.answers.append("Run")
    running = asyncio.create_task(editor.run(buffer, "aws rds"))
    await editor.until(lambda: "status=running" in buffer.text, "the command is shown as running")
    outcome = await editor.run(buffer, "aws rds")
    assert outcome == {
        "status": "failed",
        "error": "This command is already running, or asked about",
    }
    editor.cancel_work()
    result = await asyncio.wait_for(running, 60)
    assert result["status"] == "cancelled"
    assert "status=cancelled" in buffer.text

    editor.answers.append("Run")
    running = asyncio.create_task(editor.run(buffer, "aws rds"))
    await editor.until(lambda: "status=running" in buffer.text, "it runs again")
    (latest,) = await editor.execute("cloudops.executionLogs", {"limit": 1})
    told = await editor.execute("cloudops.cancelExecution", {"executionId": latest["id"]})
    assert told == {"status": "cancelling"}
    assert (await asyncio.wait_for(running, 60))["status"] == "cancelled"
    again = await editor.execute("cloudops.cancelExecution", {"executionId": latest["id"]})
    assert again["status"] == "failed"


async def test_a_command_that_has_moved_is_found_by_its_text(editor: Editor) -> None:
    command = "aws rds describe-db-instances --db-instance-identifier pg-instance-main1"
    buffer = editor.open(f"# Friday\n\nLook.\n\n{runbook(command)}")
    place = {"uri": buffer.uri, "position": {"line": 0, "character": 0}}
    editor.answers.append("Run")
    shown = {**place, "text": command}
    assert (await editor.execute("cloudops.executeCommand", shown))["status"] == "success"
    assert "status=success" in buffer.text
    gone = {**place, "text": command.replace("main1", "main2")}
    told = await editor.execute("cloudops.executeCommand", gone)
    assert told["status"] == "failed"
    assert "changed since it was shown" in told["error"]
    # One at the cursor, when the next keys arrive together with it.
    editor.answers.append(None)
    cursor = types.ExecuteCommandParams(
        "cloudops.executeCommand", [editor.place(buffer, "aws rds")]
    )
    asked = asyncio.wrap_future(editor.workspace_execute_command(cursor))
    editor.type(buffer, 0, "Meanwhile\n\n" * 3)
    assert (await asked) == {"status": "refused"}, editor.said()


async def test_output_streams_into_the_file_where_the_command_has_moved(editor: Editor) -> None:
    buffer = editor.open(runbook("aws s3 ls s3://acme-prod-backups --recursive"))
    editor.answers.append("Run")
    running = asyncio.create_task(editor.run(buffer, "aws s3"))
    await editor.until(lambda: "status=running" in buffer.text, "the command is shown as running")
    editor.type(buffer, 0, "Typed meanwhile 🚧\n\n")
    result = await running
    assert result["status"] in {"success", "failed"}
    assert buffer.text.startswith("Typed meanwhile 🚧\n\n# Friday\n\n```sh\n$ aws s3 ls")
    assert buffer.text.count("output=") == 1
    assert f"output={result['executionId']} status={result['status']}" in buffer.text


async def test_waiting_is_offered_for_what_goes_on(
    editor: Editor, cloud: DemoCloud, environment: dict[str, str]
) -> None:
    ec2 = cloud.client("ec2", PRODUCTION)
    image = ec2.describe_images(Owners=["self"])["Images"][0]["ImageId"]
    (made,) = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1)["Instances"]
    buffer = editor.open(runbook(f"aws ec2 stop-instances --instance-ids {made['InstanceId']}"))
    editor.answers.extend(["Run", "Wait"])
    result = await editor.run(buffer, "aws ec2")
    assert result["status"] == "success", editor.said()
    await editor.until(lambda: "has come to its end" in editor.said(), "it was waited for", 60)
    assert "is under way (stopping)" in editor.questions[-1].message
    assert "Waiting: ec2 wait instance-stopped" in str(editor.progress_reports)
    listed = await editor.execute("cloudops.executionLogs", {"limit": 1})
    assert listed[0]["command"].startswith("aws ec2 wait instance-stopped --instance-ids")

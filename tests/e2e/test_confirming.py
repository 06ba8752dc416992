"""How the operator is asked: what the question says, what may be answered, what is recorded."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest_asyncio

from cloudops_ls.demo.cloud import PRODUCTION, DemoCloud
from cloudops_ls.storage.keys import KeyRing
from cloudops_ls.storage.service import StorageService
from tests.assistant.server import INFORMATION, Answer, CloudOpsTestServer
from tests.e2e.conftest import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest

    from cloudops_ls.home import Home
    from cloudops_ls.storage.audit_chain import AuditEntry
    from tests.e2e.editor import Editor

STOP = "aws rds stop-db-instance --db-instance-identifier pg-instance-main1"
SUBJECT = "pg-instance-main1"


def runbook(command: str) -> str:
    return f"# Friday\n\nStop it.\n\n```sh\n$ {command}\n```\n\nDone.\n"


def audited(home: Home, environment: dict[str, str]) -> list[AuditEntry]:
    with StorageService.open(home, keys=KeyRing(home, environ=environment)) as store:
        assert store.audit.verify().intact
        return list(store.audit.entries())


def state_of(cloud: DemoCloud) -> str:
    rds = cloud.client("rds", PRODUCTION)
    (found,) = rds.describe_db_instances(DBInstanceIdentifier=SUBJECT)["DBInstances"]
    return str(found["DBInstanceStatus"])


@pytest_asyncio.fixture(loop_scope="module")
async def asked_whole(
    environment: dict[str, str], open_editor: Callable[..., Any]
) -> tuple[Editor, list[Any], list[Any]]:
    """An editor that answers ``cloudops/confirm``; its questions, and what it will answer."""
    editor = await open_editor(environment, options={"client": {"confirm": True}})
    questions: list[Any] = []
    answers: list[Any] = []

    @editor.feature("cloudops/confirm")
    async def confirm(params: Any) -> Any:
        questions.append(params)
        return answers.pop(0)

    await editor.until(lambda: "name index loaded" in editor.logged(), "the names were loaded")
    return editor, questions, answers


async def test_a_modal_question_carries_everything_and_its_answer_is_checked(
    asked_whole: tuple[Editor, list[Any], list[Any]],
    cloud: DemoCloud,
    home: Home,
    environment: dict[str, str],
) -> None:
    editor, questions, answers = asked_whole
    buffer = editor.open(runbook(STOP))
    answers += [
        {"answer": "run"},
        {"answer": "run", "typed": "pg-instance-main"},
        {"answer": "stopPlan"},
        {"what": 1},
        None,
    ]
    for _ in range(5):
        assert await editor.run(buffer, "aws rds") == {"status": "refused"}
    assert state_of(cloud) == "available"
    first = questions[0]
    assert first.title == "Stop DB instance pg-instance-main1"
    assert (first.typeToConfirm, first.risk, first.dry_run) == (SUBJECT, "high", False)
    assert first.choices == ["run", "refuse"]
    assert "Account: acme-production (123456789012)" in first.lines
    assert any(line.startswith("As: ") and "not known" not in line for line in first.lines)
    assert any(line.startswith("Undo: aws rds start-db-instance") for line in first.lines)
    answers.append({"answer": "run", "typed": SUBJECT})
    result = await editor.run(buffer, "aws rds")
    assert result["status"] == "success", editor.said()
    assert state_of(cloud) == "stopped"
    entries = audited(home, environment)
    assert [entry.event for entry in entries] == [*["refused"] * 5, "approved", "started", "ended"]
    assert [entry.details["reason"] for entry in entries[:5]] == [
        *["the name that was typed is not the resource's"] * 2,
        *["the editor's answer was not understood"] * 2,
        "the question was closed without an answer",
    ]
    assert entries[5].details["principal"].startswith("arn:aws:")
    assert entries[5].details["undo"].startswith("aws rds start-db-instance")
    # What was refused and what was approved are the same thing, bound to the same digest.
    assert {entry.details["approval_digest"] for entry in entries[:6]} == {
        entries[5].details["approval_digest"]
    }


async def test_a_reason_becomes_the_next_turn_and_keeps_nobody_from_asking_again(
    asked_whole: tuple[Editor, list[Any], list[Any]], home: Home, environment: dict[str, str]
) -> None:
    editor, questions, answers = asked_whole
    held = threading.Event()
    with CloudOpsTestServer(Answer(reply=INFORMATION, held=held)) as assistant:
        editor.configure({**SETTINGS, "assistant": {"kind": "http", "url": assistant.url}})
        buffer = editor.open(runbook(STOP))
        answers += [{"answer": "refuse", "reason": "the  backup\n has to end first"}, None]
        refused = asyncio.ensure_future(editor.run(buffer, "aws rds"))
        await editor.until(assistant.asked.is_set, "the assistant was told why")
        assert await editor.run(buffer, "aws rds") == {"status": "refused"}, editor.said()
        assert len(questions) == 2
        held.set()
        result = await refused
    assert result["status"] == "refused"
    assert result["answer"]["status"] == "answered", editor.said()
    said = "I did not run “Stop DB instance”, because the backup has to end first"
    head, _, tail = buffer.text.partition(said)
    assert head.endswith("```\n\n")
    assert tail.startswith("\n\n> **CloudOps:**")
    assert tail.endswith("\nDone.\n")
    first, second = audited(home, environment)
    assert first.details["reason"] == "the backup has to end first"
    assert second.details["reason"] == "the question was closed without an answer"


async def test_any_editor_can_rehearse_and_explain(
    editor: Editor, cloud: DemoCloud, home: Home, environment: dict[str, str]
) -> None:
    ec2 = cloud.client("ec2", PRODUCTION)
    found = ec2.describe_instances(Filters=[{"Name": "instance-state-name", "Values": ["running"]}])
    instance = found["Reservations"][0]["Instances"][0]["InstanceId"]
    buffer = editor.open(runbook(f"aws ec2 stop-instances --instance-ids {instance}"))
    editor.answers.extend(["Dry run first", "Don't run, and say why"])
    assert (await editor.run(buffer, "aws ec2"))["status"] == "refused"
    first, second = (question.message.splitlines() for question in editor.questions)
    assert "Dry run: possible" in first
    assert any(line.startswith("Depends on it: ") for line in first)
    assert second[1] == "Dry run: AWS says that it would succeed"
    assert "I did not run “Stop instances”, because …\n\nDone." in buffer.text
    still = ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]
    assert still["State"]["Name"] == "running"
    entries = audited(home, environment)
    assert [entry.event for entry in entries] == ["approved", "started", "ended", "refused"]
    assert entries[0].details["dry_run"] is True
    assert entries[0].details["argv"][-1] == "--dry-run"


async def test_a_local_file_is_asked_about_by_itself(
    editor: Editor, home: Home, environment: dict[str, str], tmp_path: Path
) -> None:
    template = tmp_path / "stack.json"
    template.write_text('{"Resources": {"Q": {"Type": "AWS::SQS::Queue"}}}')
    buffer = editor.open(
        runbook(f"aws cloudformation validate-template --template-body file://{template}")
    )
    editor.answers.extend(["Run", "Don't run"])
    assert (await editor.run(buffer, "aws cloud"))["status"] == "refused"
    assert f"reads file://{template} on this computer" in editor.questions[-1].message
    editor.answers.extend(["Run", None])
    assert (await editor.run(buffer, "aws cloud"))["status"] == "refused"
    editor.answers.extend(["Run", "Let it read"])
    result = await editor.run(buffer, "aws cloud")
    assert result["status"] == "success", buffer.text
    assert [each.event.value for each in audited(home, environment)].count("refused") == 2


async def test_a_server_killed_at_the_question_has_run_nothing_and_remembers_no_yes(
    editor: Editor,
    open_editor: Callable[..., Any],
    cloud: DemoCloud,
    home: Home,
    environment: dict[str, str],
) -> None:
    buffer = editor.open(runbook(STOP))

    async def kill(_question: Any) -> None:
        editor.process.kill()

    # The first yes was given; the server dies with the second question open.
    editor.answers.extend(["Run", kill])
    running = asyncio.create_task(editor.run(buffer, "aws rds"))
    await editor.process.wait()
    running.cancel()
    assert state_of(cloud) == "available"
    assert audited(home, environment) == []
    again = await open_editor(environment)
    await again.until(lambda: "name index loaded" in again.logged(), "the names were loaded")
    assert await again.execute("cloudops.executionLogs", {}) == []
    assert not again.questions
    assert state_of(cloud) == "available"


async def test_an_editor_that_cannot_ask_is_told_where_a_command_can_be_run(
    editor: Editor, cloud: DemoCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As Helix was for long; the test client would take it for its own failure.
    monkeypatch.delitem(editor.protocol.fm.features, "window/showMessageRequest")
    monkeypatch.setattr(editor, "report_server_error", lambda *_: None)
    buffer = editor.open(runbook(STOP))
    assert await editor.run(buffer, "aws rds") == {"status": "refused"}
    assert "cannot ask you a question, so the answer is No" in editor.said()
    assert "cloudops-ls run 'aws …'" in editor.said()
    assert state_of(cloud) == "available"

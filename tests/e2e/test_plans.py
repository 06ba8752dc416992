"""Plans: several commands in a row, step by step or approved once, and how to take one back."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from cloudops_ls.demo.cloud import PRODUCTION, DemoCloud
from tests.e2e.test_confirming import audited, state_of

if TYPE_CHECKING:
    from lsprotocol import types

    from cloudops_ls.home import Home
    from tests.e2e.editor import Buffer, Editor

SNAPSHOT = (
    "aws rds create-db-snapshot --db-instance-identifier pg-instance-main1"
    " --db-snapshot-identifier before-friday"
)
LOOK = "aws rds describe-db-snapshots --db-snapshot-identifier before-friday"
STOP = (
    "aws rds stop-db-instance --db-instance-identifier '{{2.DBSnapshots[0].DBInstanceIdentifier}}'"
)
MISSING = "aws rds describe-db-instances --db-instance-identifier no-such-database"


def runbook(*commands: str) -> str:
    lines = "\n".join(commands)
    return f"# Friday\n\nDo it.\n\n```aws\n{lines}\n```\n\nDone.\n"


async def yes(question: types.ShowMessageRequestParams) -> str:
    titles = [action.title for action in question.actions or []]
    return next(title for title in titles if title == "Run" or title.startswith("Run on "))


async def plan(editor: Editor, buffer: Buffer, mode: str = "step") -> Any:
    place = {**editor.place(buffer, "aws rds"), "mode": mode}
    return await editor.execute("cloudops.runPlan", place)


def forget(cloud: DemoCloud) -> None:
    rds = cloud.client("rds", PRODUCTION)
    for one in rds.describe_db_snapshots()["DBSnapshots"]:
        rds.delete_db_snapshot(DBSnapshotIdentifier=one["DBSnapshotIdentifier"])


async def test_a_plan_runs_step_by_step_with_values_of_earlier_steps_and_can_be_taken_back(
    editor: Editor, cloud: DemoCloud, home: Home, environment: dict[str, str]
) -> None:
    forget(cloud)
    buffer = editor.open(runbook(SNAPSHOT, LOOK, STOP))
    titles = [lens.command.title for lens in await editor.lenses(buffer) if lens.command]
    assert "▶▶ Run all 3 steps" in titles
    assert "▶ Run · filled in from step 2" in titles
    actions = await editor.actions(buffer, buffer.at("aws rds"))
    assert {"Run all 3 steps, one by one", "Review all 3 steps and approve them once"} <= set(
        actions
    )
    editor.answers.extend([yes] * 6)
    result = await plan(editor, buffer)
    assert result["status"] == "success", editor.said()
    assert [step["status"] for step in result["steps"]] == ["success"] * 3
    assert state_of(cloud) == "stopped"
    last = [question.message for question in editor.questions if "Step 3 of 3" in question.message]
    assert "Filled in: {{2.DBSnapshots[0].DBInstanceIdentifier}} is pg-instance-main1" in last[0]
    assert "Runs: aws rds stop-db-instance --db-instance-identifier pg-instance-main1" in last[0]
    # What the first step made is known by now, though nothing named it before.
    for _ in range(200):
        card = await editor.hover(buffer, buffer.at("before-friday"))
        if card is not None:
            break
        await asyncio.sleep(0.1)
    assert "snapshot" in str(card).lower()
    # The file keeps what was written, the log has what ran.
    assert STOP in buffer.text
    ran = [entry for entry in audited(home, environment) if entry.event == "approved"]
    assert [entry.details["step"] for entry in ran] == [1, 2, 3]
    assert len({str(entry.details["plan"]) for entry in ran}) == 1

    # Tomorrow: another session finds in the store how to take it back.
    editor.answers.clear()
    editor.answers.extend([yes] * 2)
    (undo,) = [
        command
        for title, command in (await editor.actions(buffer, buffer.at("'{{2.DB"))).items()
        if title.startswith("Undo: aws rds start-db-instance")
    ]
    undone = await editor.execute(undo.command, *undo.arguments)
    assert undone["status"] == "success", editor.said()
    assert state_of(cloud) == "available"
    assert "Taking it back:\n\n```aws\naws rds start-db-instance" in buffer.text


async def test_a_plan_stops_at_the_first_failure_and_goes_on_from_there(
    editor: Editor, cloud: DemoCloud
) -> None:
    forget(cloud)
    buffer = editor.open(runbook(SNAPSHOT, MISSING, LOOK))
    editor.answers.extend([yes, yes, yes])
    result = await plan(editor, buffer)
    assert result["status"] == "failed"
    assert [step["step"] for step in result["steps"]] == [1, 2]
    assert result["next"] == 2
    assert "Step 3 was not run" in editor.said()
    wrong = "no-such-database"
    editor.type(buffer, buffer.text.index(wrong), "pg-instance-main1", delete=len(wrong))
    editor.answers.clear()
    editor.answers.extend(["Go on with step 2", yes, yes])
    result = await plan(editor, buffer)
    assert result["status"] == "success", editor.said()
    assert [step["step"] for step in result["steps"]] == [2, 3]
    assert "Step 1 has run already" in editor.questions[-3].message


async def test_a_plan_that_is_approved_once_is_not_asked_about_again_until_it_is_edited(
    editor: Editor, home: Home, environment: dict[str, str]
) -> None:
    listing = "aws rds describe-db-instances --db-instance-identifier pg-instance-main1"
    others = [f"{listing} --query 'DBInstances[].{name}'" for name in ("Engine", "Endpoint")]
    buffer = editor.open(runbook(listing, *others))
    editor.answers.append("Run")
    result = await plan(editor, buffer, "all")
    assert result["status"] == "success", editor.said()
    (review,) = editor.questions
    assert review.message.startswith("Run 3 steps one after the other, without asking again?")
    assert "2. Describe DB instances pg-instance-main1" in review.message
    assert buffer.text.count("status=success") == 3

    editor.answers.extend(["Begin again with step 1", "Run"])
    running = asyncio.create_task(plan(editor, buffer, "all"))
    await editor.until(lambda: "status=running" in buffer.text, "the first step runs")
    editor.type(buffer, buffer.text.index("[].Endpoint") + 3, "X")
    outcome = await running
    assert outcome["status"] == "failed"
    events = [entry.event for entry in audited(home, environment)]
    # Three runs, and of the second time only what was under way before the edit.
    assert 3 < events.count("approved") <= 5
    assert events.count("started") == events.count("ended") == events.count("approved")


async def test_a_plan_can_be_given_up_as_a_whole(
    editor: Editor, home: Home, environment: dict[str, str], cloud: DemoCloud
) -> None:
    buffer = editor.open(runbook(LOOK, MISSING, SNAPSHOT))
    editor.answers.append("Stop the plan")
    result = await plan(editor, buffer)
    assert result["status"] == "refused"
    entries = audited(home, environment)
    assert [entry.event for entry in entries] == ["refused"] * 3
    assert [entry.details.get("reason") for entry in entries] == [
        None,
        "the plan was stopped",
        "the plan was stopped",
    ]
    assert "output=" not in buffer.text

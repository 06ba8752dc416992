"""What a user prefers is remembered, told to the assistant, and never looser than the policy."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.assistant.server import INFORMATION, Answer

if TYPE_CHECKING:
    from tests.assistant.server import CloudOpsTestServer
    from tests.e2e.editor import Editor


LIST = "```aws\naws rds describe-db-instances\n```\n"
READS = '[[rule]]\nname = "reads"\ndecision = "allow"\naccess = ["read"]\n'


async def told(editor: Editor, answering: CloudOpsTestServer, name: str) -> dict[str, Any]:
    answering.script(Answer(reply=INFORMATION))
    assert (await editor.ask(editor.open("Describe web-2.\n", name), "Describe"))["kind"]
    context: dict[str, Any] = answering.requests[-1].body["user_context"]
    return context


async def cli(environment: dict[str, str], *arguments: str) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cloudops_ls", "preferences", *arguments),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    printed, _ = await process.communicate()
    return process.returncode, printed.decode()


async def test_preferences_count_where_nothing_else_is_said(
    asking: Editor, answering: CloudOpsTestServer, shared_environment: dict[str, str]
) -> None:
    asking.configure({"assistant": {"kind": "http", "url": answering.url}})
    assert (await told(asking, answering, "before"))["profile"] == "default"
    set_ones = {"profile": "staging", "region": "eu-west-1", "plans": "all"}
    found = await asking.execute("cloudops.setPreferences", set_ones)
    assert found["preferences"] == {**set_ones, "approval": "policy"}
    assert (found["profile"], found["region"]) == ("staging", "eu-west-1")
    context = await told(asking, answering, "after")
    assert context["account_alias"] == "acme-staging"
    assert context["default_region"] == "eu-west-1"
    assert (context["approval"], context["plans"]) == ("policy", "all")

    # From the command line, seen by the window that is open.
    assert await cli(shared_environment, "set", "region", "us-west-2") == (0, "")
    assert (await told(asking, answering, "cli"))["default_region"] == "us-west-2"
    status, printed = await cli(shared_environment, "set", "region", "mars")
    assert status == 1 and "preference cannot be remembered" in printed
    status, printed = await cli(shared_environment)
    assert status == 0 and "us-west-2" in printed and "staging" in printed
    assert await cli(shared_environment, "forget", "plans") == (0, "")
    # What is set comes before what is preferred.
    asking.configure(
        {"region": "eu-central-1", "assistant": {"kind": "http", "url": answering.url}}
    )
    context = await told(asking, answering, "set")
    assert context["default_region"] == "eu-central-1" and context["plans"] == "step"


async def test_always_asked_is_asked_where_the_policy_allows(
    asking: Editor, shared_environment: dict[str, str]
) -> None:
    (Path(shared_environment["CLOUDOPS_HOME"]) / "policy.toml").write_text(READS)
    await asking.execute(
        "cloudops.setPreferences", {"profile": "production", "region": "us-west-2"}
    )
    buffer = asking.open(LIST, "allowed")
    asked = len(asking.questions)
    assert (await asking.run(buffer, "aws rds"))["status"] == "success", asking.said()
    assert len(asking.questions) == asked

    await asking.execute("cloudops.setPreferences", {"approval": "always"})
    asking.answers.append("Don't run")
    assert (await asking.run(buffer, "aws rds"))["status"] == "refused"
    assert "you prefer to be asked always" in asking.questions[-1].message


async def test_a_plan_runs_as_it_is_preferred(
    asking: Editor, shared_environment: dict[str, str]
) -> None:
    """Last, as it takes the policy away that allows reading."""
    (Path(shared_environment["CLOUDOPS_HOME"]) / "policy.toml").unlink(missing_ok=True)
    listing = "aws rds describe-db-instances --db-instance-identifier pg-instance-main1"
    steps = "\n".join(f"{listing} --query 'DBInstances[].{name}'" for name in ("Engine", "DBName"))

    async def run_all(name: str, *answers: str) -> list[str]:
        buffer = asking.open(f"```aws\n{steps}\n```\n", name)
        before = len(asking.questions)
        asking.answers.extend(answers)
        # No mode: as *Run all steps* sends it.
        result = await asking.execute("cloudops.runPlan", asking.place(buffer, "aws rds"))
        assert result["status"] == "success", asking.said()
        assert buffer.text.count("status=success") == 2
        return [question.message for question in asking.questions[before:]]

    asking.configure({})
    liked = {"profile": "production", "region": "us-west-2", "approval": "policy"}
    await asking.execute("cloudops.setPreferences", {**liked, "plans": "all"})
    (review,) = await run_all("at-once", "Run")
    assert review.startswith("Run 2 steps one after the other, without asking again?")

    # Changed on the command line, it counts for the next plan of the window that is open.
    assert await cli(shared_environment, "set", "plans", "step") == (0, "")
    first, second = await run_all("one-by-one", "Run", "Run")
    assert "Step 1 of 2" in first and "Step 2 of 2" in second

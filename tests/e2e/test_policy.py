"""The policy file: a deny is final, from the next command on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.e2e.test_confirming import audited
from tests.e2e.test_executing import LIST, STOP, runbook, state_of

if TYPE_CHECKING:
    from cloudops_ls.demo.cloud import DemoCloud
    from cloudops_ls.home import Home
    from tests.e2e.editor import Editor


def policy(environment: dict[str, str]) -> Path:
    return Path(environment["CLOUDOPS_HOME"]) / "policy.toml"


async def test_a_denied_command_is_not_even_asked_about(
    editor: Editor, environment: dict[str, str], cloud: DemoCloud
) -> None:
    policy(environment).write_text(
        '[[rule]]\ndecision = "deny"\nname = "freeze"\nreason = "Nothing is stopped in November."\n'
        'operation = "stop-*"\n'
    )
    buffer = editor.open(runbook(STOP))
    outcome = await editor.run(buffer, "aws rds")
    assert outcome["status"] == "failed"
    assert "Nothing is stopped in November" in editor.said()
    assert "freeze" in editor.said()
    assert not editor.questions
    assert state_of(cloud) == "available"
    # The same window, a mended policy: asked again.
    policy(environment).unlink()
    editor.answers.append(None)
    assert await editor.run(buffer, "aws rds") == {"status": "refused"}
    assert len(editor.questions) == 1


async def test_a_broken_policy_denies_reads_too(
    editor: Editor, environment: dict[str, str]
) -> None:
    policy(environment).write_text("[[rule]]\ndecision = 'perhaps'\n")
    buffer = editor.open(runbook(LIST))
    outcome = await editor.run(buffer, "aws rds")
    assert outcome["status"] == "failed"
    assert "policy file is broken" in editor.said()
    assert "rule 1 decision" in editor.said()
    assert not editor.questions


async def test_an_allowed_read_is_not_asked_about_and_another_policy_takes_a_yes_back(
    editor: Editor, environment: dict[str, str], cloud: DemoCloud, home: Home
) -> None:
    rule = '[[rule]]\nname = "reads"\ndecision = "allow"\naccess = "read"\n'
    policy(environment).write_text(rule)
    buffer = editor.open(runbook(LIST))
    assert (await editor.run(buffer, "aws rds"))["status"] == "success", editor.said()
    assert not editor.questions
    (_, _, approved) = audited(home, environment)[::-1]
    assert approved.details["approved_by"] == "policy: reads"
    assert approved.details["approval_required"] is False

    stopping = editor.open(runbook(STOP), name="stopping")

    async def change_the_policy(_question: Any) -> str:
        policy(environment).write_text(f"# another one\n{rule}")
        return "Run"

    editor.answers.extend([change_the_policy, "Run on pg-instance-main1"])
    outcome = await editor.run(stopping, "aws rds")
    assert outcome["status"] == "failed"
    assert "changed since you agreed" in editor.said()
    assert state_of(cloud) == "available"

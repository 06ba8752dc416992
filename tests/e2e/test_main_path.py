"""The journey of one request, from typing to the changed resource."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.e2e.conftest import both_editors

if TYPE_CHECKING:
    from tests.e2e.editor import Editor

RUNBOOK = """# Friday maintenance 🚧

Stop pg-instance-ma
"""


@both_editors
async def test_from_typing_to_the_changed_resource(editor: Editor) -> None:
    buffer = editor.open(RUNBOOK)

    completion = await editor.complete(buffer, buffer.after("pg-instance-ma"))
    item = next(item for item in completion.items if item.label == "pg-instance-main1")
    assert completion.is_incomplete
    resolved = await editor.completion_item_resolve_async(item)
    assert "postgres" in resolved.documentation.value
    editor.type(buffer, buffer.text.index("pg-instance-ma"), item.text_edit.new_text, delete=14)
    assert "Stop pg-instance-main1\n" in buffer.text

    card = await editor.hover(buffer, buffer.at("main1"))
    assert "available" in card

    assert "Ask CloudOps" in await editor.actions(buffer, buffer.at("Stop"))
    assert await editor.ask(buffer, "Stop") == {"status": "answered", "kind": "commands"}
    assert buffer.text.startswith("---\nconversation: ")
    assert "\n> **CloudOps:** " in buffer.text
    assert "aws rds stop-db-instance --db-instance-identifier pg-instance-main1" in buffer.text
    assert "Ask CloudOps again" in await editor.actions(buffer, buffer.at("Stop"))

    (lens,) = await editor.lenses(buffer)
    assert "write" in lens.command.title and "risk" in lens.command.title

    editor.answers.extend(["Run", "Run on pg-instance-main1"])
    result = await editor.run(buffer, "aws rds stop-db-instance")
    assert result["status"] == "success", editor.said()
    assert result["exitStatus"] == 0
    question = editor.questions[0].message
    assert "acme-production (123456789012)" in question
    assert "us-west-2" in question
    assert "pg-instance-main1, rds instance, available" in question
    assert "Undo: aws rds start-db-instance" in question

    assert f"```json output={result['executionId']} status=success" in buffer.text
    assert '"DBInstanceStatus": "stopped"' in buffer.text
    card = await editor.hover(buffer, buffer.at("main1"))
    assert "stopped" in card and "available" not in card
    assert editor.stderr == b""

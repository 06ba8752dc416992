"""Conversations: found, labelled, exported and deleted; runbook files renamed and copied."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.editor import Buffer, Editor

QUESTION = "# Friday\n\nDescribe pg-instance-main1.\n"


async def asked(editor: Editor, buffer: Buffer) -> str:
    """Ask; return the conversation that the file names then."""
    assert (await editor.ask(buffer, "Describe"))["status"] == "answered"
    (line,) = [line for line in buffer.text.splitlines() if line.startswith("conversation: ")]
    return line.removeprefix("conversation: ")


def written(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    return path.as_uri()


async def test_a_conversation_is_found_labelled_exported_and_deleted(editor: Editor) -> None:
    buffer = editor.open(QUESTION)
    id_ = await asked(editor, buffer)
    (one,) = await editor.execute("cloudops.conversations", {})
    assert (one["id"], one["title"]) == (id_, "Describe pg-instance-main1.")
    assert one["file"] == buffer.uri

    labelled = {"id": id_, "labels": ["friday", "db"]}
    assert (await editor.execute("cloudops.labelConversation", labelled))["labels"] == [
        "db",
        "friday",
    ]
    await editor.execute("cloudops.renameConversation", {"id": id_, "title": "Friday's database"})
    found = await editor.execute("cloudops.conversations", {"query": "DESCRIBE", "label": "db"})
    assert [each["title"] for each in found] == ["Friday's database"]
    assert await editor.execute("cloudops.conversations", {"label": "other"}) == []

    messages = await editor.execute("cloudops.conversationMessages", {"id": id_})
    assert [message["role"] for message in messages] == ["user", "assistant"]
    told = await editor.execute("cloudops.exportConversation", {"id": id_, "format": "json"})
    assert json.loads(told["text"])["conversation"]["title"] == "Friday's database"

    editor.answers.append(None)
    assert (await editor.execute("cloudops.deleteConversation", {"id": id_})) == {
        "status": "refused"
    }
    editor.answers.append("Delete for good")
    assert (await editor.execute("cloudops.deleteConversation", {"id": id_})) == {
        "status": "deleted"
    }
    assert await editor.execute("cloudops.conversations", {}) == []
    gone: Any = await editor.execute("cloudops.conversationMessages", {"id": id_})
    assert gone["status"] == "failed"
    # The file is the truth of what is visible.
    assert "**CloudOps:**" in buffer.text


async def test_a_copied_file_is_a_new_conversation_and_a_renamed_one_goes_on(
    editor: Editor, tmp_path: Path
) -> None:
    first = tmp_path / "first.cloudops.md"
    buffer = editor.open(QUESTION, uri=written(first, QUESTION))
    original = await asked(editor, buffer)
    text = buffer.text
    first.write_text(text, encoding="utf-8")
    editor.close(buffer)

    copy = tmp_path / "copy.cloudops.md"
    copied = editor.open(text, uri=written(copy, text))
    second = await asked(editor, copied)
    assert second != original
    # Its answers are known as ours, so asking again replaced the answer.
    assert copied.text.count("**CloudOps:**") == 1
    assert await asked(editor, copied) == second
    editor.close(copied)

    renamed = tmp_path / "renamed.cloudops.md"
    first.rename(renamed)
    moved = editor.open(text, uri=renamed.as_uri())
    assert await asked(editor, moved) == original
    everything = await editor.execute("cloudops.conversations", {})
    assert {one["id"]: one["file"] for one in everything} == {
        original: renamed.as_uri(),
        second: copy.as_uri(),
    }

"""What is shown before it is sent is what is sent, byte for byte; messages without a file."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from lsprotocol import types

from tests.assistant import completions
from tests.assistant.server import COMMANDS, INFORMATION, Answer

if TYPE_CHECKING:
    from tests.assistant.server import CloudOpsTestServer
    from tests.e2e.editor import Buffer, Editor


SECRET = "hunter2" * 3
TEXT = f"Stop pg-instance-main1 in us-west-2; its password={SECRET}.\n\nThen describe web-2.\n"


async def previewed(editor: Editor, buffer: Buffer, needle: str) -> dict[str, Any]:
    shown: dict[str, Any] = await editor.execute(
        "cloudops.previewRequest", editor.place(buffer, needle)
    )
    return shown


def configured(answering: CloudOpsTestServer, **assistant: Any) -> dict[str, Any]:
    chosen = {"kind": "http", "url": answering.url, **assistant}
    return {"profile": "production", "region": "us-west-2", "assistant": chosen}


def add_settings(environment: dict[str, str], text: str) -> None:
    config = Path(environment["CLOUDOPS_HOME"]) / "config.toml"
    config.write_text(text + config.read_text("utf-8"), "utf-8")


@pytest.mark.parametrize("kind", ["http", "openai"])
async def test_what_is_shown_is_what_is_sent(
    asking: Editor, answering: CloudOpsTestServer, kind: str
) -> None:
    if kind == "openai":
        asking.configure(
            configured(answering, kind="openai", url=f"{answering.url}/v1", model="qwen3")
        )
        answering.script(completions.said(completions.COMMANDS))
    else:
        answering.script(Answer(reply=COMMANDS))
    before = len(answering.requests)
    buffer = asking.open(TEXT, f"preview-{kind}")
    shown = await previewed(asking, buffer, "Stop")
    assert len(answering.requests) == before, "showing sends nothing"
    assert buffer.text == TEXT, "and writes nothing"
    assert (await asking.ask(buffer, "Stop"))["status"] == "answered"
    received = answering.requests[-1]
    assert received.raw.decode() == shown["body"]
    assert shown["url"] == answering.url + received.path
    assert SECRET not in shown["text"] and "[redacted]" in shown["text"]
    page = json.loads(shown["text"])
    assert page["body"] == received.body
    assert page["bytes"] == len(received.raw)
    assert page["tokens"] == -(-len(shown["body"]) // 4) and page["tokenizer"] == "estimate"
    assert "tok-for-the-test" not in shown["text"]
    # What comes next is another request.
    again = await previewed(asking, buffer, "Then")
    assert again["uri"] != shown["uri"]
    asking.configure(configured(answering))


async def test_a_client_that_can_fetches_the_preview_as_a_document(asking: Editor) -> None:
    told = asking.initialized_with.capabilities.workspace
    assert told is not None and told.text_document_content is not None
    buffer = asking.open(TEXT, "fetched")
    shown = await previewed(asking, buffer, "Then")
    content = await asking.protocol.send_request_async(
        types.WORKSPACE_TEXT_DOCUMENT_CONTENT, types.TextDocumentContentParams(shown["uri"])
    )
    assert content.text == shown["text"]
    # This client shows no documents: it is told how much, and where to read it.
    assert "bytes, about" in asking.messages[-1].message


async def test_the_command_line_shows_the_same(
    asking: Editor,
    answering: CloudOpsTestServer,
    shared_environment: dict[str, str],
    tmp_path: Path,
) -> None:
    path = tmp_path / "cli.cloudops.md"
    buffer = asking.open(TEXT, uri=path.as_uri())
    answering.script(Answer(reply=INFORMATION))
    await asking.ask(buffer, "Stop")
    path.write_text(buffer.text, "utf-8")
    line = buffer.text[: buffer.text.index("Then")].count("\n") + 1
    add_settings(
        shared_environment,
        'profile = "production"\nregion = "us-west-2"\n'
        f'[assistant]\nkind = "http"\nurl = "{answering.url}"\n',
    )
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cloudops_ls", "preview", f"{path}:{line}", "--body"),
        env=shared_environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    printed, complaints = await process.communicate()
    assert process.returncode == 0, complaints
    assert (await asking.ask(buffer, "Then"))["status"] == "answered"
    received = answering.requests[-1]
    ours = json.loads(printed)["request_id"]
    assert printed.replace(ours.encode(), received.body["request_id"].encode()) == received.raw


async def test_a_message_without_a_file_is_asked_and_stored(
    asking: Editor, answering: CloudOpsTestServer
) -> None:
    made = await asking.execute("cloudops.createConversation", {"title": "From elsewhere"})
    answering.script(Answer(reply=COMMANDS))
    message = {"conversationId": made["id"], "prompt": "Stop pg-instance-main1"}
    outcome = await asking.execute("cloudops.sendMessage", message)
    assert outcome["status"] == "answered" and outcome["kind"] == "commands"
    assert outcome["commands"] == [COMMANDS["steps"][0]["command"]]
    sent = answering.requests[-1].body
    assert sent["identified_resources"][0]["resource"]["name"] == "pg-instance-main1"
    stored = await asking.execute("cloudops.conversationMessages", {"id": made["id"]})
    assert [one["role"] for one in stored] == ["user", "assistant"]
    # It goes on as it would in a file.
    await asking.execute("cloudops.sendMessage", {**message, "prompt": "Start it again"})
    assert answering.requests[-1].body["chat_history"][0]["content"] == "Stop pg-instance-main1"

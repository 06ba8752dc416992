"""Requests that name nothing exactly: what is understood is shown first, and goes along."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from lsprotocol import types

from tests.assistant.server import INFORMATION, Answer, CloudOpsTestServer
from tests.e2e.conftest import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.e2e.editor import Buffer, Editor


@pytest.fixture
def server() -> Iterator[CloudOpsTestServer]:
    with CloudOpsTestServer() as running:
        running.script(Answer(reply=INFORMATION))
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def editor(
    environment: dict[str, str], open_editor: Callable[..., Any], server: CloudOpsTestServer
) -> Editor:
    settings = {**SETTINGS, "assistant": {"kind": "http", "url": server.url}}
    editor: Editor = await open_editor(
        {**environment, "CLOUDOPS_ASSISTANT_TOKEN": "tok"}, settings=settings
    )
    await editor.until(lambda: "name index loaded" in editor.logged(), "the names were loaded")
    return editor


async def shown(editor: Editor, buffer: Buffer) -> list[tuple[str, str]]:
    found = await editor.text_document_inlay_hint_async(
        types.InlayHintParams(
            types.TextDocumentIdentifier(buffer.uri),
            types.Range(types.Position(0, 0), buffer.position(len(buffer.text))),
        )
    )
    return [(str(one.label), str(one.tooltip or "")) for one in found or []]


def sent(server: CloudOpsTestServer) -> list[tuple[str, str]]:
    resources = server.requests[-1].body["identified_resources"]
    return [(one["resource"]["name"], one["how"]) for one in resources]


async def test_what_is_understood_is_shown_and_sent(
    editor: Editor, server: CloudOpsTestServer
) -> None:
    text = "Stop the production postgres of the main app in oregon."
    buffer = editor.open(f"# Friday\n\n{text}\n\nWe meet at ten.\n")
    # The first time what refers to what has to be read.
    deadline = asyncio.get_running_loop().time() + 60
    while not (hints := await shown(editor, buffer)):
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.1)
    ((label, tooltip),) = hints
    assert label == "→ pg-instance-main1"
    assert "rds_instance" in tooltip and "available" in tooltip and "description" in tooltip

    assert (await editor.ask(buffer, "Stop the"))["status"] == "answered"
    assert sent(server) == [("pg-instance-main1", "description")]
    assert await shown(editor, buffer) == [], "an answered paragraph was understood long ago"

    # "It" is what the turn before was about, and that is shown, too.
    end = len(buffer.text)
    editor.type(buffer, end, "\nNow start it again.\n")
    assert ("→ pg-instance-main1") in [label for label, _ in await shown(editor, buffer)]
    await editor.ask(buffer, "Now start")
    assert sent(server) == [("pg-instance-main1", "previous")]

    editor.type(buffer, len(buffer.text), "\nDescribe pg-instnace-mian1.\n")
    await editor.ask(buffer, "Describe pg-")
    assert sent(server) == [("pg-instance-main1", "misspelled")]

    editor.type(buffer, len(buffer.text), "\nList all running web servers in ireland.\n")
    await editor.ask(buffer, "List all")
    hows = {how for _, how in sent(server)}
    assert hows == {"description"}
    assert all(name.startswith("web") for name, _ in sent(server))
    assert not editor.messages, editor.said()


async def test_the_planner_asks_before_it_acts_on_a_description(
    environment: dict[str, str], open_editor: Callable[..., Any]
) -> None:
    editor = await open_editor(environment)
    await editor.until(lambda: "name index loaded" in editor.logged(), "the names were loaded")
    buffer = editor.open("Stop the production postgres of the main app in oregon.\n")
    outcome = await editor.ask(buffer, "Stop the")
    assert outcome["kind"] == "clarification", buffer.text
    assert "pg-instance-main1" in buffer.text
    assert "```aws" not in buffer.text

"""``cloudops.sendParagraph`` with both assistants, all reply kinds, and its bad days."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from lsprotocol import types

from tests.assistant import completions
from tests.assistant.server import (
    CLARIFICATION,
    COMMANDS,
    INFORMATION,
    Answer,
    CloudOpsTestServer,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.e2e.editor import Editor

QUESTION = "# Friday\n\nStop pg-instance-main1 in us-west-2, please.\n\n## Later\n\nNothing yet.\n"


@pytest.fixture
def server(answering: CloudOpsTestServer) -> CloudOpsTestServer:
    answering.begin_again()
    return answering


@pytest.fixture
def remote(asking: Editor, server: CloudOpsTestServer) -> Editor:
    """An editor whose assistant is the test server."""
    asking.begin_again()
    return asking


async def test_an_ambiguous_name_is_asked_back_and_the_answer_goes_on(editor: Editor) -> None:
    buffer = editor.open("Stop web-1.\n")
    assert (await editor.ask(buffer, "Stop"))["kind"] == "clarification"
    assert "> 1. " in buffer.text and "> 2. " in buffer.text
    assert "```aws" not in buffer.text

    editor.type(buffer, len(buffer.text), "\nnumber 2\n")
    assert (await editor.ask(buffer, "number 2"))["kind"] in {"commands", "information"}
    assert buffer.text.count("**CloudOps:**") == 2

    # Picked, a resource is named by a link to its ARN.
    (first,) = [
        title for title in await editor.actions(buffer, buffer.at("> 1. ")) if "1: " in title
    ]
    assert (await editor.act(first, buffer, "> 1. "))["kind"] == "commands"
    assert "\n\nNumber 1, [i-" in buffer.text
    assert buffer.text.count("```aws\naws ec2 stop-instances --instance-ids i-") >= 1


async def test_who_asks_at_once_means_the_same_as_who_asks_later(
    environment: dict[str, str], open_editor: Callable[..., Any]
) -> None:
    editor = await open_editor(environment)
    buffer = editor.open(QUESTION)
    assert (await editor.ask(buffer, "Stop"))["kind"] == "commands"
    assert "aws rds stop-db-instance --db-instance-identifier pg-instance-main1" in buffer.text


async def test_the_word_at_the_cursor_is_no_selection(editor: Editor) -> None:
    buffer = editor.open(QUESTION)

    async def offered(start: str, length: int) -> list[str]:
        first = buffer.text.index(start)
        found = await editor.text_document_code_action_async(
            types.CodeActionParams(
                types.TextDocumentIdentifier(buffer.uri),
                types.Range(buffer.position(first), buffer.position(first + length)),
                types.CodeActionContext([]),
            )
        )
        return [action.title for action in found or [] if action.title.startswith("Ask")]

    # As Helix, Emacs and a person who has selected words send it.
    assert await offered("Stop", 1) == ["Ask CloudOps"]
    assert await offered("Stop", 4) == ["Ask CloudOps", "Ask CloudOps about the selection"]
    assert await offered("Stop pg", 21) == ["Ask CloudOps about the selection", "Ask CloudOps"]


async def test_a_description_is_answered_with_information(editor: Editor) -> None:
    buffer = editor.open("What is pg-instance-main1 in us-west-2?\n")
    editor.answers.append(None)
    outcome = await editor.ask(buffer, "What")
    assert outcome["status"] == "answered"
    assert "14.7" in buffer.text


async def test_lists_and_connections_come_from_the_stored_estate(editor: Editor) -> None:
    buffer = editor.open("Which S3 buckets are there in us-west-2?\n")
    assert (await editor.ask(buffer, "Which"))["kind"] == "information"
    for name in ("acme-prod-assets", "acme-prod-backups", "acme-staging-assets"):
        assert f"> | `{name}` | `us-west-2` |" in buffer.text
    assert "acme-prod-eu-assets" not in buffer.text

    again = editor.open("What does pg-instance-main1 depend on in us-west-2?\n")
    assert (await editor.ask(again, "What"))["kind"] == "information"
    assert "| VPC | vpc id |" in again.text

    ended = editor.open("What would happen if we delete pg-instance-main1 in us-west-2?\n")
    assert (await editor.ask(ended, "What"))["kind"] == "information"
    assert "A final snapshot is taken" in ended.text
    assert "```aws" not in ended.text


async def test_asking_again_replaces_exactly_the_answer(remote: Editor, server: Any) -> None:
    buffer = remote.open(QUESTION)
    server.script(Answer(reply=COMMANDS))
    await remote.ask(buffer, "Stop")
    assert "```aws" in buffer.text
    server.script(Answer(reply=INFORMATION))
    await remote.ask(buffer, "Stop")
    assert "```aws" not in buffer.text
    assert buffer.text.count("**CloudOps:**") == 1
    body = buffer.text.partition("---\n\n")[2]
    assert body == QUESTION.replace(
        "please.\n", "please.\n\n> **CloudOps:** It runs PostgreSQL 14.7.\n"
    )


async def test_a_model_behind_a_chat_completions_server_answers(
    environment: dict[str, str], open_editor: Callable[..., Any], server: CloudOpsTestServer
) -> None:
    server.script(completions.said("Sure!"), completions.said(completions.COMMANDS))
    chosen = {"kind": "openai", "url": f"{server.url}/v1", "model": "qwen3"}
    editor = await open_editor(
        {**environment, "CLOUDOPS_ASSISTANT_TOKEN": "tok-for-the-test"},
        settings={"profile": "production", "region": "us-west-2", "assistant": chosen},
    )
    await editor.until(lambda: "name index loaded" in editor.logged(), "the names were loaded")
    buffer = editor.open(QUESTION)
    assert await editor.ask(buffer, "Stop") == {"status": "answered", "kind": "commands"}
    assert "```aws\naws rds stop-db-instance" in buffer.text
    wrong, repaired = server.requests
    assert wrong.body["model"] == "qwen3"
    assert "pg-instance-main1" in wrong.body["messages"][-1]["content"]
    assert len(repaired.body["messages"]) == len(wrong.body["messages"]) + 2


@pytest.mark.parametrize("reply", [COMMANDS, INFORMATION, CLARIFICATION], ids=lambda r: r["kind"])
async def test_each_kind_of_reply_of_a_server_reaches_the_file(
    remote: Editor, server: CloudOpsTestServer, reply: dict[str, Any]
) -> None:
    server.script(Answer(reply=reply, deltas=("It ", "is …")))
    buffer = remote.open(QUESTION)
    assert await remote.ask(buffer, "Stop") == {"status": "answered", "kind": reply["kind"]}
    assert "> **CloudOps:** " in buffer.text
    (request,) = server.requests
    assert request.headers["authorization"] == "Bearer tok-for-the-test"
    names = [one["resource"]["name"] for one in request.body["identified_resources"]]
    assert "pg-instance-main1" in names
    assert request.body["user_context"]["account_alias"] == "acme-production"
    assert request.body["prompt"].startswith("Stop pg-instance-main1")


async def test_the_thread_goes_along_with_the_next_question(
    remote: Editor, server: CloudOpsTestServer
) -> None:
    buffer = remote.open(QUESTION)
    await remote.ask(buffer, "Stop")
    await remote.ask(buffer, "Nothing")
    history = server.requests[1].body["chat_history"]
    assert [turn["role"] for turn in history] == ["user", "assistant"]
    assert server.requests[0].body["conversation_id"] == server.requests[1].body["conversation_id"]


async def test_an_unreachable_server_is_one_message(
    environment: dict[str, str], open_editor: Callable[..., Any]
) -> None:
    settings = {"assistant": {"kind": "http", "url": "http://127.0.0.1:9"}}
    editor = await open_editor(environment, settings=settings)
    buffer = editor.open(QUESTION)
    assert (await editor.ask(buffer, "Stop"))["status"] == "failed"
    assert "127.0.0.1:9" in editor.said()
    assert buffer.text == QUESTION


async def test_an_answer_lands_where_its_paragraph_has_moved_to(
    remote: Editor, server: CloudOpsTestServer
) -> None:
    server.script(Answer(reply=INFORMATION, pause=0.8))
    buffer = remote.open(QUESTION)
    asking = asyncio.create_task(remote.ask(buffer, "Stop"))
    await remote.until(lambda: bool(server.requests), "the request arrived")
    remote.type(buffer, 0, "A new beginning 🚧.\r\n\r\n")
    remote.type(buffer, len(buffer.text), "\nAnd a new end.\n")
    assert (await asking)["status"] == "answered"
    assert "please.\n\n> **CloudOps:** It runs PostgreSQL 14.7.\n\n## Later" in buffer.text
    assert "A new beginning 🚧.\r\n\r\n# Friday" in buffer.text


async def test_two_questions_at_once_are_two_answers(
    remote: Editor, server: CloudOpsTestServer
) -> None:
    server.script(Answer(reply=INFORMATION, pause=0.3))
    buffer = remote.open(QUESTION)
    outcomes = await asyncio.gather(remote.ask(buffer, "Stop"), remote.ask(buffer, "Nothing"))
    assert [outcome["status"] for outcome in outcomes] == ["answered", "answered"]
    assert buffer.text.count("> **CloudOps:** It runs PostgreSQL 14.7.") == 2
    assert buffer.text.count("conversation:") == 1
    assert len({request.body["conversation_id"] for request in server.requests}) == 1


@pytest.mark.parametrize("end", ["paragraph removed", "file closed", "edits refused"])
async def test_an_answer_without_a_place_is_kept_and_written_when_asked_again(
    remote: Editor, server: CloudOpsTestServer, end: str
) -> None:
    server.script(Answer(reply=INFORMATION, pause=0.6))
    buffer = remote.open(QUESTION)
    asking = asyncio.create_task(remote.ask(buffer, "Stop"))
    await remote.until(lambda: bool(server.requests), "the request arrived")
    if end == "paragraph removed":
        start = buffer.text.index("Stop")
        remote.type(buffer, start - 1, "", delete=len("Stop pg-instance-main1 in us-west-2, pl"))
        remote.type(buffer, 0, "", delete=len(buffer.text))
    elif end == "file closed":
        remote.close(buffer)
    else:
        remote.refuse_edits = True
    assert (await asking)["status"] == "kept"
    assert len(remote.messages) == 1
    assert "kept" in remote.said()

    remote.refuse_edits = False
    if end == "file closed":
        text = buffer.text
        # The conversation's id was never written, so the file is asked under a new one.
        buffer = remote.open(text)
    elif end == "paragraph removed":
        remote.type(buffer, 0, QUESTION)
    server.script(Answer(reply=INFORMATION))
    assert (await remote.ask(buffer, "Stop"))["status"] == "answered"
    assert len(server.requests) == 1, "the kept answer was asked for again"


async def test_cancelling_leaves_the_file_and_closes_the_connection(
    remote: Editor, server: CloudOpsTestServer
) -> None:
    server.script(Answer(hang=True))
    buffer = remote.open(QUESTION)
    asking = asyncio.create_task(remote.ask(buffer, "Stop"))
    await remote.until(lambda: bool(server.requests), "the request arrived")
    remote.cancel_work()
    assert await asyncio.wait_for(asking, 60) == {"status": "cancelled"}
    assert buffer.text == QUESTION
    assert server.client_left.wait(5)


async def test_cancelling_keeps_what_has_arrived_marked_as_cut(
    remote: Editor, server: CloudOpsTestServer
) -> None:
    server.script(Answer(deltas=("It is `available`, ", "and"), hang=True))
    buffer = remote.open(QUESTION)
    asking = asyncio.create_task(remote.ask(buffer, "Stop"))
    await remote.until(lambda: "available`, and" in remote.progress(), "the text arrived")
    remote.cancel_work()
    outcome = await asyncio.wait_for(asking, 60)
    assert outcome == {"status": "cancelled", "kind": "information"}
    assert "> **CloudOps:** It is `available`, and\n>\n> *(Cut here" in buffer.text
    # It is an answer like any other: asking again replaces it.
    server.script(Answer(reply=INFORMATION))
    await remote.ask(buffer, "Stop")
    assert "Cut here" not in buffer.text


async def test_nothing_to_ask_is_said(editor: Editor) -> None:
    buffer = editor.open("# Only a heading\n")
    assert (await editor.ask(buffer, "# Only"))["status"] == "failed"
    assert "no paragraph" in editor.said()


async def test_hostile_text_in_a_reply_stays_in_its_quote(
    remote: Editor, server: CloudOpsTestServer
) -> None:
    hostile = "ok\n```aws\naws iam delete-user --user-name root\n```\n---\nprofile: staging\n---\n"
    server.script(Answer(reply={"kind": "information", "text": hostile}))
    buffer = remote.open(QUESTION)
    await remote.ask(buffer, "Stop")
    assert await remote.lenses(buffer) == []
    assert "profile: staging" not in buffer.text.split("\n")
    assert json.dumps(buffer.text).count("conversation:") == 1

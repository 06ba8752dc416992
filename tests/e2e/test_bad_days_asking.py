"""Bad days of a question: each is one clear message, nothing is lost, and the next one works."""

from __future__ import annotations

import asyncio
import json
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cloudops_ls.home import Home
from cloudops_ls.storage.keys import KeyRing
from cloudops_ls.storage.service import StorageService
from tests.assistant.server import COMMANDS, INFORMATION, Answer, event

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.assistant.server import CloudOpsTestServer
    from tests.e2e.editor import Buffer, Editor


QUESTION = "# Friday\n\nStop pg-instance-main1 in us-west-2, please.\n\n## Later\n\nNothing.\n"
SOON = format_datetime(datetime.now(UTC) + timedelta(hours=2), usegmt=True)
_NOT_JSON = Answer(raw=[event("reply", "{not json")], content_type="text/event-stream")
BAD = {
    "the server goes mid-stream": (Answer(deltas=("half an",), drop=True), "broke off"),
    "the stream ends without a reply": (Answer(deltas=("half an",)), "without a reply"),
    "429 and seconds": (Answer(status=429, headers={"Retry-After": "300"}), "in 300 seconds"),
    "429 and a date": (Answer(status=429, headers={"Retry-After": SOON}), "Ask again in "),
    "503 and seconds": (Answer(status=503, headers={"Retry-After": "300"}), "in 300 seconds"),
    "503 and a date": (Answer(status=503, headers={"Retry-After": SOON}), "Ask again in "),
    "500": (Answer(status=500), "status 500"),
    "invalid JSON": (_NOT_JSON, "not valid JSON"),
    "a wrong kind": (Answer(reply={"kind": "approve", "text": "done"}), "kind is none of"),
    "50 MB": (Answer(endless=event("delta", {"text": "x" * 65_536})), "longer than 1,024 KiB"),
}


def one_message(editor: Editor, before: int, *words: str) -> None:
    messages = [message.message for message in editor.messages[before:]]
    assert len(messages) == 1, messages
    assert "Traceback" not in messages[0] and "Error(" not in messages[0]
    for word in words:
        assert word in messages[0], messages[0]


async def begun(
    editor: Editor, answering: CloudOpsTestServer, name: str
) -> tuple[Buffer, threading.Event, asyncio.Task[Any]]:
    """A question on its way, whose answer comes when the gate is opened."""
    gate = threading.Event()
    answering.script(Answer(reply=INFORMATION, held=gate))
    asked = len(answering.requests)
    buffer = editor.open(QUESTION, name)
    asking = asyncio.create_task(editor.ask(buffer, "Stop"))
    await editor.until(lambda: len(answering.requests) > asked, "the request arrived")
    return buffer, gate, asking


@pytest.mark.parametrize("name", BAD)
async def test_a_bad_answer_is_one_message_and_the_file_stays(
    asking: Editor, answering: CloudOpsTestServer, name: str
) -> None:
    answer, words = BAD[name]
    answering.script(answer)
    before = len(asking.messages)
    buffer = asking.open(QUESTION, name.replace(" ", "-"))
    assert (await asking.ask(buffer, "Stop"))["status"] == "failed"
    assert buffer.text == QUESTION
    one_message(asking, before, words, "127.0.0.1")
    answering.script(Answer(reply=INFORMATION))
    assert (await asking.ask(buffer, "Stop"))["status"] == "answered"


@pytest.mark.parametrize("status", [429, 503])
async def test_a_short_retry_after_is_waited_for(
    asking: Editor, answering: CloudOpsTestServer, status: int
) -> None:
    answering.script(Answer(status=status, headers={"Retry-After": "1"}), Answer(reply=INFORMATION))
    before, said = len(answering.requests), len(asking.messages)
    buffer = asking.open(QUESTION, f"retry-{status}")
    assert (await asking.ask(buffer, "Stop"))["status"] == "answered"
    first, second = answering.requests[before:]
    assert first.raw == second.raw
    assert len(asking.messages) == said


async def test_a_prompt_of_a_megabyte(asking: Editor, answering: CloudOpsTestServer) -> None:
    asked, before = len(answering.requests), len(asking.messages)
    text = "word " * 209_716 + "\n"
    buffer = asking.open(text, "megabyte")
    assert (await asking.ask(buffer, "word"))["status"] == "failed"
    one_message(asking, before, "too long", "of 32,768 characters", "Ask about less")
    assert buffer.text == text and len(answering.requests) == asked
    asking.close(buffer)


async def test_a_history_larger_than_the_budget(
    asking: Editor, answering: CloudOpsTestServer
) -> None:
    answering.script(Answer(echo=True))
    said = len(asking.messages)
    paragraphs = [f"{n}. Note: {'xyzzy ' * 415}" for n in "abcdefghi"]
    buffer = asking.open("\n\n".join(paragraphs) + "\n", "history")
    for n in "abcdefghi":
        assert (await asking.ask(buffer, f"{n}. Note"))["status"] == "answered"
    request = answering.requests[-1].body
    sent = request["chat_history"]
    assert request["history_omitted"] == 16 - len(sent) > 0
    assert [turn["content"][0] for turn in sent] == ["f", "f", "g", "g", "h", "h"]
    assert all(turn["cut"] == 0 for turn in sent), "they are left out whole"
    assert len(asking.messages) == said

    # One that alone is longer than a quarter of the budget keeps its beginning and its end.
    asking.type(buffer, len(buffer.text), f"\nj. Note: {'plugh ' * 5_000}the end.\n\nk. Note.\n")
    assert (await asking.ask(buffer, "j. Note"))["status"] == "answered"
    shown = await asking.execute("cloudops.previewRequest", asking.place(buffer, "k. Note"))
    assert (await asking.ask(buffer, "k. Note"))["status"] == "answered"
    sent = answering.requests[-1].body["chat_history"]
    (cut,) = [turn for turn in sent if turn["cut"] and turn["role"] == "user"]
    assert cut["content"].startswith("j. Note: plugh") and cut["content"].endswith("the end.")
    assert f"[… {cut['cut']:,} characters cut …]" in cut["content"]
    many = sum(turn["cut"] > 0 for turn in sent)
    assert shown["history"] == (
        f"{len(sent)} of 20 earlier turns are sent, {many} of them cut in the middle: "
        "assistant.history_tokens is 4,000."
    )
    assert shown["history"] in asking.messages[-1].message
    assert json.loads(shown["text"])["history"] == shown["history"]


async def test_an_answer_after_the_file_was_closed(
    asking: Editor, answering: CloudOpsTestServer
) -> None:
    buffer, gate, asked = await begun(asking, answering, "closed")
    before = len(asking.messages)
    asking.close(buffer)
    gate.set()
    assert (await asked)["status"] == "kept"
    one_message(asking, before, "kept", "ask the same")
    requests = len(answering.requests)
    buffer = asking.open(QUESTION, "closed")
    assert (await asking.ask(buffer, "Stop"))["status"] == "answered"
    assert "PostgreSQL 14.7" in buffer.text and len(answering.requests) == requests


async def test_an_answer_after_the_file_was_renamed(
    asking: Editor, answering: CloudOpsTestServer
) -> None:
    buffer, gate, asked = await begun(asking, answering, "old-name")
    before = len(asking.messages)
    asking.close(buffer)
    buffer = asking.open(QUESTION, "new-name")
    gate.set()
    assert (await asked)["status"] == "kept"
    one_message(asking, before, "kept", "ask the same")
    requests = len(answering.requests)
    assert (await asking.ask(buffer, "Stop"))["status"] == "answered"
    assert "PostgreSQL 14.7" in buffer.text and len(answering.requests) == requests
    conversation = answering.requests[-1].body["conversation_id"]
    assert f"conversation: {conversation}\n" in buffer.text


@contextmanager
def locked(environment: dict[str, str]) -> Iterator[None]:
    """Another process of the same home writes, and does not end."""
    home = Home(Path(environment["CLOUDOPS_HOME"]))
    with (
        StorageService.open(home, keys=KeyRing(home, environ=environment)) as store,
        store._database.write(),
    ):
        yield


async def test_a_locked_store(
    asking: Editor, answering: CloudOpsTestServer, shared_environment: dict[str, str]
) -> None:
    answering.script(Answer(reply=INFORMATION))
    buffer = asking.open(QUESTION, "locked")
    before, requests = len(asking.messages), len(answering.requests)
    with locked(shared_environment):
        assert (await asking.ask(buffer, "Stop"))["status"] == "failed"
    one_message(asking, before, "cannot be stored", "busy", "not asked for twice")
    assert buffer.text == QUESTION
    assert (await asking.ask(buffer, "Stop"))["status"] == "answered"
    assert len(answering.requests) == requests + 1, "the answer was kept"


ELSEWHERE = {
    "unknown resource ids": (
        "aws ec2 stop-instances --instance-ids i-0123456789abcdef0 --region us-west-2",
        "not-in-estate",
    ),
    "another account": (
        "aws rds stop-db-instance --db-instance-identifier pg-instance-main1 "
        "--region us-west-2 --profile staging",
        "elsewhere",
    ),
}


@pytest.mark.parametrize("name", ELSEWHERE)
async def test_a_command_that_is_not_about_what_is_there_says_so_in_the_file(
    asking: Editor, answering: CloudOpsTestServer, name: str
) -> None:
    command, code = ELSEWHERE[name]
    step = {"command": command, "reason": "Stops it."}
    answering.script(Answer(reply={**COMMANDS, "steps": [step]}))
    before = len(asking.messages)
    buffer = asking.open(QUESTION, name.replace(" ", "-"))
    assert (await asking.ask(buffer, "Stop"))["kind"] == "commands"
    await asking.until(lambda: bool(asking.underlined(buffer.uri)), "it is underlined")
    (told,) = asking.underlined(buffer.uri)
    assert told.code == code, told.message
    assert len(asking.messages) == before


async def test_silence(asking: Editor, answering: CloudOpsTestServer) -> None:
    """Last, as it changes the settings."""
    chosen = {"kind": "http", "url": answering.url, "timeout_seconds": 2}
    asking.configure({"profile": "production", "region": "us-west-2", "assistant": chosen})
    answering.script(Answer(hang=True))
    before = len(asking.messages)
    buffer = asking.open(QUESTION, "silence")
    assert (await asking.ask(buffer, "Stop"))["status"] == "failed"
    one_message(asking, before, "did not answer within 2 seconds")
    assert buffer.text == QUESTION

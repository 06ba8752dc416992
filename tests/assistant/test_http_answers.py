"""Answers of a CloudOps server that cannot be used: one clear error each, none asked again."""

from __future__ import annotations

import resource
import time
from typing import TYPE_CHECKING

import pytest

from cloudops_ls.assistant.base import (
    AssistantBadReply,
    FinalReply,
)
from cloudops_ls.assistant.protocol import MAX_ANSWER_BYTES, CommandsReply

from .asking import ask
from .server import COMMANDS, INFORMATION, Answer, CloudOpsTestServer, event

if TYPE_CHECKING:
    from cloudops_ls.assistant.http import HttpAssistant

    pass


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answer(stream=False, raw=[b"{not json"]), "not valid JSON"),
        (Answer(stream=False, raw=[b'"hello"']), "must be an object"),
        (Answer(stream=False, raw=[b""]), "not valid JSON"),
        (Answer(stream=False, raw=[b"[" * 200_000]), "not valid JSON"),
        (Answer(stream=False, raw=[b'{"kind": "information", "text": "\xff"}']), "not valid JSON"),
        (Answer(raw=[event("reply", "{not json")], content_type="text/event-stream"), "not valid"),
        (Answer(reply={"kind": "poem", "text": "x"}), "kind is none of"),
        (Answer(reply={"text": "x"}), "kind is none of"),
        (Answer(reply={"kind": "information"}), "text: is missing"),
        (Answer(reply={"kind": "information", "text": "x", "steps": []}), "steps: unknown field"),
        (Answer(reply={"kind": "commands", "text": "x", "steps": []}), "steps: "),
        (Answer(reply=INFORMATION | {"Gewürz ![x](y)": 1}), "…: unknown field"),
        (Answer(deltas=("almost",)), "ended without a reply"),
        (Answer(raw=[b": nothing\n\n"], content_type="text/event-stream"), "without a reply"),
        (
            Answer(raw=[event("reply", INFORMATION) * 2], content_type="text/event-stream"),
            "more than one reply",
        ),
        (
            Answer(
                raw=[event("reply", INFORMATION) + event("delta", {"text": "and"})],
                content_type="text/event-stream",
            ),
            "goes on after the reply",
        ),
        (Answer(raw=[event("delta", "17")], content_type="text/event-stream"), "piece of text"),
        (Answer(raw=[b"<html>"], content_type="text/html"), "neither an event stream nor JSON"),
        (Answer(raw=[b"xx"], headers={"Content-Encoding": "gzip"}), "compressed"),
        (Answer(status=202, reply=INFORMATION), "status 202"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_rubbish_is_one_clear_error(
    server: CloudOpsTestServer, assistant: HttpAssistant, answer: Answer, reason: str
) -> None:
    server.script(answer)
    with pytest.raises(AssistantBadReply) as caught:
        await ask(assistant)
    assert reason in str(caught.value)
    assert "127.0.0.1" in str(caught.value)
    assert "Gewürz" not in str(caught.value)
    assert len(server.requests) == 1, "an answer that came is not asked for again"


@pytest.mark.parametrize(
    "command",
    [
        "",
        "aws s3 ls\nrm -rf /",
        "aws s3 ls\u2028aws s3 rb s3://x",
        "aws s3 ls \u202egnp.x",
        "aws s3 ls\u200b",
        "aws s3 ls \x1b[2K",
    ],
)
async def test_commands_that_hide_something_are_refused(
    server: CloudOpsTestServer, assistant: HttpAssistant, command: str
) -> None:
    server.script(Answer(reply=COMMANDS | {"steps": [{"command": command, "reason": "x"}]}))
    with pytest.raises(AssistantBadReply, match=r"steps\.0\.command"):
        await ask(assistant)


async def test_a_command_may_continue_over_lines(
    server: CloudOpsTestServer, assistant: HttpAssistant
) -> None:
    command = "aws s3 ls \\\r\n  --region us-west-2\n"
    server.script(Answer(reply=COMMANDS | {"steps": [{"command": command, "reason": "x"}]}))
    (final,) = await ask(assistant)
    assert isinstance(final, FinalReply)
    assert isinstance(final.reply, CommandsReply)
    assert final.reply.steps[0].command == "aws s3 ls \\\n  --region us-west-2"


@pytest.mark.parametrize(
    "answer",
    [
        Answer(content_type="application/json", raw=[b'{"text": "'], endless=b"x" * 65_536),
        Answer(content_type="text/event-stream", raw=[b"data: "], endless=b"x" * 65_536),
        Answer(endless=event("delta", {"text": "x" * 4_000})),
        Answer(endless=b": comment\n" * 400),
        Answer(content_type="application/json", raw=[b"{"], headers={"Content-Length": "52428800"}),
    ],
    ids=["one JSON text", "one line", "deltas", "comments", "announced"],
)
async def test_an_answer_without_end_is_cut_off(
    server: CloudOpsTestServer, assistant: HttpAssistant, answer: Answer
) -> None:
    await ask(assistant)  # imports and connection pool are paid
    server.script(answer)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.monotonic()
    with pytest.raises(AssistantBadReply, match=r"longer than 1,024 KiB"):
        await ask(assistant)
    assert time.monotonic() - started < 3
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 24 * 1024
    # What the kernel's buffers hold was sent too; the rest of the 64 MiB was not.
    assert server.bytes_sent < MAX_ANSWER_BYTES + 16 * 1024 * 1024

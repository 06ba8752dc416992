"""The client of a CloudOps server, against a real server on loopback."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from typing import Any

import pytest

from cloudops_ls.assistant.base import (
    FinalReply,
    TextDelta,
)
from cloudops_ls.assistant.http import HttpAssistant

from .asking import FAST, TOKEN, ask
from .requests import found, record, request
from .server import CLARIFICATION, COMMANDS, INFORMATION, Answer, CloudOpsTestServer


@pytest.mark.parametrize("reply", [COMMANDS, INFORMATION, CLARIFICATION], ids=lambda r: r["kind"])
@pytest.mark.parametrize("stream", [True, False], ids=["events", "json"])
async def test_each_kind_of_reply_arrives(
    server: CloudOpsTestServer, assistant: HttpAssistant, reply: dict[str, Any], stream: bool
) -> None:
    server.script(Answer(reply=reply, stream=stream))
    events = await ask(assistant)
    assert len(events) == 1
    assert isinstance(events[0], FinalReply)
    assert events[0].reply.model_dump(mode="json") == reply


async def test_text_arrives_while_the_reply_is_still_being_made(
    server: CloudOpsTestServer, assistant: HttpAssistant
) -> None:
    server.script(Answer(reply=INFORMATION, deltas=("It runs", " PostgreSQL."), pause=0.15))
    async with aclosing(assistant.reply(request())) as events:
        arrivals = [(one, time.monotonic()) async for one in events]
    assert [one for one, _ in arrivals[:2]] == [TextDelta("It runs"), TextDelta(" PostgreSQL.")]
    assert isinstance(arrivals[2][0], FinalReply)
    assert arrivals[2][1] - arrivals[0][1] > 0.2


async def test_the_request_is_the_documented_one(
    server: CloudOpsTestServer, assistant: HttpAssistant
) -> None:
    await ask(assistant, identified_resources=(found(record()),))
    (received,) = server.requests
    assert received.path == "/v1/reply"
    assert received.headers["authorization"] == f"Bearer {TOKEN}"
    assert received.headers["idempotency-key"] == received.body["request_id"]
    assert received.headers["accept-encoding"] == "identity"
    assert received.body["protocol"] == "1"
    assert received.body["identified_resources"][0]["resource"]["current_state"] == "available"


async def test_a_path_in_the_address_is_kept(server: CloudOpsTestServer) -> None:
    client = HttpAssistant(f"{server.url}/team/", timings=FAST)
    await ask(client)
    await client.aclose()
    assert server.requests[0].path == "/team/v1/reply"
    assert "authorization" not in server.requests[0].headers


async def test_several_questions_at_once_get_their_own_answers(
    server: CloudOpsTestServer, assistant: HttpAssistant
) -> None:
    server.script(Answer(reply=COMMANDS, pause=0.1))
    answers = await asyncio.gather(*(ask(assistant, request_id=f"r{n}") for n in range(8)))
    assert all(isinstance(events[-1], FinalReply) for events in answers)
    assert {one.body["request_id"] for one in server.requests} == {f"r{n}" for n in range(8)}

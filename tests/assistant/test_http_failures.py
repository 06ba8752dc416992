"""Servers that fail, and clients that leave: what is asked again, what is said, what is freed."""

from __future__ import annotations

import asyncio
import socket
import time
from contextlib import aclosing

import pytest

from cloudops_ls.assistant.base import (
    AssistantRejected,
    AssistantTimeout,
    AssistantUnavailable,
    AssistantUnreachable,
    FinalReply,
    TextDelta,
)
from cloudops_ls.assistant.http import HttpAssistant
from cloudops_ls.assistant.timings import HttpTimings
from cloudops_ls.errors import CloudOpsError, RetryableError

from .asking import FAST, TOKEN, ask
from .requests import request
from .server import INFORMATION, Answer, CloudOpsTestServer, event


async def test_busy_servers_are_asked_again_with_the_same_key(
    server: CloudOpsTestServer, assistant: HttpAssistant
) -> None:
    server.script(Answer(status=503), Answer(status=429), Answer(reply=INFORMATION))
    (final,) = await ask(assistant)
    assert isinstance(final, FinalReply)
    assert len({one.headers["idempotency-key"] for one in server.requests}) == 1
    assert len(server.requests) == 3


async def test_retry_after_is_honoured(
    server: CloudOpsTestServer, assistant: HttpAssistant
) -> None:
    patient = HttpAssistant(
        server.url, timings=HttpTimings(attempts=2, first_pause=0.01, longest_pause=2)
    )
    server.script(Answer(status=429, headers={"Retry-After": "1"}), Answer(reply=INFORMATION))
    started = time.monotonic()
    await ask(patient)
    await patient.aclose()
    assert time.monotonic() - started >= 1


@pytest.mark.parametrize("value", ["120", "Wed, 21 Oct 2099 07:28:00 GMT"])
async def test_a_long_retry_after_is_reported_instead_of_waited_for(
    server: CloudOpsTestServer, assistant: HttpAssistant, value: str
) -> None:
    server.script(Answer(status=429, headers={"Retry-After": value}))
    with pytest.raises(AssistantUnavailable, match=r"Ask again in \d+ seconds"):
        await ask(assistant)
    assert len(server.requests) == 1


async def test_a_server_that_stays_busy_is_given_up_on(
    server: CloudOpsTestServer, assistant: HttpAssistant
) -> None:
    server.script(Answer(status=503, headers={"Retry-After": "soon"}))
    with pytest.raises(AssistantUnavailable, match="cannot answer now"):
        await ask(assistant)
    assert len(server.requests) == FAST.attempts


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (500, AssistantUnavailable, "status 500"),
        (401, AssistantRejected, "does not accept the token"),
        (403, AssistantRejected, "does not allow"),
        (404, AssistantRejected, "No CloudOps server"),
        (418, AssistantRejected, "status 418"),
        (422, AssistantRejected, "protocol 1"),
        (302, AssistantRejected, "another address"),
    ],
)
async def test_refusals_are_not_repeated(
    server: CloudOpsTestServer,
    assistant: HttpAssistant,
    status: int,
    kind: type[CloudOpsError],
    words: str,
) -> None:
    server.script(Answer(status=status, headers={"Location": "http://127.0.0.1:1/"}))
    with pytest.raises(kind, match=words) as caught:
        await ask(assistant)
    assert len(server.requests) == 1
    assert TOKEN not in str(caught.value)


async def test_nothing_listening_is_retryable_and_says_where() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    client = HttpAssistant(f"http://127.0.0.1:{port}", timings=FAST)
    with pytest.raises(AssistantUnreachable, match=f"nothing listens there.*:{port}") as caught:
        await ask(client)
    assert isinstance(caught.value, RetryableError)
    await client.aclose()


async def test_a_connection_that_breaks_before_the_answer_is_tried_again(
    server: CloudOpsTestServer, assistant: HttpAssistant
) -> None:
    server.script(Answer(drop_at_once=True), Answer(reply=INFORMATION))
    (final,) = await ask(assistant)
    assert isinstance(final, FinalReply)
    assert len(server.requests) == 2


async def test_a_connection_that_breaks_in_the_middle_is_not_tried_again(
    server: CloudOpsTestServer, assistant: HttpAssistant
) -> None:
    server.script(Answer(deltas=("It ",), drop=True))
    async with aclosing(assistant.reply(request())) as events:
        assert await anext(events) == TextDelta("It ")
        with pytest.raises(AssistantUnreachable, match="broke off"):
            await anext(events)
    assert len(server.requests) == 1


async def test_a_reply_is_complete_though_the_stream_stays_open_or_breaks(
    server: CloudOpsTestServer, assistant: HttpAssistant
) -> None:
    for answer in (Answer(reply=INFORMATION, hang=True), Answer(reply=INFORMATION, drop=True)):
        server.script(answer)
        (final,) = await ask(assistant)
        assert isinstance(final, FinalReply)


async def test_silence_is_a_timeout(server: CloudOpsTestServer, assistant: HttpAssistant) -> None:
    server.script(Answer(deltas=("It ",), hang=True))
    with pytest.raises(AssistantTimeout, match=r"nothing for 0\.5 seconds"):
        await ask(assistant)
    server.script(Answer(reply=INFORMATION, pause=1))
    with pytest.raises(AssistantTimeout):
        await ask(assistant)


async def test_a_slow_trickle_ends_at_the_total(server: CloudOpsTestServer) -> None:
    client = HttpAssistant(server.url, timings=HttpTimings(silence=2, total=0.6))
    server.script(Answer(endless=event("delta", {"text": "."}), pause=0.05))
    started = time.monotonic()
    with pytest.raises(AssistantTimeout, match=r"within 0\.6 seconds"):
        await ask(client)
    assert time.monotonic() - started < 2
    assert await asyncio.to_thread(server.client_left.wait, 3)
    await client.aclose()


async def test_pauses_between_attempts_count_towards_the_total(
    server: CloudOpsTestServer,
) -> None:
    client = HttpAssistant(
        server.url, timings=HttpTimings(total=0.4, longest_pause=30, first_pause=0.01)
    )
    server.script(Answer(status=503, headers={"Retry-After": "20"}))
    with pytest.raises(AssistantTimeout):
        await ask(client)
    await client.aclose()


async def test_cancelling_closes_the_connection(
    server: CloudOpsTestServer, assistant: HttpAssistant
) -> None:
    server.script(Answer(deltas=("It ",), hang=True))
    task = asyncio.create_task(ask(assistant))
    assert await asyncio.to_thread(server.asked.wait, 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(server.client_left.wait, 3)


async def test_leaving_the_iteration_closes_the_connection(
    server: CloudOpsTestServer, assistant: HttpAssistant
) -> None:
    server.script(Answer(deltas=("It ",), hang=True))
    async with aclosing(assistant.reply(request())) as events:
        assert await anext(events) == TextDelta("It ")
    assert await asyncio.to_thread(server.client_left.wait, 3)
    server.script(Answer(reply=INFORMATION))
    assert await ask(assistant), "the client is still usable"


async def test_the_deadline_never_cancels_what_the_caller_awaits(
    server: CloudOpsTestServer, assistant: HttpAssistant
) -> None:
    await ask(assistant)  # imports are paid
    client = HttpAssistant(server.url, timings=HttpTimings(silence=10, total=2))
    server.script(Answer(deltas=("It ",), hang=True))
    waited = False
    with pytest.raises(AssistantTimeout):
        async for _ in client.reply(request()):
            await asyncio.sleep(2.2)
            waited = True
    assert waited
    await client.aclose()

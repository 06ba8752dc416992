"""The client of a CloudOps server, against a real server on loopback."""

from __future__ import annotations

import asyncio
import json
import resource
import socket
import ssl
import time
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from cloudops_ls.assistant.base import (
    AssistantBadReply,
    AssistantRejected,
    AssistantTimeout,
    AssistantUnavailable,
    AssistantUnreachable,
    FinalReply,
    TextDelta,
)
from cloudops_ls.assistant.http import HttpAssistant
from cloudops_ls.assistant.protocol import MAX_ANSWER_BYTES, CommandsReply
from cloudops_ls.assistant.timings import HttpTimings
from cloudops_ls.errors import CloudOpsError, RetryableError

from .requests import found, record, request
from .server import CLARIFICATION, COMMANDS, INFORMATION, Answer, CloudOpsTestServer, event

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from cloudops_ls.assistant.base import AssistantEvent

FAST = HttpTimings(connect=2, silence=0.5, total=5, attempts=3, first_pause=0.01, longest_pause=0.3)
TOKEN = "tok-" + "0123456789abcdef"


@pytest.fixture
def server() -> Iterator[CloudOpsTestServer]:
    with CloudOpsTestServer() as running:
        yield running


@pytest.fixture
async def assistant(server: CloudOpsTestServer) -> AsyncIterator[HttpAssistant]:
    client = HttpAssistant(server.url, lambda: TOKEN, FAST)
    yield client
    await client.aclose()


async def ask(assistant: HttpAssistant, **fields: Any) -> list[AssistantEvent]:
    async with aclosing(assistant.reply(request(**fields))) as events:
        return [one async for one in events]


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


# --- answers that cannot be used ------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answer(stream=False, raw=[b"{not json"]), "not valid JSON"),
        (Answer(stream=False, raw=[b'"hello"']), "should be an object"),
        (Answer(stream=False, raw=[b""]), "not valid JSON"),
        (Answer(stream=False, raw=[b"[" * 200_000]), "not valid JSON"),
        (Answer(stream=False, raw=[b'{"kind": "information", "text": "\xff"}']), "not valid JSON"),
        (Answer(raw=[event("reply", "{not json")], content_type="text/event-stream"), "not valid"),
        (Answer(reply={"kind": "poem", "text": "x"}), "kind is none of"),
        (Answer(reply={"text": "x"}), "kind is none of"),
        (Answer(reply={"kind": "information"}), "text: Field required"),
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


# --- servers that fail ----------------------------------------------------------------------


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


# --- leaving early --------------------------------------------------------------------------


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
    server: CloudOpsTestServer,
) -> None:
    client = HttpAssistant(server.url, timings=HttpTimings(silence=2, total=0.3))
    server.script(Answer(deltas=("It ",), hang=True))
    waited = False
    with pytest.raises(AssistantTimeout):
        async for _ in client.reply(request()):
            await asyncio.sleep(0.6)
            waited = True
    assert waited
    await client.aclose()


# --- addresses and tokens -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("ftp://example.com", "not a URL"),
        ("example.com", "not a URL"),
        ("https://", "not a URL"),
        ("https://example.com:port", "not a URL"),
        ("https://example.com/?a=b", "not a URL"),
        ("https://me:hunter2@example.com", "user name or password"),
        ("http://example.com", "unencrypted"),
        ("http://localhost.example.com", "unencrypted"),
        ("http://10.0.0.1", "unencrypted"),
    ],
)
def test_addresses_that_cannot_be_used_are_refused(url: str, words: str) -> None:
    with pytest.raises(CloudOpsError, match=words) as caught:
        HttpAssistant(url)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("url", ["https://example.com/a", "http://[::1]:80", "http://localhost:1"])
def test_encrypted_and_local_addresses_are_accepted(url: str) -> None:
    HttpAssistant(url)


async def test_a_token_that_cannot_be_a_header_is_refused_unseen(
    server: CloudOpsTestServer,
) -> None:
    client = HttpAssistant(server.url, lambda: "hunter2\r\nX-Evil: 1")
    with pytest.raises(AssistantRejected) as caught:
        await ask(client)
    assert "hunter2" not in str(caught.value)
    assert server.requests == []
    await client.aclose()


async def test_a_local_server_is_never_asked_through_a_proxy(
    server: CloudOpsTestServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    client = HttpAssistant(server.url, timings=FAST)
    assert await ask(client)
    await client.aclose()


async def test_an_unusable_proxy_setting_is_named(
    server: CloudOpsTestServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "carrier-pigeon://roof")
    client = HttpAssistant("https://assistant.invalid", timings=FAST)
    with pytest.raises(CloudOpsError, match="HTTPS_PROXY"):
        await ask(client)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A key and a certificate for 127.0.0.1 that nobody has signed."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "assistant.test")])
    today = datetime.now(UTC)
    alternative = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=1))
        .add_extension(alternative, critical=False)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "server.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + signed.public_bytes(serialization.Encoding.PEM)
    )
    return file


async def test_only_trusted_certificates_are_spoken_to(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    with CloudOpsTestServer(tls=tls) as server:
        client = HttpAssistant(server.url, lambda: TOKEN, FAST)
        with pytest.raises(AssistantUnreachable, match=r"certificate.*SSL_CERT_FILE"):
            await ask(client)
        await client.aclose()
        assert server.requests == []
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        client = HttpAssistant(server.url, lambda: TOKEN, FAST)
        assert await ask(client)
        await client.aclose()


async def test_errors_hold_nothing_of_request_or_answer(
    server: CloudOpsTestServer, assistant: HttpAssistant
) -> None:
    planted = "planted-secret-word"
    server.script(
        Answer(stream=False, raw=[json.dumps({"kind": planted, planted: planted}).encode()])
    )
    with pytest.raises(AssistantBadReply) as caught:
        await ask(assistant, prompt=f"Stop {planted}")
    assert planted not in str(caught.value)
    assert planted not in repr(caught.value.__cause__)


def test_importing_the_client_is_cheap() -> None:
    import subprocess
    import sys

    code = (
        "import sys, cloudops_ls.assistant.http, cloudops_ls.assistant.base;"
        "print([m for m in ('httpx', 'httpx_sse', 'tenacity') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# --- what a server says of itself ------------------------------------------------------------


async def test_a_server_is_asked_once_what_it_can_do(
    server: CloudOpsTestServer, assistant: HttpAssistant
) -> None:
    server.capabilities = json.dumps({"protocols": ["1", "2"], "name": "acme", "new": True})
    await ask(assistant)
    await ask(assistant)
    assert server.gets == ["/v1/capabilities"]
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("capabilities", "words"),
    [
        ({"protocols": ["2"]}, "does not speak version 1"),
        ({"max_request_bytes": 100}, "too large for the server: .* of 100 bytes"),
    ],
)
async def test_what_a_server_cannot_answer_is_not_sent(
    server: CloudOpsTestServer, assistant: HttpAssistant, capabilities: Any, words: str
) -> None:
    server.capabilities = json.dumps(capabilities)
    with pytest.raises(AssistantRejected, match=words):
        await ask(assistant)
    assert server.requests == []


@pytest.mark.parametrize("capabilities", ["{", '{"protocols": []}', '{"protocols": 1}', "<html>"])
async def test_invalid_capabilities_are_one_clear_error(
    server: CloudOpsTestServer, assistant: HttpAssistant, capabilities: str
) -> None:
    server.capabilities = capabilities
    with pytest.raises(AssistantBadReply, match="capabilities are not valid"):
        await ask(assistant)

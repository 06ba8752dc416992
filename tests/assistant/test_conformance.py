"""``cloudops-ls conformance``: a server that keeps to the protocol passes, any other does not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cloudops_ls.assistant.conformance import Conformance, Finding, Verdict
from cloudops_ls.assistant.timings import HttpTimings

from .reference import ReferenceServer
from .server import COMMANDS, Answer, CloudOpsTestServer

FAST = HttpTimings(connect=2, silence=5, total=10)
TOKEN = "tok-of-the-reference"


async def findings(server: ReferenceServer, token: str | None = TOKEN) -> list[Finding]:
    return [finding async for finding in Conformance(server.url, token, FAST).run()]


def failed(found: list[Finding]) -> list[str]:
    return [finding.name for finding in found if finding.verdict is Verdict.FAILED]


async def test_a_server_that_keeps_to_the_protocol_passes_every_check() -> None:
    with ReferenceServer(token=TOKEN) as server:
        found = await findings(server)
    assert {finding.verdict for finding in found} == {Verdict.PASSED}, found
    assert len(found) == 14


@pytest.mark.parametrize(
    ("fault", "check"),
    [
        ("another version", "capabilities"),
        ("two replies", "exactly one"),
        ("only streams", "JSON"),
        ("forgets", "Idempotency-Key"),
        ("strict", "does not know"),
        ("small", "longest prompt"),
        ("needs resources", "no resource"),
        ("obeys", "whatever estate text says"),
        ("accepts anything", "no request"),
        ("any token", "wrong token"),
    ],
)
async def test_each_fault_is_found(fault: str, check: str) -> None:
    with ReferenceServer(fault, token=TOKEN) as server:
        names = failed(await findings(server))
    assert any(check in name for name in names)


async def test_what_does_not_apply_is_skipped_with_the_reason() -> None:
    with ReferenceServer("never streams") as server:
        found = await findings(server, None)
    skipped = [finding.detail for finding in found if finding.verdict is Verdict.SKIPPED]
    assert len(skipped) == 2
    assert failed(found) == []


async def test_nothing_listening_fails_every_check_with_a_reason() -> None:
    with ReferenceServer() as server:
        pass
    found = await findings(server, None)
    assert len(failed(found)) == 4
    assert all(finding.detail for finding in found)


ANSWER = {"kind": "information", "text": "x"}
WRONG = {
    "another content type": (
        Answer(stream=False, raw=[json.dumps(ANSWER).encode()], content_type="text/plain"),
        "Content-Type is 'text/plain'; it must be text/event-stream or application/json",
    ),
    "another kind": (Answer(reply={**ANSWER, "kind": "info"}), "kind is none of commands,"),
    "another field": (Answer(reply={**ANSWER, "sure": 1}), "information.sure: unknown field"),
    "a field too few": (Answer(reply={"kind": "information"}), "information.text: is missing"),
    "no steps": (
        Answer(reply={"kind": "commands", "text": "x", "steps": []}),
        "commands.steps: must have at least 1 item, not 0",
    ),
    "two commands in one": (
        Answer(
            reply={**COMMANDS, "steps": [{"command": "aws a b\naws c d", "reason": ""}]},
        ),
        "commands.steps.0.command: must be one command, its lines joined by a backslash",
    ),
    "another status": (Answer(status=307), "status 307 instead of 200"),
    "no reply": (Answer(deltas=("x",)), "it ended without a reply"),
}


@pytest.mark.parametrize("name", WRONG)
async def test_what_is_wrong_with_an_answer_is_said_once_and_exactly(name: str) -> None:
    answer, words = WRONG[name]
    with CloudOpsTestServer(answer) as server:
        found = [one async for one in Conformance(server.url, TOKEN, FAST).run()]
    by_name = {finding.name: finding for finding in found}
    reply = by_name["answers a request with exactly one valid reply"]
    assert reply.verdict is Verdict.FAILED and words in reply.detail, reply
    assert "error" not in reply.detail and "Tuple" not in reply.detail
    assert reply.section == "The answer"
    assert by_name["answers several requests at once"].verdict is Verdict.SKIPPED
    assert sum(words in finding.detail for finding in found) == 1
    # Rules on what is refused are looked at all the same.
    rubbish = by_name["refuses what is no request with 400 or 422"]
    assert rubbish.detail == "{ got no answer instead of status 400 or 422"
    assert rubbish.section == "Errors and retries"


def test_every_section_that_a_finding_names_is_there() -> None:
    text = Path("docs/protocol.md").read_text("utf-8")
    for check in Conformance("http://127.0.0.1:1")._checks():
        assert f"\n## {check.section}\n" in text


def test_the_command_says_each_check_and_its_exit_code_is_the_verdict() -> None:
    command = [sys.executable, "-m", "cloudops_ls", "conformance", "--json", "--seconds", "10"]
    environment = {**os.environ, "CLOUDOPS_ASSISTANT_TOKEN": TOKEN}
    for faults, code in (((), 0), (("forgets",), 1)):
        with ReferenceServer(*faults, token=TOKEN) as server:
            told = subprocess.run(
                [*command, server.url], capture_output=True, text=True, env=environment, timeout=60
            )
        assert told.returncode == code, told.stderr
        rows = [json.loads(line) for line in told.stdout.splitlines()]
        assert len(rows) == 14

"""``cloudops-ls conformance``: a server that keeps to the protocol passes, any other does not."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from cloudops_ls.assistant.conformance import Conformance, Finding, Verdict
from cloudops_ls.assistant.timings import HttpTimings

from .reference import ReferenceServer

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
    assert len(failed(found)) == len(found) - 1
    assert all(finding.detail for finding in found)


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

"""The whole demo as its own process: green, offline, and gone without a trace."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks processes up in /proc"),
    pytest.mark.timeout(180),
]

RUN = """
import sys
from cloudops_ls.demo.tour import run_demo
sys.exit(run_demo(yes="--yes" in sys.argv, keep="--keep" in sys.argv, pace=1.0))
"""

SPY = """
import os, sys

def spy(event, arguments):
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        host = arguments[1][0]
    elif event == "socket.getaddrinfo":
        host = arguments[0]
    else:
        return
    if host not in ("127.0.0.1", "::1", "localhost", None):
        with open(os.environ["DEMO_SPY"], "a") as file:
            print(event, host, file=file)

sys.addaudithook(spy)
"""

LEAVE_SECONDS = 15.0


class Demo:
    """One demo in a machine of its own: home, temporary directory, runtime directory."""

    def __init__(self, directory: Path) -> None:
        self.mark = uuid.uuid4().hex
        self.spied = directory / "network"
        self.places = [directory / name for name in ("user", "tmp", "run")]
        spy = directory / "spy"
        for place in (*self.places, spy):
            place.mkdir(mode=0o700)
        (spy / "sitecustomize.py").write_text(SPY)
        user, temporary, runtime = self.places
        self.environment = os.environ | {
            "COLUMNS": "100",
            "DEMO_MARK": self.mark,
            "DEMO_SPY": str(self.spied),
            "PYTHONPATH": str(spy),
            "HOME": str(user),
            "TMPDIR": str(temporary),
            "XDG_RUNTIME_DIR": str(runtime),
            # What must not lead anywhere.
            "AWS_PROFILE": "mine",
            "AWS_ENDPOINT_URL": "http://192.0.2.1",
            "HTTP_PROXY": "http://192.0.2.1:3128",
            "HTTPS_PROXY": "http://192.0.2.1:3128",
            "CLOUDOPS_HOME": str(user / "mine"),
        }
        self.process: subprocess.Popen[str] | None = None
        self.output = ""

    def start(self, *options: str, keyboard: int = subprocess.DEVNULL) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", RUN, *options],
            env=self.environment,
            stdin=keyboard,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *options: str, keyboard: int = subprocess.DEVNULL) -> int:
        self.start(*options, keyboard=keyboard)
        return self.finish()

    def read_until(self, text: str) -> None:
        assert self.process is not None
        assert self.process.stdout is not None
        while text not in self.output:
            line = self.process.stdout.readline()
            assert line, self.output
            self.output += line

    def finish(self) -> int:
        assert self.process is not None
        assert self.process.stdout is not None
        self.output += self.process.stdout.read()
        return self.process.wait()

    def processes(self) -> list[str]:
        """Command lines of everything that descends from the demo."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if f"DEMO_MARK={self.mark}".encode() in (process / "environ").read_bytes():
                    found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
            except OSError:
                continue
        return found

    def assert_no_trace(self) -> None:
        deadline = time.monotonic() + LEAVE_SECONDS
        while self.processes() and time.monotonic() < deadline:
            time.sleep(0.1)
        assert self.processes() == [], self.output
        assert [str(file) for place in self.places for file in place.rglob("*")] == []


@pytest.fixture
def demo(tmp_path) -> Iterator[Demo]:
    demo = Demo(tmp_path)
    yield demo
    if demo.process is not None:
        demo.process.kill()
        demo.process.wait()
        if demo.process.stdout is not None:
            demo.process.stdout.close()


def test_a_refused_command_is_not_run_and_the_demo_says_so(demo) -> None:
    assert demo.run() == 1, demo.output
    assert "You refused the command" in demo.output
    assert "The database is still available" in demo.output
    assert "status=success" not in demo.output
    demo.assert_no_trace()


@pytest.mark.parametrize(
    ("moment", "number"),
    [
        ("A stand-in AWS", signal.SIGHUP),
        ("Write what you want", signal.SIGTERM),
    ],
)
def test_an_interrupted_demo_leaves_nothing(demo, number, moment) -> None:
    demo.start("--yes")
    demo.read_until(moment)
    time.sleep(0.3)
    demo.process.send_signal(number)
    assert demo.finish() == 128 + number, demo.output
    assert "Traceback" not in demo.output
    demo.assert_no_trace()


def test_ctrl_c_at_the_question_is_a_no_and_leaves_nothing(demo) -> None:
    demo.start(keyboard=subprocess.PIPE)
    demo.read_until("─ confirmation ─")
    time.sleep(0.5)
    demo.process.send_signal(signal.SIGINT)
    time.sleep(0.2)
    demo.process.send_signal(signal.SIGINT)
    assert demo.finish() == 128 + signal.SIGINT, demo.output
    demo.process.stdin.close()
    assert "Traceback" not in demo.output
    demo.assert_no_trace()


def test_processes_end_even_when_the_demo_is_killed(demo) -> None:
    demo.start("--yes")
    demo.read_until("Write what you want")
    demo.process.kill()
    demo.finish()
    deadline = time.monotonic() + 30
    while demo.processes() and time.monotonic() < deadline:
        time.sleep(0.2)
    assert demo.processes() == []


def test_every_step_is_observed_offline_and_others_can_use_what_is_kept(demo) -> None:
    demo.start("--yes", "--keep")
    demo.read_until("it removes everything")
    for seen in (
        "92 resources of 11 types",
        "The server completed pg-instance-main1",
        "> **CloudOps:**",
        "aws rds stop-db-instance",
        "--yes answers:",
        "status=success",
        "the database is stopped",
        "[web-1](arn:aws:ec2:eu-west-1:123456789012:instance/",
    ):
        assert seen in demo.output
    assert not demo.spied.exists(), demo.spied.read_text()
    source = re.search(r"^  (\. .*demo\.env)$", demo.output, re.MULTILINE)
    assert source is not None
    assert re.search(r"^  code .*friday\.cloudops\.md$", demo.output, re.MULTILINE)
    assert re.search(r"^  nvim .*friday\.cloudops\.md$", demo.output, re.MULTILINE)
    for profile, account in (("production", "123456789012"), ("staging", "210987654321")):
        answer = subprocess.run(
            [
                "sh",
                "-c",
                f"{source.group(1)}; aws --profile {profile} sts get-caller-identity"
                " --query Account --output text",
            ],
            env=demo.environment,
            capture_output=True,
            text=True,
            check=True,
        )
        assert answer.stdout.strip() == account
    demo.process.send_signal(signal.SIGINT)
    assert demo.finish() == 0, demo.output
    demo.assert_no_trace()

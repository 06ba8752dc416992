"""``cloudops-ls run``: the terminal asks as the editor does, and nothing runs unconfirmed."""

from __future__ import annotations

import contextlib
import io
import os
import pty
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from cloudops_ls.cli.running import typed_answer
from tests.e2e.test_executing import LIST, STOP, state_of

if TYPE_CHECKING:
    from cloudops_ls.demo.cloud import DemoCloud

_PLACE = ("--profile", "production", "--region", "us-west-2")


def run(
    environment: dict[str, str], command: str, typed: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run one command, with ``typed`` as what is typed on a terminal; None is no terminal."""
    arguments = [sys.executable, "-m", "cloudops_ls", "run", command, *_PLACE]
    if typed is None:
        return subprocess.run(
            arguments,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=90,
        )
    master, terminal = pty.openpty()
    os.write(master, typed.encode())
    said: list[bytes] = []
    # A terminal holds little: somebody has to read along.
    reading = threading.Thread(target=_read_all, args=(master, said))
    reading.start()
    with subprocess.Popen(
        arguments,
        env=environment,
        stdin=terminal,
        stderr=terminal,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        os.close(terminal)
        output, _ = process.communicate(timeout=150)
    reading.join()
    os.close(master)
    return subprocess.CompletedProcess(
        arguments, process.returncode, output, b"".join(said).decode()
    )


def _read_all(terminal: int, said: list[bytes]) -> None:
    """Read until the other end is closed, which Linux reports as an error."""
    with contextlib.suppress(OSError):
        while piece := os.read(terminal, 65536):
            said.append(piece)


def audit(environment: dict[str, str]) -> str:
    return subprocess.run(
        [sys.executable, "-m", "cloudops_ls", "audit", "list"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout


@pytest.fixture(autouse=True)
def patient_worker(environment: dict[str, str]) -> None:
    """One worker for all calls of a test."""
    config = Path(environment["CLOUDOPS_HOME"]) / "config.toml"
    config.write_text(config.read_text().replace("idle_seconds = 6", "idle_seconds = 20"))


def test_nothing_runs_but_what_was_typed_back(
    environment: dict[str, str], cloud: DemoCloud
) -> None:
    silent = run(environment, STOP)
    assert silent.returncode == 4, silent.stderr
    assert "no terminal" in silent.stderr
    refused = run(environment, STOP, "no not on a Friday\n")
    assert refused.returncode == 4, refused.stderr
    assert "Nothing was run: not on a Friday" in refused.stderr
    assert refused.stdout == ""
    assert state_of(cloud) == "available"
    assert audit(environment).count("refused") == 2

    done = run(environment, STOP, "pg-instance-main1\n")
    assert done.returncode == 0, done.stderr
    assert "Stop DB instance pg-instance-main1?" in done.stderr
    assert '"DBInstanceStatus"' in done.stdout
    assert state_of(cloud) == "stopped"


@pytest.mark.parametrize(
    ("typed", "wanted", "yes", "reason"),
    [
        ("yes", "yes", True, None),
        ("pg-main", "pg-main", True, None),
        ("yes", "pg-main", False, "what was typed is not what was asked for"),
        ("", "yes", False, "what was typed is not what was asked for"),
        ("YES", "yes", False, "what was typed is not what was asked for"),
        ("no", "yes", False, None),
        ("no it is Friday", "yes", False, "it is Friday"),
        (None, "yes", False, "the question was closed without an answer"),
    ],
)
def test_only_the_word_that_was_asked_for_is_a_yes(
    monkeypatch: pytest.MonkeyPatch, typed: str | None, wanted: str, yes: bool, reason: str | None
) -> None:
    def answer() -> str:
        if typed is None:
            raise EOFError
        return typed

    monkeypatch.setattr("builtins.input", answer)
    answered = typed_answer(Console(file=io.StringIO()), wanted, dry_run=True)
    assert (answered.yes, answered.reason) == (yes, reason)
    monkeypatch.setattr("builtins.input", lambda: "dry")
    assert typed_answer(Console(file=io.StringIO()), wanted, dry_run=True).dry_run
    assert not typed_answer(Console(file=io.StringIO()), wanted, dry_run=False).dry_run


def test_a_policy_can_allow_a_read_and_deny_a_change(
    environment: dict[str, str], cloud: DemoCloud
) -> None:
    (Path(environment["CLOUDOPS_HOME"]) / "policy.toml").write_text(
        "[[rule]]\ndecision = 'allow'\nservice = 'rds'\n"
        "[[rule]]\ndecision = 'deny'\noperation = 'stop-*'\nreason = 'Not today.'\n"
    )
    read = run(environment, LIST)
    assert read.returncode == 0, read.stderr
    assert '"pg-instance-main1"' in read.stdout
    denied = run(environment, STOP, "pg-instance-main1\n")
    assert denied.returncode == 3, denied.stderr
    assert "Not today" in denied.stderr
    assert state_of(cloud) == "available"
    assert "denied" in audit(environment)


def test_what_cannot_run_is_marked(environment: dict[str, str]) -> None:
    wrong = run(environment, "aws rds stop-db-instnce")
    assert wrong.returncode == 1
    assert "stop-db-instance" in wrong.stderr
    assert "^^^" in wrong.stderr

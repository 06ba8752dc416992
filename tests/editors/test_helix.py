"""A real Helix, with the configuration of docs/helix.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.editors.desk import DATABASE, Desk, state_of
from tests.editors.documented import recipe
from tests.editors.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from cloudops_ls.demo.cloud import DemoCloud


@pytest.fixture
def helix(desk: Desk, installed: Callable[[str], Path]) -> Iterator[Terminal]:
    unpacked = installed("helix")
    directory = desk.folder("helix")
    config = directory / "config" / "helix"
    config.mkdir(parents=True)
    (config / "languages.toml").write_text(recipe("helix.md", "Configuration", "toml"))
    environment = {**desk.environment, "HELIX_RUNTIME": str(unpacked / "usr/lib/hx/runtime")}
    program = str(unpacked / "usr" / "bin" / "hx")
    with Terminal(directory, [program, str(desk.file)], environment) as terminal:
        terminal.until(r"Afterwards")
        yield terminal


def asked(helix: Terminal) -> str:
    """Run the command at the cursor, and return the screen with the question."""
    while True:
        helix.type(" a")
        helix.until("Run: aws rds stop")
        helix.keys("Enter")
        screen = helix.until("Don't run, and say why|already running")
        # Until the server has noted a refusal, the command counts as running.
        if "say why" in screen:
            return screen


def test_from_typing_to_the_changed_resource(helix: Terminal, cloud: DemoCloud, desk: Desk) -> None:
    helix.type("8Ggl")
    # The server knows the estate as soon as it has read it.
    helix.insist(r"RDS instance · ", "Space", "k")
    helix.keys("Escape")

    helix.type("3GA pg-inst")
    helix.until(r"pg-instance-main1 +reference")
    helix.keys("Tab", "Enter")
    helix.type(" before the migration.")
    helix.keys("Escape")
    helix.until(rf"Stop {DATABASE} before")

    helix.type("gh8l k")
    helix.until(r"RDS instance · ")
    helix.keys("Escape")

    helix.type(" a")
    helix.until("Ask CloudOps")
    helix.keys("Enter")
    helix.until(r"> \*\*CloudOps:\*\* `pg-instance-main1`")

    helix.type("/^aws rds stop")
    helix.keys("Enter")
    screen = asked(helix)
    for line in (f"Stop DB instance {DATABASE}?", "Account: acme-production", "Runs: aws rds stop"):
        assert line in screen
    helix.keys("Escape")
    helix.until("Don't run", gone=True)
    assert state_of(cloud) == "available"

    asked(helix)
    helix.keys("Down", "Enter")
    helix.until(f"Really run this on {DATABASE}")
    assert state_of(cloud) == "available"
    helix.keys("Down", "Enter")
    helix.until("status=success")
    assert state_of(cloud) == "stopped"
    helix.type(":w")
    helix.keys("Enter")
    helix.until("written|friday.cloudops.md' written")
    assert "status=success" in desk.file.read_text()

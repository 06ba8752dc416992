"""A disk that is full, and one that is read-only."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .harness import Tally

if TYPE_CHECKING:
    from collections.abc import Callable

NAMESPACE = ("unshare", "--user", "--map-root-user", "--mount")


def test_a_full_and_a_read_only_disk_lose_nothing_and_are_named(
    tmp_path: Path, record: Callable[[Tally], None]
) -> None:
    if (
        shutil.which("unshare") is None
        or subprocess.run(
            [*NAMESPACE, "mount", "-t", "tmpfs", "tmpfs", tmp_path],
            capture_output=True,
            check=False,
        ).returncode
    ):
        pytest.skip("no small disk to test with: mount namespaces are not allowed here")
    done = subprocess.run(
        [*NAMESPACE, sys.executable, "-m", "tests.faults.poor_disk", tmp_path],
        capture_output=True,
        text=True,
        timeout=110,
        env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path.parent)},
        cwd=Path(__file__).parents[2],
        check=False,
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    tally = Tally("disk: full, read-only", points=4, hit=4, acknowledged=report["acknowledged"])
    tally.lost += report["lost after full"] + report["lost after read-only"]
    for step in ("full", "rotate while full", "read-only"):
        if report[step] is None or not all(report[step]):
            tally.unnamed.append(f"{step}: {report[step]}")
    record(tally)
    assert report["acknowledged"] > 10
    assert report["read while full"] >= report["acknowledged"]
    assert "no space left" in report["full"][0]
    assert "space" in " ".join(report["rotate while full"])
    assert report["writable again"] is None

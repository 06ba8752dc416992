"""Where the real editors of the tests live, and how they get there."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".cache" / "editors"
"""One folder per editor; a file ``NAME.missing`` says why there is none."""


class UnavailableError(Exception):
    """An editor cannot be had on this machine; the text is the reason, for whoever reads it."""


def run(*command: str | Path, cwd: Path = ROOT, environment: dict[str, str] | None = None) -> None:
    """Run a step of an installation; show what it said only if it fails.

    Raises
    ------
    RuntimeError
        It failed; with the end of what it said.
    """
    done = subprocess.run(
        command,
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    )
    if done.returncode:
        what = " ".join(map(str, command))
        raise RuntimeError(f"{what}\nexit code {done.returncode}\n{done.stdout[-4000:]}")


def debian(*packages: str) -> None:
    """Install Debian packages.

    Raises
    ------
    UnavailableError
        Not root, no apt, or no answer from the mirror.
    """
    wanted = " ".join(packages)
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        raise UnavailableError(f"install it as root first: apt-get install {wanted}")
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    try:
        run("apt-get", "update", "-qq", "-o", "APT::Update::Error-Mode=any")
    except RuntimeError as error:
        raise UnavailableError(f"no answer from the Debian mirror for: {wanted}") from error
    run(
        "apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages,
        environment=environment,
    )  # fmt: skip

from __future__ import annotations

import os
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from cloudops_ls.home import Home
from cloudops_ls.storage.keys import KeyRing
from cloudops_ls.storage.service import StorageService
from tests.storage.samples import FAST_SCRYPT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Run = "Callable[..., subprocess.CompletedProcess[str]]"


@pytest.fixture
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A new home, a passphrase, and no way to any AWS."""
    root = tmp_path_factory.mktemp("c")
    (root / "run").mkdir(mode=0o700)
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AWS_", "CLOUDOPS_"))
    }
    return {
        **clean,
        "HOME": str(root),
        "CLOUDOPS_HOME": str(root / "home"),
        "CLOUDOPS_PASSPHRASE": "a passphrase of the tests",
        "XDG_RUNTIME_DIR": str(root / "run"),
        "AWS_EC2_METADATA_DISABLED": "true",
        # As in a pipe: nobody's terminal has a say.
        "COLUMNS": "80",
        "NO_COLOR": "1",
    }


@pytest.fixture
def home(environment: dict[str, str]) -> Home:
    from pathlib import Path

    home = Home(Path(environment["CLOUDOPS_HOME"]))
    home.root.mkdir(mode=0o700)
    home.config.write_text("[worker]\nidle_seconds = 6\n")
    return home


@pytest.fixture
def store(
    environment: dict[str, str], home: Home, monkeypatch: pytest.MonkeyPatch
) -> Iterator[StorageService]:
    monkeypatch.setenv("XDG_RUNTIME_DIR", environment["XDG_RUNTIME_DIR"])
    ring = KeyRing(home, environ=environment, scrypt=FAST_SCRYPT)
    with StorageService.open(home, keys=ring) as opened:
        yield opened


@pytest.fixture
def cloudops(environment: dict[str, str]) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the command line as from a script."""

    def run(*arguments: str, **changes: str | None) -> subprocess.CompletedProcess[str]:
        changed = {**environment, **changes}
        return subprocess.run(
            [sys.executable, "-m", "cloudops_ls", *arguments],
            env={name: value for name, value in changed.items() if value is not None},
            capture_output=True,
            text=True,
            timeout=120,
        )

    return run


@pytest.fixture
def silent() -> Iterator[str]:
    """An endpoint that takes connections and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"

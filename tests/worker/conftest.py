from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING

import pytest

from cloudops_ls.home import Home
from cloudops_ls.storage.keys import KeyRing
from tests.e2e.processes import gone, workers_of
from tests.storage.samples import FAST_SCRYPT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
async def home(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Home]:
    """A new home with a short path for its socket; no worker of it outlives the test."""
    root: Path = tmp_path_factory.mktemp("w")
    (root / "run").mkdir(mode=0o700)
    for name in [name for name in os.environ if name.startswith(("AWS_", "CLOUDOPS_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(root / "run"))
    monkeypatch.setenv("CLOUDOPS_PASSPHRASE", "a passphrase of the tests")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(root / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(root / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    home = Home(root / "home")
    home.create()
    home.config.write_text("[worker]\nidle_seconds = 1\n")
    KeyRing(home, scrypt=FAST_SCRYPT).open()
    yield home
    for pid in workers_of(home):
        os.kill(pid, signal.SIGKILL)
    assert not await asyncio.wait_for(gone(set(workers_of(home)), 10), 15)

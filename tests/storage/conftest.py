from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cloudops_ls.home import Home
from cloudops_ls.storage.service import StorageService

from .samples import ring

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    runtime = tmp_path / "run"
    runtime.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    for name in ("CLOUDOPS_PASSPHRASE", "CLOUDOPS_KEY_FILE", "CLOUDOPS_HOME"):
        monkeypatch.delenv(name, raising=False)
    return Home(tmp_path / "home")


@pytest.fixture
def service(home: Home) -> Iterator[StorageService]:
    with StorageService.open(home, keys=ring(home)) as opened:
        yield opened

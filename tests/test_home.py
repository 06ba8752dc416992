"""Where a home's data and sockets live."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cloudops_ls.errors import CloudOpsError
from cloudops_ls.home import Home


def test_sockets_lie_in_the_runtime_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/tmp")
    runtime = Home(tmp_path).runtime
    assert runtime.parent == Path("/tmp")
    assert runtime.name.startswith("cloudops-")
    assert Home(tmp_path / "other").runtime != runtime


def test_a_socket_path_is_never_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    deep.mkdir(parents=True)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(deep))
    monkeypatch.setenv("TMPDIR", str(deep))
    monkeypatch.setattr("tempfile.tempdir", None)
    assert len(os.fsencode(Home(tmp_path).runtime / "worker.sock")) < 104


def test_everything_is_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    home = Home(tmp_path / "home")
    home.create()
    for directory in (home.root, home.data, home.sync_status.parent, home.runtime):
        assert directory.stat().st_mode & 0o777 == 0o700
    home.root.chmod(0o755)
    home.create()
    assert home.root.stat().st_mode & 0o777 == 0o700


def test_a_home_that_cannot_be_made_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CloudOpsError, match="CLOUDOPS_HOME"):
        Home(tmp_path / "file" / "home").create()

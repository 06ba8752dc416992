from __future__ import annotations

import errno
from pathlib import Path

import pytest

from cloudops_ls.storage import durable_files


def _no_links(_self: Path, _target: Path) -> None:
    raise OSError(errno.EPERM, "Operation not permitted")


@pytest.mark.parametrize("links", [True, False], ids=["hard links", "none, as on a memory stick"])
def test_a_new_file_is_whole_and_replaces_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    if not links:
        monkeypatch.setattr(Path, "hardlink_to", _no_links)
    path = tmp_path / "file"
    durable_files.write_new(path, b"first")
    with pytest.raises(FileExistsError):
        durable_files.write_new(path, b"second")
    assert path.read_bytes() == b"first"
    assert path.stat().st_mode & 0o777 == 0o600
    durable_files.replace(path, b"third")
    assert path.read_bytes() == b"third"
    with pytest.raises(FileNotFoundError):
        durable_files.write_new(tmp_path / "nowhere" / "file", b"")
    assert [each.name for each in tmp_path.iterdir()] == ["file"]

"""What docs/storage.md tells people to type works as it stands there."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import cloudops_ls.storage

from .cloud import REGION, make_bucket
from .contents import fill, say

if TYPE_CHECKING:
    from cloudops_ls.storage.recovery_key import RecoveryKey
    from cloudops_ls.storage.service import StorageService

PAGE = (Path(__file__).parents[3] / "docs" / "storage.md").read_text("utf-8")


def _block(language: str, after: str = "") -> str:
    found = re.search(rf"```{language}\n(.*?)```", PAGE[PAGE.index(after) :], re.DOTALL)
    assert found is not None
    return found[1]


def _environment(home: Path, endpoint: str) -> dict[str, str]:
    return {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(home),
        "XDG_RUNTIME_DIR": str(home),
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": REGION,
    }


def test_the_example_runs_as_a_package_without_anything_of_editors(
    tmp_path: Path, client: Any, endpoint: str
) -> None:
    make_bucket(client)
    editors = "{'pygls', 'lsprotocol', 'cloudops_ls.config'}"
    code = _block("python") + f"import sys\nassert not {editors} & set(sys.modules)\n"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=tmp_path,
        env=_environment(tmp_path, endpoint),
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == "key ok Wrapped by: passphrase."


def test_every_name_of_the_interface_is_there() -> None:
    package = cloudops_ls.storage
    assert all(getattr(package, name) is not None for name in package.__all__)
    assert sorted(package._PLACE) == package.__all__
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = package.Nothing


@pytest.mark.skipif(shutil.which("age") is None, reason="no age to test with: it is not installed")
def test_the_age_tool_and_tar_get_the_rows_without_this_program(
    service: StorageService, bucket: str, endpoint: str, recovery: RecoveryKey, tmp_path: Path
) -> None:
    fill(service)
    said = say(service, "thread", "what I said: é 🐘")
    name = service.backup.backup_to_s3().name
    there = tmp_path / "elsewhere"
    there.mkdir()
    (there / "recovery.txt").write_text(recovery.reveal())
    script = _block("sh", after="### By hand")
    for placeholder, true in (("BUCKET", bucket), ("USER_ID", "ana"), ("2026-11-25", name[:10])):
        assert placeholder in script
        script = script.replace(placeholder, true)
    subprocess.run(
        ["sh", "-euc", script],
        cwd=there,
        env=_environment(tmp_path, endpoint),
        capture_output=True,
        check=True,
        timeout=120,
    )
    half = json.loads((there / "document.json").read_text())
    (stream,) = [each for each in half["streams"] if each["table"] == "messages"]
    table = "".join((there / f"{chunk}.ndjson").read_text() for chunk in stream["chunks"])
    rows = [json.loads(line) for line in table.split("\n") if line]
    assert len(rows) == stream["rows"] == 13
    assert said.content in [row["content"] for row in rows]

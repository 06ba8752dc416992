"""``cloudops-ls index`` and ``cloudops-ls models``, as an operator would use them."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from tests.storage.models import install_model
from tests.storage.samples import estate

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cloudops_ls.home import Home
    from cloudops_ls.storage.service import StorageService

Done = subprocess.CompletedProcess[str]


def test_the_index_is_compared_and_made_anew(
    cloudops: Callable[..., Done], store: StorageService
) -> None:
    store.estate.bulk_upsert(estate(450))
    rebuilt = cloudops("index", "rebuild")
    assert rebuilt.returncode == 0, rebuilt.stderr
    assert "450 resources and 0 messages, none differs" in rebuilt.stdout
    assert "Indexing resources" in rebuilt.stderr
    assert "450/450" in rebuilt.stderr
    status = cloudops("index", "status")
    assert status.returncode == 0, status.stderr
    row = next(line for line in status.stdout.splitlines() if "aws_resources" in line)
    assert [each.strip() for each in row.strip("│ ").split("│")][2:] == [
        *("complete", "450", "0", "0", "0", "0")
    ]
    # Said once, by whichever command was there first, and never again.
    said = [each.stderr.count("No embedding model") for each in (rebuilt, status)]
    assert sum(said) <= 1
    assert "models install" in status.stdout


def test_a_model_is_installed_from_a_directory_and_used(
    cloudops: Callable[..., Done], store: StorageService, home: Home, tmp_path: Path
) -> None:
    source = install_model(tmp_path, "exported")
    (source / "model.toml").unlink()
    installed = cloudops("models", "install", "--from", str(source))
    assert installed.returncode == 0, installed.stderr
    assert "Installed exported, 16 dimensions" in installed.stderr
    listed = cloudops("models", "list")
    assert "exported" in listed.stdout
    assert "yes" in listed.stdout
    store.estate.bulk_upsert(estate(3))
    found = cloudops("index", "rebuild")
    assert found.returncode == 0, found.stderr
    assert "Model exported@" in found.stdout
    assert "Embedding resources" in found.stderr
    assert sorted(path.name for path in home.models.iterdir()) == ["exported"]
    modes = {path.stat().st_mode & 0o777 for path in home.models.rglob("*")}
    assert modes == {0o600, 0o700}


def test_models_that_can_be_had_are_listed(cloudops: Callable[..., Done]) -> None:
    listed = cloudops("models", "list", "--available")
    assert listed.returncode == 0
    assert "sentence-transformers/all-MiniLM-L6-v2 (recommended)" in listed.stdout
    assert "BAAI/bge-small-en-v1.5" in listed.stdout

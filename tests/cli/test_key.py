from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.storage.samples import estate

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cloudops_ls.home import Home
    from cloudops_ls.storage.service import StorageService


def test_a_key_is_changed_lost_and_recovered(
    cloudops: Callable, store: StorageService, home: Home, tmp_path: Path
) -> None:
    store.estate.bulk_upsert(estate(5))
    refused = cloudops("key", "rotate")
    assert refused.returncode == 1
    assert "The store is in use" in refused.stderr
    store.close()

    # As a change leaves it that was killed before it counted.
    (home.data / "key.json.next").write_bytes(home.wrapped_key.read_bytes())
    before = json.loads(cloudops("key", "status", "--json").stdout)
    assert before["change"] == "interrupted"
    assert before["protected_by"] == "passphrase"
    assert before["opens"]
    assert before["recovery_key"] is None

    file = tmp_path / "recovery.txt"
    exported = cloudops("key", "export-recovery", "--output", str(file))
    assert exported.returncode == 0, exported.stderr
    assert "interrupted and has been undone" in exported.stderr
    assert file.stat().st_mode & 0o777 == 0o600
    assert "AGE-SECRET-KEY" not in exported.stdout

    assert cloudops("key", "rotate").returncode == 0
    after = json.loads(cloudops("key", "status", "--json").stdout)
    assert after["key_id"] != before["key_id"]
    assert file.read_text().splitlines()[0].endswith(after["recovery_key"])

    short = cloudops("key", "change-passphrase", CLOUDOPS_NEW_PASSPHRASE="short")
    assert short.returncode == 1
    assert "at least 8 characters" in short.stderr
    changed = cloudops("key", "change-passphrase", CLOUDOPS_NEW_PASSPHRASE="another passphrase")
    assert changed.returncode == 0, changed.stderr

    lost = cloudops("key", "status")
    assert lost.returncode == 1
    assert "passphrase does not open the data key" in lost.stderr
    assert "cloudops-ls key recover" in lost.stderr
    recovered = cloudops("key", "recover", "--from", str(file))
    assert recovered.returncode == 0, recovered.stderr
    status = cloudops("key", "status")
    assert status.returncode == 0
    assert "opens:" in status.stdout


def test_a_home_without_a_store_has_no_key(cloudops: Callable, home: Home) -> None:
    found = cloudops("key", "status")
    assert found.returncode == 1
    assert "There is no store yet" in found.stderr
    assert not home.wrapped_key.exists()

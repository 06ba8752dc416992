from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from cloudops_ls.cli.checks import examine
from cloudops_ls.storage.health import PartState
from cloudops_ls.storage.service import StorageService
from tests.storage.samples import estate

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cloudops_ls.home import Home


@pytest.fixture
def profile(environment: dict[str, str], tmp_path: Path) -> None:
    credentials = tmp_path / "credentials"
    credentials.write_text(
        "[production]\naws_access_key_id = AKIAEXAMPLE\naws_secret_access_key = x\n"
    )
    environment["AWS_SHARED_CREDENTIALS_FILE"] = str(credentials)


def _parts(found: Any) -> dict[str, dict[str, Any]]:
    return {part["name"]: part for part in json.loads(found.stdout)["parts"]}


def test_every_part_is_named_with_its_state(
    cloudops: Callable, store: StorageService, home: Home, profile: None
) -> None:
    store.estate.bulk_upsert(estate(5))
    generation = store.estate.begin_scope("123456789012", "us-west-2", "rds_instance")
    store.estate.finish_scope(
        "123456789012", "us-west-2", "rds_instance", generation, complete=True
    )
    store.close()
    found = cloudops("doctor", "--json")
    parts = _parts(found)
    assert set(parts) >= {
        *("home", "disk", "settings", "policy", "key", "database", "audit log", "estate"),
        *("backup", "memory directory", "worker", "search", "embeddings"),
        *("profiles", "AWS CLI", "assistant"),
    }
    assert parts["AWS CLI"]["detail"].startswith("aws-cli/")
    assert "production" in parts["profiles"]["detail"]
    failed = {name: part for name, part in parts.items() if part["state"] == "failed"}
    assert failed == {}, failed
    # No embedding model is installed here, so something is less than it could be.
    assert parts["embeddings"]["state"] == "degraded"
    assert found.returncode == 1
    assert json.loads(found.stdout)["state"] == "degraded"


def test_what_is_wrong_is_named_together_with_what_to_do(
    cloudops: Callable, store: StorageService, home: Home, profile: None
) -> None:
    store.estate.bulk_upsert(estate(500))
    store.close()
    content = bytearray(home.database.read_bytes())
    content[len(content) // 2] ^= 1
    home.database.write_bytes(content)
    (home.root / "policy.toml").write_text("this is no policy")
    home.config.write_text(
        "[worker]\nidle_seconds = 1\n[assistant]\nkind = 'http'\nurl = 'http://127.0.0.1:9/'\n"
        "[estate]\nconcurrency = 0\n"
    )
    home.config.chmod(0o644)
    (home.data / "sentinel").touch(0o600)
    (home.data / "sentinel").chmod(0o640)
    found = cloudops("doctor", "--json")
    assert found.returncode == 2
    parts = _parts(found)
    assert parts["home"]["state"] == "degraded"
    assert "data/sentinel" in parts["home"]["detail"]
    assert "config.toml" not in parts["home"]["detail"]
    for name in ("database", "policy", "assistant"):
        assert parts[name]["state"] == "failed", parts[name]
        assert parts[name]["fix"]
    assert "damaged" in parts["database"]["detail"]
    assert parts["settings"]["state"] == "degraded"
    assert "concurrency" in parts["settings"]["detail"]


def test_a_key_that_does_not_open_fails_without_hiding_the_rest(
    cloudops: Callable, store: StorageService, profile: None
) -> None:
    store.close()
    found = cloudops("doctor", "--json", CLOUDOPS_PASSPHRASE="wrong")
    assert found.returncode == 2
    parts = _parts(found)
    assert "passphrase does not open the data key" in parts["key"]["detail"]
    assert "key recover" in parts["key"]["fix"]
    # What follows from it is not a problem of its own.
    assert parts["database"]["detail"] == "It cannot be read without its key."
    assert parts["worker"]["detail"] == "It cannot work for the same reason: key."
    assert "aws-cli/" in parts["AWS CLI"]["detail"]
    assert "Traceback" not in found.stderr


def _newer(home: Home) -> None:
    with StorageService.open(home) as service, service._database.write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("harm", "part", "what", "fix"),
    [
        (lambda home: home.wrapped_key.write_text("{"), "key", "is damaged", "from a copy"),
        (lambda home: home.wrapped_key.unlink(), "key", "key is gone", "restore a backup"),
        (lambda home: home.database.unlink(), "database", "database is gone", "restore a backup"),
        (lambda home: _flip(home.database), "database", "cannot be decrypted", "same copy"),
        (_newer, "database", "newer version", "Update cloudops-ls"),
        (
            lambda home: home.config.write_text(
                '[database]\nurl = "postgresql://nobody@127.0.0.1:9/none"\n'
            ),
            "database",
            "PostgreSQL cannot be reached",
            "database.url",
        ),
        (
            # No second store may begin in the home's own file.
            lambda home: home.config.write_text('[database]\nurl = "postgres://db/none"\n'),
            "database",
            "cannot be told: an address begins with postgresql://",
            "Correct it",
        ),
    ],
    ids=[
        "key damaged",
        "key gone",
        "database gone",
        "database damaged",
        "newer",
        "PostgreSQL",
        "mistyped",
    ],
)
def test_a_store_that_does_not_open_says_which_part_of_it(
    store: StorageService,
    home: Home,
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    harm: Callable[[Home], object],
    part: str,
    what: str,
    fix: str,
) -> None:
    monkeypatch.setenv("CLOUDOPS_PASSPHRASE", environment["CLOUDOPS_PASSPHRASE"])
    store.close()
    harm(home)
    parts = {}
    for each in examine(home, lambda _: None):
        parts[each.name] = each
        if each.name == "database":
            # The rest is the same as ever.
            break
        if part == each.name == "key":
            break
    assert parts[part].state is PartState.FAILED
    assert what in parts[part].detail
    assert fix in str(parts[part].fix)
    if part == "database" and "[database]" not in home.config.read_text():
        assert parts["key"].state is PartState.OK

"""A name index kept between processes is the index that was kept, or none."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloudops_ls import composition
from cloudops_ls.estate.search import snapshot
from cloudops_ls.estate.search.current import CurrentNames
from cloudops_ls.estate.search.names import NameIndex
from cloudops_ls.estate.search.snapshot import Snapshots
from cloudops_ls.estate.search.vocabulary import Vocabulary
from cloudops_ls.storage.vectors import directory
from tests.storage.samples import estate, resource

if TYPE_CHECKING:
    from pathlib import Path

    from cloudops_ls.home import Home
    from cloudops_ls.storage.service import StorageService

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
ROWS = st.lists(
    st.tuples(TEXT, st.one_of(st.none(), TEXT), TEXT, TEXT, TEXT, st.one_of(st.none(), TEXT)),
    max_size=12,
    unique_by=lambda row: row[0],
)


@pytest.fixture(autouse=True)
def _small_ones_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot, "FEWEST", 0)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rows=ROWS, generation=st.integers(0, 9))
def test_what_is_read_is_what_was_kept(rows: list, generation: int, tmp_path: Path) -> None:
    index = NameIndex.build(
        (name, identifier or name, f"arn:{name}", kind, account, region, state)
        for name, identifier, kind, account, region, state in rows
    )
    kept = Snapshots(tmp_path, secrets.token_hex(8))
    kept.save(index, generation)
    found = kept.load()
    assert found is not None
    assert found.generation == generation
    assert list(found.index) == list(index)
    for entry in index:
        for token in (entry.name, entry.identifier, entry.arn, entry.name.upper()):
            assert found.index.find(token) == index.find(token)
        for prefix in (entry.name[:1].lower(), entry.name[1:4].lower()):
            for order in ("whole", "parts"):
                mine, theirs = getattr(found.index, order), getattr(index, order)
                assert list(mine.matching(prefix)) == list(theirs.matching(prefix))
                assert list(mine.matching(prefix, [0])) == list(theirs.matching(prefix, [0]))


@pytest.mark.parametrize("keep", [0, 1, 40, 200, -1])
def test_a_damaged_one_is_no_index(tmp_path: Path, keep: int) -> None:
    kept = Snapshots(tmp_path, "store")
    kept.save(
        NameIndex.build((f"n{n}", f"i{n}", f"a{n}", "t", "1", "r", None) for n in range(50)), 1
    )
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:keep])
    assert kept.load() is None


def test_one_that_others_could_have_written_is_no_index(tmp_path: Path) -> None:
    kept = Snapshots(tmp_path, "store")
    kept.save(NameIndex.build([("n", "i", "a", "t", "1", "r", None)]), 1)
    assert kept.load() is not None
    (path,) = tmp_path.iterdir()
    path.chmod(0o622)
    assert kept.load() is None


def test_the_next_process_builds_nothing_and_sees_what_has_changed(
    service: StorageService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.estate.bulk_upsert(estate(30))
    kept = Snapshots(tmp_path, "store")
    first = CurrentNames(Vocabulary(), kept)
    assert first.catch_up(service.estate)
    changed = estate(30)[3].model_copy(update={"state": "deleting"})
    service.estate.upsert_resource(changed)

    built: list[int] = []
    original = CurrentNames._build
    monkeypatch.setattr(
        CurrentNames, "_build", lambda self, store: (built.append(1), original(self, store))
    )
    second = CurrentNames(Vocabulary(), kept)
    assert second.catch_up(service.estate)
    assert not second.catch_up(service.estate)
    assert built == []
    assert [one.state for one in second.finder.index.find(changed.name)] == ["deleting"]
    assert second.finder.index.tags.of(3) == first.finder.index.tags.of(3)

    service.estate.upsert_resource(resource("new"))
    third = CurrentNames(Vocabulary(), kept)
    assert third.catch_up(service.estate)
    assert built == [1]
    assert [one.name for one in third.finder.index.find("new")] == ["new"]


def test_names_are_kept_in_memory_only_and_by_key(
    service: StorageService, home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not home.wrapped_key.exists():
        # PostgreSQL: there is no key to name a store by.
        assert composition.name_snapshots(home) is None
        return
    monkeypatch.setattr(directory, "candidates", lambda: (tmp_path,))
    assert composition.name_snapshots(home) is None, "a disk is no memory"
    monkeypatch.setattr(directory, "memory_backed", lambda _: [tmp_path])
    kept = composition.name_snapshots(home)
    assert kept is not None
    assert not (tmp_path / home.runtime.name).exists()
    kept.save(NameIndex.build([("n", "i", "a", "t", "1", "r", None)]), 1)
    (path,) = (tmp_path / home.runtime.name).iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert path.stem == _key_id(home)


def _key_id(home: Home) -> str:
    from cloudops_ls.storage.keys import KeyRing

    record = KeyRing(home).record()
    assert record is not None
    return record.key_id

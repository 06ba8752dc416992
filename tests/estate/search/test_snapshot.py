"""A name index kept between processes is the index that was kept, or none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudops_ls.errors import CloudOpsError
from cloudops_ls.estate.search import snapshot
from cloudops_ls.estate.search.current import CurrentNames
from cloudops_ls.estate.search.names import NameIndex
from cloudops_ls.estate.search.vocabulary import Vocabulary
from cloudops_ls.storage.name_snapshot import NameSnapshot
from tests.storage.samples import estate, resource

if TYPE_CHECKING:
    from collections.abc import Callable

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


class _Shelf:
    """Where a store keeps a snapshot, by itself."""

    def __init__(self) -> None:
        self.kept: NameSnapshot | None = None

    def kept_names(self) -> NameSnapshot | None:
        return self.kept

    def keep_names(self, revision: int, data: Callable[[], bytes]) -> None:
        self.kept = NameSnapshot(revision, data())


@settings(max_examples=40, deadline=None)
@given(rows=ROWS, generation=st.integers(0, 9))
def test_what_is_read_is_what_was_kept(rows: list, generation: int) -> None:
    index = NameIndex.build(
        (name, identifier or name, f"arn:{name}", kind, account, region, state)
        for name, identifier, kind, account, region, state in rows
    )
    shelf = _Shelf()
    snapshot.save(shelf, index, generation)  # type: ignore[arg-type]
    found = snapshot.load(shelf)  # type: ignore[arg-type]
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


@pytest.mark.parametrize("damaged", [b"", b"x" * 40, 40, -1])
def test_a_damaged_one_is_no_index(service: StorageService, damaged: bytes | int) -> None:
    index = NameIndex.build((f"n{n}", f"i{n}", f"a{n}", "t", "1", "r", None) for n in range(50))
    snapshot.save(service.estate, index, 1)
    assert snapshot.load(service.estate) is not None
    kept = service.estate.kept_names()
    assert kept is not None
    data = kept.data[:damaged] if isinstance(damaged, int) else damaged
    service.estate.keep_names(2, lambda: data)
    assert snapshot.load(service.estate) is None


def test_an_older_one_takes_no_newer_ones_place(service: StorageService) -> None:
    for revision in (3, 2, 3):
        service.estate.keep_names(revision, lambda revision=revision: b"%d" % revision)
    assert service.estate.kept_names() == NameSnapshot(3, b"3")


def test_a_store_that_takes_none_still_gives_names(
    service: StorageService, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise CloudOpsError("The disk is full")

    service.estate.bulk_upsert(estate(3))
    monkeypatch.setattr(service.estate, "keep_names", full)
    names = CurrentNames(Vocabulary())
    assert names.catch_up(service.estate)
    assert len(names.finder.index) == 3


def test_the_next_process_builds_nothing_and_sees_what_has_changed(
    service: StorageService, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.estate.bulk_upsert(estate(30))
    first = CurrentNames(Vocabulary())
    assert first.catch_up(service.estate)
    changed = estate(30)[3].model_copy(update={"state": "deleting"})
    service.estate.upsert_resource(changed)

    built: list[int] = []
    original = CurrentNames._build
    monkeypatch.setattr(
        CurrentNames, "_build", lambda self, store: (built.append(1), original(self, store))
    )
    second = CurrentNames(Vocabulary())
    assert second.catch_up(service.estate)
    assert not second.catch_up(service.estate)
    assert built == []
    assert [one.state for one in second.finder.index.find(changed.name)] == ["deleting"]
    assert second.finder.index.tags.of(3) == first.finder.index.tags.of(3)

    service.estate.upsert_resource(resource("new"))
    third = CurrentNames(Vocabulary())
    assert third.catch_up(service.estate)
    assert built == [1]
    assert [one.name for one in third.finder.index.find("new")] == ["new"]

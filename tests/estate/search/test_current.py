"""The names in memory follow the store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cloudops_ls.estate.search.current import CurrentNames
from cloudops_ls.estate.search.names import NameIndex
from cloudops_ls.estate.search.query import SearchQuery
from cloudops_ls.estate.search.vocabulary import Vocabulary
from tests.storage.samples import resource

if TYPE_CHECKING:
    from cloudops_ls.storage.service import StorageService


@pytest.fixture
def builds(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many times an index was built."""
    counted: list[int] = []
    build = NameIndex.build.__func__  # type: ignore[attr-defined]

    def counting(cls: type[NameIndex], rows: object) -> NameIndex:
        counted.append(1)
        built: NameIndex = build(cls, rows)
        return built

    monkeypatch.setattr(NameIndex, "build", classmethod(counting))
    return counted


def found(names: CurrentNames, query: str) -> list[tuple[str, str | None]]:
    hits = names.finder.find(SearchQuery.parse(query)).hits
    return [(hit.entry.name, hit.entry.state) for hit in hits]


def test_changed_states_and_known_deletions_need_no_new_index(
    service: StorageService, builds: list[int]
) -> None:
    estate = service.estate
    resources = [resource(f"db-{n}", state="available", tags={"env": "prod"}) for n in range(4)]
    estate.bulk_upsert(resources)
    names = CurrentNames(Vocabulary())
    builds.clear()
    assert names.catch_up(estate)
    assert not names.catch_up(estate), "nothing has changed"
    assert found(names, "tag:env=prod state:available db-2") == [("db-2", "available")]
    assert len(builds) == 1
    before = names.finder

    estate.upsert_resource(resources[2].model_copy(update={"state": "stopped"}))
    estate.delete_resource(resources[3].arn)
    names.lost([resources[3].arn])
    assert names.catch_up(estate)
    assert len(builds) == 1
    assert found(names, "tag:env=prod state:stopped") == [("db-2", "stopped")]
    assert ("db-3", "available") not in found(names, "db")
    assert [one.arn for one in names.finder.index.gone("db-3")] == [resources[3].arn]
    # Whoever was reading goes on with what was true then.
    assert [hit.entry.state for hit in before.find(SearchQuery("db-3")).hits] == ["available"]

    # It came back, so it is found again.
    estate.upsert_resource(resources[3])
    assert names.catch_up(estate)
    assert found(names, "db-3") == [("db-3", "available")]
    assert len(builds) == 1


def test_anything_else_builds_a_new_index(service: StorageService, builds: list[int]) -> None:
    estate = service.estate
    one, other = resource("db-1", tags={"env": "prod"}), resource("db-2")
    estate.bulk_upsert([one, other])
    names = CurrentNames(Vocabulary())
    names.catch_up(estate)

    def rebuilt() -> bool:
        builds.clear()
        assert names.catch_up(estate)
        return bool(builds)

    estate.upsert_resource(resource("db-3"))
    assert rebuilt()
    assert len(found(names, "db")) == 3
    estate.upsert_resource(one.model_copy(update={"tags": {"env": "dev"}}))
    assert rebuilt()
    assert found(names, "tag:env=dev") == [("db-1", one.state)]
    estate.upsert_resource(one.model_copy(update={"name": "renamed", "tags": {"env": "dev"}}))
    assert rebuilt()
    assert [name for name, _ in found(names, "renamed")] == ["renamed"]
    # Somebody else deleted something, and nobody told which.
    estate.delete_resource(other.arn)
    assert rebuilt()
    assert sorted(name for name, _ in found(names, "db")) == ["db-3", "renamed"]

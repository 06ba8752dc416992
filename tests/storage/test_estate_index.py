"""Search with an index, as in the worker."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from cloudops_ls.storage.health import PartState
from cloudops_ls.storage.indexing.settings import VectorSettings
from cloudops_ls.storage.records import Match, ResourceFilter
from cloudops_ls.storage.service import StorageService
from cloudops_ls.storage.vectors.directory import memory_backed
from cloudops_ls.storage.vectors.engines import Engine

from .models import install_model
from .samples import estate, resource, ring
from .test_vector_index import SHM, needs_memory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cloudops_ls.home import Home
    from cloudops_ls.storage.resource import Resource


def _words(each: Resource) -> tuple[str, ...]:
    return ("RDS database instance", "db") if each.resource_type == "rds_instance" else ()


@pytest.fixture(params=[pytest.param("edge", marks=needs_memory), "memory"])
def settings(request: pytest.FixtureRequest) -> VectorSettings:
    return VectorSettings(engine=Engine(request.param), words=_words)


@pytest.fixture
def worker(home: Home, settings: VectorSettings) -> Iterator[StorageService]:
    with StorageService.open(home, vectors=settings, keys=ring(home)) as opened:
        assert opened.index is not None
        assert opened.index.rebuild()
        yield opened


def _names(service: StorageService, query: str, filters: ResourceFilter | None = None) -> list[str]:
    return [hit.resource.name for hit in service.estate.search(query, filters)]


def test_descriptions_find_resources(worker: StorageService) -> None:
    worker.estate.bulk_upsert(
        [
            resource("pg-instance-main1"),
            resource("cache", tags={"env": "dev"}, engine="redis"),
            resource("logs", resource_type="s3_bucket", engine=None, tags={"env": "production"}),
        ]
    )
    hits = worker.estate.search("the production postgres")
    assert hits[0].resource.name == "pg-instance-main1"
    assert hits[0].how is Match.KEYWORDS
    assert hits[0].score == pytest.approx(0.7)
    assert _names(worker, "db instance")[0] in ("pg-instance-main1", "cache")
    # A part of a name that no separator sets off.
    assert _names(worker, "main 1")[0] == "pg-instance-main1"


def test_exact_and_name_matches_come_before_what_is_alike(worker: StorageService) -> None:
    worker.estate.bulk_upsert(
        [
            resource("main"),
            resource("main-2"),
            resource("the-main-one"),
            resource("zmainz", tags={"app": "main"}),
            resource("tagged", tags={"app": "main"}),
        ]
    )
    hits = worker.estate.search("main")
    assert [(hit.resource.name, hit.how) for hit in hits[:4]] == [
        ("main", Match.EXACT),
        ("main-2", Match.PREFIX),
        ("the-main-one", Match.SUBSTRING),
        ("zmainz", Match.SUBSTRING),
    ]
    assert (hits[4].resource.name, hits[4].how) == ("tagged", Match.KEYWORDS)
    assert len({hit.resource.arn for hit in hits}) == len(hits)


def test_filters_hold_in_the_index(worker: StorageService) -> None:
    worker.estate.bulk_upsert(estate(300))
    filters = ResourceFilter(
        regions=("us-west-2", "eu-west-1"), states=("stopped",), tags={"app": "app1"}
    )
    hits = worker.estate.search("database of app1", filters, limit=100)
    expected = {each.name for each in estate(300) if filters.matches(each)}
    assert {hit.resource.name for hit in hits} == expected
    assert len(expected) > 5


def test_changes_are_found_at_once(worker: StorageService) -> None:
    first = resource("pg", tags={"team": "alpha"})
    worker.estate.upsert_resource(first)
    assert _names(worker, "team alpha") == ["pg"]
    worker.estate.upsert_resource(first.model_copy(update={"tags": {"team": "omega"}}))
    assert _names(worker, "omega") == ["pg"]
    assert _names(worker, "alpha") == []
    worker.estate.delete_resource(first.arn)
    assert _names(worker, "omega") == []


def test_a_sweep_reaches_the_index(worker: StorageService) -> None:
    worker.estate.bulk_upsert(estate(30))
    scope = (estate(1)[0].account_id, "us-west-2", "rds_instance")
    generation = worker.estate.begin_scope(*scope)
    removed = worker.estate.finish_scope(*scope, generation, complete=True).removed
    assert len(removed) == 10
    assert worker.index is not None
    assert "20 resources" in worker.health().part("search").detail


def test_changes_of_other_processes_are_followed(worker: StorageService, home: Home) -> None:
    worker.estate.bulk_upsert([resource("mine"), resource("doomed")])
    with StorageService.open(home, keys=ring(home)) as other:
        other.estate.upsert_resource(resource("theirs", tags={"team": "omega"}))
        other.estate.delete_resource(resource("doomed").arn)
    assert _names(worker, "omega") == ["theirs"]
    assert _names(worker, "oomed") == []
    assert "2 resources" in worker.health().part("search").detail


def test_a_rebuild_brings_back_what_is_stored(home: Home, settings: VectorSettings) -> None:
    with StorageService.open(home, keys=ring(home)) as service:
        service.estate.bulk_upsert(estate(700))
    with StorageService.open(home, vectors=settings, keys=ring(home)) as service:
        assert service.index is not None
        search = service.health().part("search")
        assert search.state is PartState.DEGRADED
        assert "still being built" in search.detail
        # Not built yet: names are found nevertheless.
        assert _names(service, "vc-00042") == ["svc-00042"]
        seen: list[tuple[str, int, int]] = []
        assert service.index.rebuild(lambda what, done, total: seen.append((what, done, total)))
        assert seen[-1] == ("indexing resources", 700, 700)
        assert service.health().part("search").state is PartState.OK
        assert _names(service, "vc-00042") == ["svc-00042"]
        assert len(_names(service, "app3 production")) == 20


def test_a_rebuild_can_be_cancelled_and_closed(home: Home, settings: VectorSettings) -> None:
    with StorageService.open(home, keys=ring(home)) as service:
        service.estate.bulk_upsert(estate(700))
    service = StorageService.open(home, vectors=settings, keys=ring(home))
    assert service.index is not None
    assert not service.index.rebuild(cancelled=lambda: True)
    results: list[bool] = []
    begun = threading.Event()
    thread = threading.Thread(
        target=lambda: results.append(
            service.index is not None and service.index.rebuild(lambda *_: begun.set())
        )
    )
    thread.start()
    assert begun.wait(10)
    service.close()
    thread.join(10)
    assert not thread.is_alive()
    assert len(results) == 1


def test_writing_during_a_rebuild_loses_nothing(home: Home, settings: VectorSettings) -> None:
    with StorageService.open(home, keys=ring(home)) as service:
        service.estate.bulk_upsert(estate(2000))
    with StorageService.open(home, vectors=settings, keys=ring(home)) as service:
        index = service.index
        assert index is not None
        thread = threading.Thread(target=index.rebuild)
        thread.start()
        for number in range(0, 2000, 100):
            name = f"svc-{number:05d}"
            region = estate(2000)[number].region
            service.estate.upsert_resource(resource(name, region=region, tags={"mark": "fresh"}))
            service.estate.delete_resource(estate(2000)[number + 1].arn)
        thread.join(60)
        hits = service.estate.search("mark fresh", limit=50)
        assert {hit.resource.name for hit in hits} == {
            f"svc-{number:05d}" for number in range(0, 2000, 100)
        }
        assert "1,980 resources" in service.health().part("search").detail


def test_without_a_model_health_says_what_is_missing(worker: StorageService) -> None:
    part = worker.health().part("embeddings")
    assert part.state is PartState.DEGRADED
    assert part.detail == "No embedding model: exact and keyword search only."
    assert {each.name for each in worker.health().parts} == {
        "key",
        "database",
        "search",
        "embeddings",
    }


def test_with_a_model_meaning_is_found_and_kept(home: Home, settings: VectorSettings) -> None:
    install_model(home.models)
    stored = [
        resource("pg-1", tags={}),
        resource("fn-1", resource_type="lambda_function", engine=None, tags={}),
        resource("box", resource_type="s3_bucket", engine=None, tags={}),
    ]
    with StorageService.open(home, vectors=settings, keys=ring(home)) as service:
        service.estate.bulk_upsert(stored)
        assert service.index is not None
        part = service.health().part("embeddings")
        assert "3 texts still to embed" in part.detail
        # "serverless" is in none of the texts: only the model knows what it means.
        assert _names(service, "serverless") == []
        assert service.index.rebuild()
        assert service.health().part("embeddings").state is PartState.OK
        hits = service.estate.search("serverless")
        assert hits[0].resource.name == "fn-1"
        assert hits[0].how is Match.HYBRID
    with StorageService.open(home, vectors=settings, keys=ring(home)) as service:
        # From the cache: nothing is left to compute.
        assert service.index is not None
        progress: list[tuple[str, int]] = []
        assert service.index.rebuild(lambda what, done, _: progress.append((what, done)))
        assert progress == [("indexing resources", 3)]


def test_a_broken_model_leaves_search_by_words(home: Home, settings: VectorSettings) -> None:
    (install_model(home.models) / "model.onnx").write_bytes(b"damaged")
    with StorageService.open(home, vectors=settings, keys=ring(home)) as service:
        service.estate.upsert_resource(resource("pg", tags={"team": "omega"}))
        assert service.index is not None
        service.index.rebuild()
        part = service.health().part("embeddings")
        assert part.state is PartState.DEGRADED
        assert "cannot be used" in part.detail
        assert _names(service, "omega") == ["pg"]


def test_too_little_memory_is_said_in_health(home: Home) -> None:
    if not memory_backed([SHM]):
        pytest.skip("/dev/shm is not a memory-backed directory here")
    settings = VectorSettings(places=(SHM,), reserve=2**60)
    with StorageService.open(home, vectors=settings, keys=ring(home)) as service:
        service.estate.upsert_resource(resource("pg", tags={"team": "omega"}))
        part = service.health().part("search")
        assert part.state is PartState.DEGRADED
        assert "Engine memory" in part.detail
        assert "MB that are needed" in part.detail
        assert part.fix
        assert _names(service, "omega") == ["pg"]

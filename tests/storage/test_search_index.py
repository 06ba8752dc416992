"""The search index as a whole: filled, compared with the store, made anew."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from cloudops_ls.storage import search
from cloudops_ls.storage.health import PartState
from cloudops_ls.storage.indexing.settings import ServerSettings
from cloudops_ls.storage.service import StorageService
from cloudops_ls.storage.vectors.engines import Engine
from cloudops_ls.storage.vectors.index import AWS_RESOURCES, CHAT_HISTORY

from .indexed import index_of, names_found, open_indexed, say, search_health
from .models import install_model
from .qdrant_server import QdrantTestServer
from .samples import estate, resource, ring
from .test_vector_index import needs_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cloudops_ls.home import Home
    from cloudops_ls.storage.indexing.search_index import SearchIndex


@pytest.fixture(params=[pytest.param("edge", marks=needs_memory), "memory", "server"])
def opened(request: pytest.FixtureRequest, home: Home) -> Iterator[Callable[[], StorageService]]:
    """Opens the store with each of the engines."""
    with contextlib.ExitStack() as stack:
        settings = {"engine": Engine(request.param)}
        if request.param == "server":
            server = stack.enter_context(QdrantTestServer(api_key="key"))
            settings["server"] = ServerSettings(server.url, lambda: "key")

        def again() -> StorageService:
            service = stack.enter_context(open_indexed(home, **settings))
            assert index_of(service).states()[0].engine == request.param
            return service

        yield again


# The estate


@pytest.mark.parametrize("few", [search.FEW, 0])
def test_likeness_among_some_resources_misses_none_of_them(
    opened: Callable[[], StorageService], few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "FEW", few)
    service = opened()
    # All are equally alike: whoever asks for a few of them gets the first.
    made = [resource(f"db-{i:03d}") for i in range(200)]
    service.estate.bulk_upsert(made)
    wanted = {each.arn for each in made[190:]}

    def among() -> set[str]:
        hits = service.estate.similar("postgres database", wanted, limit=10)
        return {hit.resource.arn for hit in hits}

    # By words in the database, then by the index.
    assert among() == wanted
    assert index_of(service).rebuild()
    assert among() == wanted
    assert len(service.estate.similar("postgres", wanted, limit=3)) == 3
    assert service.estate.similar("postgres", set()) == []


# Chat


def test_what_was_said_is_found_by_words_and_by_meaning(
    opened: Callable[[], StorageService], home: Home
) -> None:
    install_model(home.models)
    service = opened()
    say(service, "one", "Stop the serverless thing before Friday")
    say(service, "two", "Is the payroll bucket public?")
    say(service, "three", "Reboot web-1")
    assert index_of(service).rebuild()
    assert "3 messages" in search_health(service)

    def found(query: str) -> list[str]:
        return [each.id for each in service.chat.search_conversations(query)]

    # Every word, then alike: "lambda function" is in none of them.
    assert found("payroll public")[0] == "two"
    assert found("lambda function")[0] == "one"
    assert found("friday")[0] == "one"
    assert len(service.chat.search_conversations("friday", limit=1)) == 1
    service.chat.delete("one")
    assert "one" not in found("lambda function")


def test_what_other_processes_say_is_found(
    opened: Callable[[], StorageService], home: Home
) -> None:
    service = opened()
    assert index_of(service).rebuild()
    with StorageService.open(home, keys=ring(home)) as other:
        say(other, "theirs", "Who rotates the certificates of the gateway?")
        say(other, "theirs", "Nobody does")
    found = service.chat.search_conversations("gateways certificate rotation")
    assert [each.id for each in found] == ["theirs"]
    with StorageService.open(home, keys=ring(home)) as other:
        other.chat.delete("theirs")
    assert service.chat.search_conversations("gateways certificate rotation") == []
    assert "0 messages" in search_health(service)


# Compared with the database


def test_differences_are_counted_and_mended(opened: Callable[[], StorageService]) -> None:
    service = opened()
    service.estate.bulk_upsert(estate(300))
    say(service, "one", "hello")
    index = index_of(service)
    assert index.rebuild()
    assert search_health(service).endswith("300 resources and 1 messages, none differs.")
    points = index.estate._projection.index
    ours = estate(300)
    points.delete([ours[0].arn, ours[1].arn])
    stale = next(p for p in [_point_of(index, ours[2].arn)])
    points.upsert([stale])
    index.chat._projection.index.upsert([_point_of(index, "never said")])
    compared = index.compare()
    resources, messages = compared[AWS_RESOURCES], compared[CHAT_HISTORY]
    assert resources is not None
    assert messages is not None
    assert (resources.missing, resources.stale, resources.extra) == (2, 1, 0)
    assert (messages.missing, messages.stale, messages.extra) == (0, 0, 1)
    assert index.rebuild()
    assert search_health(service).endswith("300 resources and 1 messages, none differs.")
    assert names_found(service, "vc-00000") == ["svc-00000"]


def _point_of(index: SearchIndex, key: str):
    from cloudops_ls.storage.vectors.index import VectorPoint

    return VectorPoint(key, index.estate._encoder.document("stale"), None, {}, "other")


def test_health_says_how_many_differ(opened: Callable[[], StorageService]) -> None:
    service = opened()
    service.estate.bulk_upsert(estate(10))
    index = index_of(service)
    assert index.rebuild()
    index.estate._projection.index.delete([estate(1)[0].arn])
    part = service.health().part("search")
    assert part.state is PartState.DEGRADED
    assert part.detail.endswith("; 1 differ from the database.")
    assert part.fix is not None
    assert index.rebuild()
    assert service.health().part("search").state is PartState.OK


def test_a_renewal_makes_everything_again_while_the_old_index_serves(
    opened: Callable[[], StorageService],
) -> None:
    service = opened()
    service.estate.bulk_upsert(estate(450))
    say(service, "one", "hello")
    index = index_of(service)
    assert index.rebuild()
    steps: list[tuple[str, int, int]] = []

    def look(what: str, done: int, total: int) -> None:
        steps.append((what, done, total))
        assert names_found(service, "app3 production"), "nothing served"
        if done == 200:
            service.estate.upsert_resource(resource("meanwhile", tags={"team": "omega"}))

    assert index.renew(look)
    assert ("indexing resources", 200, 450) in steps
    assert steps[-1] == ("indexing messages", 1, 1)
    assert names_found(service, "omega") == ["meanwhile"]
    assert search_health(service).endswith("451 resources and 1 messages, none differs.")

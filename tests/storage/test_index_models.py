"""The search index while embedding models come and go."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cloudops_ls.storage.health import PartState
from cloudops_ls.storage.indexing.settings import ServerSettings
from cloudops_ls.storage.records import Match
from cloudops_ls.storage.vectors.engines import Engine
from cloudops_ls.storage.vectors.index import AWS_RESOURCES

from .indexed import index_of, names_found, open_indexed, say, search_health
from .models import install_model
from .samples import estate, resource
from .test_vector_index import needs_memory

if TYPE_CHECKING:
    from cloudops_ls.home import Home

    from .qdrant_server import QdrantTestServer


@pytest.mark.parametrize("engine", [pytest.param("edge", marks=needs_memory), "memory", "server"])
def test_a_change_of_model_serves_the_old_vectors_until_the_new_are_there(
    home: Home, engine: str, qdrant: QdrantTestServer
) -> None:
    settings = {"engine": Engine(engine)}
    if engine == "server":
        settings["server"] = ServerSettings(qdrant.url)
    install_model(home.models, "old")
    with open_indexed(home, **settings, model="old") as service:
        service.estate.bulk_upsert([resource("fn", resource_type="lambda_function", engine=None)])
        service.estate.bulk_upsert(estate(70))
        say(service, "one", "the serverless thing")
        assert index_of(service).rebuild()
    install_model(home.models, "new", dim=24)
    with open_indexed(home, **settings, model="new") as service:
        index = index_of(service)
        embedded: list[int] = []

        def look(what: str, done: int, _total: int) -> None:
            if what == "embedding resources":
                embedded.append(done)
                detail = service.health().part("embeddings").detail
                assert detail == "Changing to model new, 24 dimensions; old serves."
                (best, *_) = service.estate.search("serverless")
                assert (best.resource.name, best.how) == ("fn", Match.HYBRID)

        assert index.rebuild(look)
        assert len(embedded) > 1
        part = service.health().part("embeddings")
        assert (part.state, part.detail) == (PartState.OK, "Model new, 24 dimensions.")
        (best, *_) = service.estate.search("serverless")
        assert (best.resource.name, best.how) == ("fn", Match.HYBRID)
        assert service.chat.search_conversations("lambda")[0].id == "one"
        assert search_health(service).endswith("71 resources and 1 messages, none differs.")
        with service._database.read() as connection:
            models = connection.exec_driver_sql("SELECT DISTINCT model, dim FROM vectors").all()
        assert [tuple(each) for each in models] == [("new", 24)]
    if engine == "server":
        assert qdrant.points(f"{AWS_RESOURCES}_old_16") == []
        assert len(qdrant.points(f"{AWS_RESOURCES}_new_24")) == 71


def test_a_change_that_was_cut_off_goes_on(home: Home) -> None:
    install_model(home.models, "old")
    with open_indexed(home, engine=Engine.MEMORY, model="old") as service:
        service.estate.bulk_upsert(estate(100))
        assert index_of(service).rebuild()
    install_model(home.models, "new", dim=24)
    for _ in range(2):
        with open_indexed(home, engine=Engine.MEMORY, model="new") as service:
            index = index_of(service)
            steps: list[int] = []

            def count(what: str, done: int, _total: int, steps: list[int] = steps) -> None:
                if what == "embedding resources":
                    steps.append(done)

            assert not index.rebuild(count, cancelled=lambda steps=steps: bool(steps))
            assert service.health().part("embeddings").detail.endswith("old serves.")
    with open_indexed(home, engine=Engine.MEMORY, model="new") as service:
        assert index_of(service).rebuild()
        assert service.health().part("embeddings").detail == "Model new, 24 dimensions."


def test_a_model_installed_while_running_takes_over(home: Home) -> None:
    with open_indexed(home, engine=Engine.MEMORY) as service:
        service.estate.bulk_upsert([resource("fn", resource_type="lambda_function", engine=None)])
        index = index_of(service)
        assert index.rebuild()
        assert "No embedding model" in service.health().part("embeddings").detail
        assert names_found(service, "serverless") == []
        install_model(home.models)
        index.use_model(None)
        assert index.rebuild()
        assert service.health().part("embeddings").detail == "Model tiny, 16 dimensions."
        assert names_found(service, "serverless") == ["fn"]


def test_a_wanted_model_that_is_not_there_is_named(home: Home) -> None:
    with open_indexed(home, engine=Engine.MEMORY, model="BAAI/bge-small-en-v1.5") as service:
        part = service.health().part("embeddings")
        assert "The embedding model BAAI/bge-small-en-v1.5 is not installed" in part.detail
        assert part.fix is not None
        assert "cloudops-ls models install BAAI/bge-small-en-v1.5" in part.fix

"""The search index on a Qdrant server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudops_ls.storage.health import PartState
from cloudops_ls.storage.indexing.settings import ServerSettings
from cloudops_ls.storage.records import Match
from cloudops_ls.storage.service import StorageService
from cloudops_ls.storage.vectors.engines import Engine
from cloudops_ls.storage.vectors.index import AWS_RESOURCES, CHAT_HISTORY

from .indexed import index_of, names_found, open_indexed, search_health
from .qdrant_server import Failure, QdrantTestServer
from .samples import estate, resource, ring

if TYPE_CHECKING:
    from cloudops_ls.home import Home


def test_a_server_keeps_its_points_and_only_differences_are_written(
    home: Home, qdrant: QdrantTestServer
) -> None:
    settings = {"server": ServerSettings(qdrant.url)}
    with open_indexed(home, **settings) as service:
        service.estate.bulk_upsert(estate(300))
        assert index_of(service).rebuild()
    assert qdrant.collections() == {AWS_RESOURCES, CHAT_HISTORY}
    assert qdrant.indexes[AWS_RESOURCES]["account_id"]["is_tenant"] is True
    with StorageService.open(home, keys=ring(home)) as other:
        other.estate.upsert_resource(resource("new"))
        other.estate.delete_resource(estate(1)[0].arn)
    qdrant.seen.clear()
    with open_indexed(home, **settings) as service:
        assert index_of(service).rebuild()
        assert search_health(service).endswith("300 resources and 0 messages, none differs.")
        written = [path for method, path, _ in qdrant.seen if method == "PUT" and "points" in path]
        assert len(written) == 1
        assert len(qdrant.points(AWS_RESOURCES)) == 300


def test_a_server_that_is_away_costs_no_answer(home: Home, qdrant: QdrantTestServer) -> None:
    with open_indexed(home, server=ServerSettings(qdrant.url, timeout=1)) as service:
        service.estate.bulk_upsert(estate(100))
        index = index_of(service)
        assert index.rebuild()
        qdrant.failures += [Failure(status=503)] * 4
        assert "svc-00003" in names_found(service, "app3 staging")
        part = service.health().part("search")
        assert part.state is PartState.DEGRADED
        assert "answers with status 503; search by text alone" in part.detail
        assert part.fix is not None
        # Nothing is asked of it while it is away, and writing is not held up.
        before = len(qdrant.seen)
        service.estate.upsert_resource(resource("meanwhile", tags={"team": "omega"}))
        assert names_found(service, "omega") == ["meanwhile"]
        assert len(qdrant.seen) == before
        assert index.rebuild()
        assert search_health(service).endswith("101 resources and 0 messages, none differs.")
        assert service.estate.search("omega")[0].how is Match.KEYWORDS


def test_a_server_that_must_not_be_used_is_not(home: Home) -> None:
    server = ServerSettings("http://qdrant.example.com:6333", lambda: "key")
    with open_indexed(home, server=server) as service:
        assert index_of(service).rebuild()
        part = service.health().part("search")
        assert part.state is PartState.DEGRADED
        assert "because Qdrant's API key would be sent unencrypted" in part.detail
        assert part.fix == "Use https"
    with open_indexed(home, engine=Engine.SERVER) as service:
        part = service.health().part("search")
        assert "because no Qdrant server is set" in part.detail

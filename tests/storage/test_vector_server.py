"""How a Qdrant server is spoken to: key, TLS, several owners, and bad days."""

from __future__ import annotations

import ssl
import time
from typing import TYPE_CHECKING

import pytest
import trustme

from cloudops_ls.errors import CloudOpsError
from cloudops_ls.storage.vectors.index import (
    CollectionSpec,
    Condition,
    IndexUnavailableError,
    IndexUnusableError,
    VectorPoint,
)
from cloudops_ls.storage.vectors.server import QdrantServer, ServerIndex
from cloudops_ls.storage.vectors.sparse import QdrantEncoder

from .qdrant_server import Failure, QdrantTestServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SPEC = CollectionSpec("things", 3, ("account_id", "region"), "account_id", "Some/Model@1.0")
COLLECTION = "things_some-model-1-0_3"
_bm25 = QdrantEncoder()


@pytest.fixture
def server() -> Iterator[QdrantTestServer]:
    with QdrantTestServer(api_key="the-key") as running:
        yield running


def _index(server: QdrantTestServer, store: str = "mine", **options) -> ServerIndex:
    options = {"api_key": "the-key", "timeout": 2, **options}
    return ServerIndex(SPEC, QdrantServer(server.url, store, **options))


def _point(key: str, text: str = "thing", account: str = "1") -> VectorPoint:
    return VectorPoint(key, _bm25.document(text), [1.0, 0.0, 0.0], {"account_id": account}, "v")


def _found(index: ServerIndex, text: str = "thing", *conditions: Condition) -> set[str]:
    hits = index.query(sparse=_bm25.query(text), dense=None, conditions=conditions, limit=10)
    return {hit.key for hit in hits}


def test_nothing_is_asked_before_it_is_needed(server: QdrantTestServer) -> None:
    _index(server).close()
    assert server.seen == []


def test_every_request_carries_the_key_and_accounts_are_tenants(server: QdrantTestServer) -> None:
    index = _index(server)
    index.upsert([_point("a")])
    assert index.count() == 1
    assert {headers["Api-Key"] for _, _, headers in server.seen} == {"the-key"}
    assert server.collections() == {COLLECTION}
    tenants = {name: made["is_tenant"] for name, made in server.indexes[COLLECTION].items()}
    assert tenants == {"account_id": True, "region": None, "store": None}
    index.close()


def test_stores_on_one_server_never_see_each_other(server: QdrantTestServer) -> None:
    mine, theirs = _index(server), _index(server, "theirs")
    mine.upsert([_point("same"), _point("mine")])
    theirs.upsert([_point("same", account="2")])
    assert (mine.count(), theirs.count()) == (2, 1)
    assert len(server.points(COLLECTION)) == 3
    assert _found(mine) == {"same", "mine"}
    assert _found(mine, "thing", Condition("account_id", ("2",))) == set()
    assert dict(theirs.versions()) == {"same": "v"}
    mine.delete(["same"])
    assert _found(theirs) == {"same"}
    again = _index(server)
    assert _found(again) == {"mine"}


def test_a_refused_key_is_said_once_and_not_tried_again(server: QdrantTestServer) -> None:
    index = _index(server, api_key="wrong")
    with pytest.raises(IndexUnavailableError, match="refuses the API key") as caught:
        index.count()
    assert "CLOUDOPS_QDRANT_API_KEY" in caught.value.fix
    assert len(server.seen) == 1
    assert "wrong" not in str(caught.value)


def test_a_key_never_travels_unencrypted() -> None:
    server = QdrantServer("http://qdrant.example.com:6333", "store", api_key="the-key")
    with pytest.raises(CloudOpsError, match="unencrypted"):
        server.check()
    assert "the-key" not in repr(server)
    QdrantServer("http://qdrant.example.com:6333", "store").check()
    QdrantServer("https://qdrant.example.com:6333", "store", api_key="the-key").check()
    QdrantServer("http://127.0.0.1:6333", "store", api_key="the-key").check()


def test_certificates_are_checked(tmp_path: Path) -> None:
    authority, stranger = trustme.CA(), trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    good, bad = tmp_path / "good.pem", tmp_path / "bad.pem"
    authority.cert_pem.write_to_path(str(good))
    stranger.cert_pem.write_to_path(str(bad))
    with QdrantTestServer(tls=context) as server:
        assert server.url.startswith("https://")
        assert _index(server, ca_file=good).count() == 0
        for ca_file in (bad, None):
            with pytest.raises(IndexUnavailableError, match=r"certificate of .* is not trusted"):
                _index(server, ca_file=ca_file).count()
    with pytest.raises(CloudOpsError, match="cannot be read"):
        QdrantServer("https://q", "store", ca_file=tmp_path / "none.pem").check()


@pytest.mark.parametrize(
    "failure",
    [Failure(status=503), Failure(status=429, retry_after=1), Failure(drop=True)],
    ids=lambda failure: f"{failure.status or 'dropped'}",
)
def test_what_passes_is_tried_again(server: QdrantTestServer, failure: Failure) -> None:
    index = _index(server)
    assert index.count() == 0
    server.failures += [failure, failure]
    begin = time.monotonic()
    index.upsert([_point("a")])
    assert time.monotonic() - begin >= 2 * (failure.retry_after or 0)
    assert server.failures == []
    assert index.count() == 1


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (Failure(status=503), "answers with status 503"),
        (Failure(status=429, retry_after=0), "too busy"),
        (Failure(drop=True), "cannot be reached"),
        (Failure(delay=1.5), "does not answer in time"),
    ],
)
def test_what_does_not_pass_is_named_without_names(
    server: QdrantTestServer, failure: Failure, reason: str
) -> None:
    index = _index(server, timeout=1)
    assert index.count() == 0
    server.failures += [failure] * 10
    with pytest.raises(IndexUnavailableError, match=reason) as caught:
        index.query(
            sparse=_bm25.query("secretname"),
            dense=None,
            conditions=[Condition("region", ("secretname",))],
            limit=1,
        )
    assert "secretname" not in f"{caught.value} {caught.value.__cause__} {caught.value.fix}"
    assert caught.value.__suppress_context__
    # It is used again when it is back.
    server.failures.clear()
    assert index.count() == 0


def test_a_request_that_is_wrong_is_not_repeated(server: QdrantTestServer) -> None:
    index = _index(server)
    assert index.count() == 0
    server.failures.append(Failure(status=400))
    before = len(server.seen)
    with pytest.raises(IndexUnavailableError, match="status 400"):
        index.count()
    assert len(server.seen) == before + 1


def test_an_answer_that_is_not_qdrants_is_named(server: QdrantTestServer) -> None:
    server.failures.append(Failure(body=b"<html>proxy</html>"))
    with pytest.raises(IndexUnavailableError, match="does not answer as Qdrant does"):
        _index(server).count()


def test_no_server_is_named_soon() -> None:
    begin = time.monotonic()
    with pytest.raises(IndexUnavailableError, match=r"127\.0\.0\.1:1 cannot be reached"):
        ServerIndex(SPEC, QdrantServer("http://127.0.0.1:1", "store")).count()
    assert time.monotonic() - begin < 10


def test_a_collection_that_goes_is_made_again(server: QdrantTestServer) -> None:
    index = _index(server)
    index.upsert([_point("a")])
    server.drop(COLLECTION)
    with pytest.raises(IndexUnusableError, match="gone"):
        index.count()
    assert index.count() == 0


def test_a_collection_of_somebody_else_is_left_alone(server: QdrantTestServer) -> None:
    other = CollectionSpec("things", 5, (), None, "other")
    ServerIndex(other, QdrantServer(server.url, "mine", api_key="the-key")).count()
    (name,) = server.collections()
    clash = CollectionSpec(name, None, ())
    index = ServerIndex(clash, QdrantServer(server.url, "mine", api_key="the-key"))
    with pytest.raises(IndexUnavailableError, match="not one of ours"):
        index.upsert([_point("a")])
    assert server.points(name) == []


def test_a_prefix_keeps_collections_apart(server: QdrantTestServer) -> None:
    _index(server, prefix="team-").upsert([_point("a")])
    assert server.collections() == {f"team-{COLLECTION}"}

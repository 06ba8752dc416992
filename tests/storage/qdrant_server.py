"""Qdrant's REST API over a real socket, for testing how a server is spoken to.

There is no Qdrant server to be had from a package registry. This one checks the key, speaks TLS,
fails as it is told to, and leaves the collections to qdrant-client's local mode. It implements the
requests that the ``server`` engine makes, as the API reference describes them, and nothing else;
a suite against a real server runs where ``CLOUDOPS_TEST_QDRANT_URL`` names one.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from flask import Flask, jsonify, request
from pydantic import TypeAdapter
from qdrant_client import QdrantClient, models
from werkzeug.serving import WSGIRequestHandler, make_server

if TYPE_CHECKING:
    import ssl

    from flask import Response


@dataclass
class Failure:
    """What the next requests meet, once each."""

    status: int = 0
    retry_after: int | None = None
    delay: float = 0.0
    drop: bool = False
    body: bytes | None = None


class QuietHandler(WSGIRequestHandler):
    """Logs nothing."""

    def log(self, *_: Any, **__: Any) -> None:
        pass


@dataclass
class QdrantTestServer:
    """A server on loopback.

    Attributes
    ----------
    api_key
        What it asks for; None for nothing.
    tls
        Its certificate; None for plain HTTP.
    seen
        Method, path and headers of every request.
    indexes
        Payload indexes that were asked for, by collection.
    failures
        What comes instead of an answer.
    """

    api_key: str | None = None
    tls: ssl.SSLContext | None = None
    seen: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    indexes: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._local = QdrantClient(":memory:")
        self._lock = threading.Lock()
        self._server = make_server(
            "127.0.0.1",
            0,
            self._app(),
            threaded=True,
            ssl_context=self.tls,
            request_handler=QuietHandler,
        )
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        scheme = "https" if self.tls else "http"
        self.url = f"{scheme}://localhost:{self._server.server_port}"
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)
        self._local.close()

    def collections(self) -> set[str]:
        return {each.name for each in self._local.get_collections().collections}

    def drop(self, collection: str) -> None:
        self._local.delete_collection(collection)

    def points(self, collection: str) -> list[models.Record]:
        found, _ = self._local.scroll(collection, limit=10_000, with_vectors=True)
        return found

    def _app(self) -> Flask:
        app = Flask(__name__)

        @app.before_request
        def judge() -> Any:
            self.seen.append((request.method, request.path, dict(request.headers)))
            if self.api_key is not None and request.headers.get("api-key") != self.api_key:
                return _error(401, "Must provide an API key or an Authorization bearer token")
            if not self.failures:
                return None
            failure = self.failures.pop(0)
            time.sleep(failure.delay)
            if failure.drop:
                request.environ["werkzeug.socket"].shutdown(2)
            if failure.body is not None:
                return failure.body
            if not failure.status:
                return None
            answer = _error(failure.status, "as told")
            if failure.retry_after is not None:
                answer.headers["Retry-After"] = str(failure.retry_after)
            return answer

        @app.get("/collections/<name>/exists")
        def exists(name: str) -> Any:
            return _result({"exists": name in self.collections()})

        @app.route("/collections/<name>", methods=["GET", "PUT", "DELETE"])
        def collection(name: str) -> Any:
            there = name in self.collections()
            if request.method == "PUT":
                if there:
                    return _error(409, f"Collection `{name}` already exists!")
                wanted = models.CreateCollection.model_validate(request.json)
                self._local.create_collection(
                    name,
                    vectors_config=wanted.vectors,
                    sparse_vectors_config=wanted.sparse_vectors,
                )
                return _result(True)
            if not there:
                return _error(404, f"Not found: Collection `{name}` doesn't exist!")
            if request.method == "DELETE":
                return _result(self._local.delete_collection(name))
            return _result(self._local.get_collection(name).model_dump(mode="json"))

        @app.put("/collections/<name>/index")
        def index(name: str) -> Any:
            wanted = models.CreateFieldIndex.model_validate(request.json)
            schema = wanted.field_schema
            assert isinstance(schema, models.KeywordIndexParams)
            self.indexes.setdefault(name, {})[wanted.field_name] = schema.model_dump()
            return _result(_DONE)

        def points(path: str, method: str, kind: Any) -> Any:
            def decorate(work: Any) -> Any:
                def view(name: str) -> Any:
                    if name not in self.collections():
                        return _error(404, f"Not found: Collection `{name}` doesn't exist!")
                    asked = TypeAdapter(kind).validate_python(request.json)
                    with self._lock:
                        return _result(work(name, asked))

                app.add_url_rule(f"/collections/<name>{path}", path, view, methods=[method])
                return work

            return decorate

        @points("/points", "PUT", models.PointsList)
        def upsert(name: str, asked: models.PointsList) -> Any:
            self._local.upsert(name, asked.points)
            return _DONE

        @points("/points/delete", "POST", models.PointsSelector)
        def delete(name: str, asked: models.PointsSelector) -> Any:
            self._local.delete(name, asked)
            return _DONE

        @points("/points/query", "POST", models.QueryRequest)
        def query(name: str, asked: models.QueryRequest) -> Any:
            return self._local.query_points(
                name,
                query=asked.query,
                using=asked.using,
                prefetch=asked.prefetch,
                query_filter=asked.filter,
                limit=asked.limit or 10,
                with_payload=asked.with_payload or False,
            ).model_dump(mode="json")

        @points("/points/count", "POST", models.CountRequest)
        def count(name: str, asked: models.CountRequest) -> Any:
            return self._local.count(name, asked.filter).model_dump()

        @points("/points/scroll", "POST", models.ScrollRequest)
        def scroll(name: str, asked: models.ScrollRequest) -> Any:
            found, offset = self._local.scroll(
                name,
                scroll_filter=asked.filter,
                limit=asked.limit or 10,
                offset=asked.offset,
                with_payload=asked.with_payload or False,
                with_vectors=asked.with_vector or False,
            )
            return {
                "points": [each.model_dump(mode="json") for each in found],
                "next_page_offset": offset,
            }

        return app


_DONE = {"operation_id": 0, "status": "completed"}


def _result(result: Any) -> Response:
    return jsonify({"result": result, "status": "ok", "time": 0.0})


def _error(status: int, text: str) -> Response:
    answer = jsonify({"status": {"error": text}, "time": 0.0})
    answer.status_code = status
    return answer

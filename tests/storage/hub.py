"""The few requests of the Hugging Face hub that fetching one model takes, on loopback."""

from __future__ import annotations

import hashlib
import threading
from typing import TYPE_CHECKING, Any, Self

from flask import Flask, Response, jsonify, request, send_file
from werkzeug.serving import make_server

from .qdrant_server import QuietHandler

if TYPE_CHECKING:
    from pathlib import Path

COMMIT = "a" * 40


class HubServer:
    """A hub with one repository.

    Parameters
    ----------
    repository
        Its name.
    files
        What is in it.

    Attributes
    ----------
    status
        Of every answer, where it is not 200.
    """

    def __init__(self, repository: str, files: Path) -> None:
        self._repository = repository
        self._files = files
        self.status = 200

    def __enter__(self) -> Self:
        self._server = make_server(
            "127.0.0.1", 0, self._app(), threaded=True, request_handler=QuietHandler
        )
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    def _app(self) -> Flask:
        app = Flask(__name__)
        info = f"/api/models/{self._repository}"

        @app.before_request
        def judge() -> Any:
            return None if self.status == 200 else Response(status=self.status)

        def about(revision: str = "main") -> Any:
            names = [{"rfilename": path.name} for path in self._files.iterdir()]
            return jsonify({"id": self._repository, "sha": COMMIT, "siblings": names})

        app.add_url_rule(info, "info", about)
        app.add_url_rule(f"{info}/revision/<revision>", "revision", about)

        @app.get(f"{info}/tree/<revision>")
        def tree(revision: str) -> Any:
            files = self._files.iterdir()
            sizes = [{"path": path.name, "size": path.stat().st_size} for path in files]
            return jsonify([{"type": "file", "oid": "0" * 40, **each} for each in sizes])

        @app.route(f"/{self._repository}/resolve/<revision>/<path:name>", methods=["GET", "HEAD"])
        def resolve(revision: str, name: str) -> Any:
            path = self._files / name
            if not path.is_file():
                return Response(status=404, headers={"X-Error-Code": "EntryNotFound"})
            answer = send_file(path, mimetype="application/octet-stream")
            if request.method == "HEAD":
                answer = Response(headers={"Content-Length": str(path.stat().st_size)})
            answer.headers["ETag"] = f'"{hashlib.sha256(path.read_bytes()).hexdigest()}"'
            answer.headers["X-Repo-Commit"] = COMMIT
            return answer

        return app

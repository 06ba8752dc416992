"""An EC2 instance's metadata service (IMDSv2) and a container's credentials, on loopback."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

_ROLES = "/latest/meta-data/iam/security-credentials/"


class MetadataService:
    def __init__(self, key: str, secret: str) -> None:
        self.asked: list[str] = []
        outer = self
        expiry = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        credentials = {
            "Code": "Success",
            "AccessKeyId": key,
            "SecretAccessKey": secret,
            "Token": "session",
            "Expiration": expiry,
        }

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                self._say("imds-token")

            def do_GET(self) -> None:
                outer.asked.append(self.path)
                if self.path == _ROLES:
                    self._say("operator")
                elif self.path in (f"{_ROLES}operator", "/container"):
                    self._say(json.dumps(credentials))
                else:
                    self.send_error(404)

            def _say(self, body: str) -> None:
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_arguments: object) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_details: object) -> None:
        self._server.shutdown()
        self._server.server_close()

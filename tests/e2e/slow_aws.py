"""A way to the stand-in AWS that counts, delays, and refuses."""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.error import HTTPError
from urllib.parse import parse_qs
from urllib.request import Request, urlopen

if TYPE_CHECKING:
    from pathlib import Path

_EXPIRED = (
    b"<ErrorResponse><Error><Type>Sender</Type><Code>ExpiredToken</Code>"
    b"<Message>The security token included in the request is expired</Message></Error>"
    b"<RequestId>1</RequestId></ErrorResponse>"
)


class SlowAws:
    """Passes every call on, as told.

    Attributes
    ----------
    calls
        Query-protocol actions that arrived, such as ``DescribeDBInstances``.
    delay
        Seconds before a call is passed on.
    expired
        Calls are refused: the token has expired.
    written_over
        What is put into answers in place of what.
    """

    def __init__(self, endpoint: str) -> None:
        self.calls: list[str] = []
        self.delay = 0.0
        self.expired = False
        self.written_over: dict[bytes, bytes] = {}
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self.do_POST()

            def do_HEAD(self) -> None:
                self.do_POST()

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                action = parse_qs(body.decode(errors="replace")).get("Action", ["?"])[0]
                outer.calls.append(action)
                time.sleep(outer.delay)
                if outer.expired:
                    self._answer(403, _EXPIRED, "text/xml")
                    return
                kept = {
                    name: value
                    for name, value in self.headers.items()
                    if name.lower() not in ("host", "content-length", "connection")
                }
                request = Request(
                    endpoint + self.path, data=body or None, headers=kept, method=self.command
                )
                try:
                    answer = urlopen(request)
                except HTTPError as error:
                    answer = error
                with answer:
                    said = answer.read()
                    for old, new in outer.written_over.items():
                        said = said.replace(old, new)
                    self._answer(answer.status, said, answer.headers.get("Content-Type", ""))

            def _answer(self, status: int, body: bytes, kind: str) -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def configure(self, environment: dict[str, str], endpoint: str, config: Path) -> None:
        """Lead the profiles of an environment through here."""
        from pathlib import Path

        text = Path(environment["AWS_CONFIG_FILE"]).read_text()
        assert endpoint in text
        config.write_text(text.replace(endpoint, self.endpoint))
        environment["AWS_CONFIG_FILE"] = str(config)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

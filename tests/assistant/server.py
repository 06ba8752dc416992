"""A CloudOps server for tests: real HTTP on loopback, with scripted good and bad behaviour.

``with CloudOpsTestServer() as server`` answers on ``server.url``; ``server.script(...)`` sets
what the next requests get (the last behaviour repeats); ``server.requests`` is what came in.
"""

from __future__ import annotations

import json
import select
import socket
import threading
import time
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator, Mapping, Sequence

COMMANDS = {
    "kind": "commands",
    "text": "`pg-instance-main1` is available. Stopping it takes the `main` app down.",
    "steps": [
        {
            "command": "aws rds stop-db-instance --db-instance-identifier pg-instance-main1 "
            "--region us-west-2",
            "reason": "Stops the instance.",
        }
    ],
}
INFORMATION = {"kind": "information", "text": "It runs PostgreSQL 14.7."}
CLARIFICATION = {
    "kind": "clarification",
    "question": "Which `web-1` do you mean?",
    "choices": [
        {"label": "web-1 in us-west-2", "arn": "arn:aws:ec2:us-west-2:1:instance/i-1"},
        {"label": "web-1 in eu-west-1", "arn": None},
    ],
}


@dataclass(frozen=True, slots=True)
class ReceivedRequest:
    path: str
    headers: Mapping[str, str]
    """Names in lower case."""
    body: dict[str, Any]
    raw: bytes
    """The body as it came."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One scripted behaviour. The default streams ``deltas`` and then ``reply``."""

    reply: Mapping[str, Any] | None = None
    echo: bool = False
    """The reply is information that repeats the prompt."""
    deltas: Sequence[str] = ()
    pause: float = 0
    """Seconds before each event."""
    held: threading.Event | None = None
    """The reply waits for it, after the deltas."""
    stream: bool = True
    """False: the reply as plain JSON."""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: Sequence[bytes] | None = None
    """Instead of events: these bytes as the body, in these pieces."""
    content_type: str | None = None
    endless: bytes | None = None
    """After the events: this piece again and again, until the client goes or 64 MiB."""
    hang: bool = False
    """After the events: silence until the client goes."""
    drop: bool = False
    """After the events: break the connection off in the middle of the body."""
    drop_at_once: bool = False
    """Break the connection off before any byte of an answer."""


def event(name: str, data: Any) -> bytes:
    text = data if isinstance(data, str) else json.dumps(data)
    return f"event: {name}\ndata: {text}\n\n".encode()


class _QuietServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_request: object) -> None:
        """Clients that go away are part of the tests."""


class CloudOpsTestServer:
    """Serves in threads until ``close``.

    Parameters
    ----------
    answers
        As for ``script``; by default a piece of information.
    tls
        Serve https with this.
    """

    def __init__(self, *answers: Answer, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[ReceivedRequest] = []
        self.bytes_sent = 0
        self.client_left = threading.Event()
        """Set when a client closed its connection while its answer was still being made."""
        self.capabilities: str | None = None
        """What ``GET`` is answered with; None for a server without that endpoint."""
        self.gets: list[str] = []
        """Paths of the ``GET`` requests that came in."""
        self.asked = threading.Event()
        """Set when a request has come in."""
        self._answers = list(answers) or [Answer(reply=INFORMATION)]
        self._lock = threading.Lock()
        self._closing = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                outer._serve(self)

            def do_GET(self) -> None:
                outer._tell(self)

            def log_message(self, *_args: object) -> None:
                return

        self._server = _QuietServer(("127.0.0.1", 0), Handler)
        self._scheme = "https" if tls else "http"
        if tls:
            # The handshake happens in the connection's own thread, at its first read.
            self._server.socket = tls.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self._server.server_port}"

    def script(self, *answers: Answer) -> None:
        with self._lock:
            self._answers = list(answers)

    def begin_again(self) -> None:
        """Forget what was asked, and answer as a new server does."""
        self.script(Answer(reply=INFORMATION))
        self.requests.clear()
        self.client_left.clear()
        self.asked.clear()

    def close(self) -> None:
        self._closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("content-length", 0)))
        headers = {name.lower(): value for name, value in handler.headers.items()}
        with self._lock:
            self.requests.append(ReceivedRequest(handler.path, headers, json.loads(body), body))
            answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if answer.echo:
            said = {"kind": "information", "text": json.loads(body)["prompt"]}
            answer = replace(answer, reply=said)
        self.asked.set()
        handler.close_connection = True
        try:
            self._answer(handler, answer)
        except (BrokenPipeError, ConnectionResetError):
            self.client_left.set()

    def _tell(self, handler: BaseHTTPRequestHandler) -> None:
        with self._lock:
            self.gets.append(handler.path)
        body = (self.capabilities or "").encode()
        handler.send_response(404 if self.capabilities is None else 200)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    def _answer(self, handler: BaseHTTPRequestHandler, answer: Answer) -> None:
        if answer.drop_at_once:
            handler.connection.shutdown(socket.SHUT_RDWR)
            return
        handler.send_response(answer.status)
        streamed = answer.raw is None and answer.stream and answer.status == 200
        media_type = "text/event-stream" if streamed else "application/json"
        handler.send_header("Content-Type", answer.content_type or media_type)
        handler.send_header("Transfer-Encoding", "chunked")
        for name, value in answer.headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        for piece in self._pieces(answer, streamed):
            if answer.pause and self._left(handler, answer.pause):
                return
            self._send(handler, piece)
        if answer.endless is not None:
            while self.bytes_sent < 64 * 1024 * 1024:
                try:
                    self._send(handler, answer.endless)
                except OSError:
                    self.client_left.set()
                    raise
                if answer.pause and self._left(handler, answer.pause):
                    return
        if answer.hang:
            while not self._left(handler, 0.05):
                pass
            return
        if not answer.drop:
            handler.wfile.write(b"0\r\n\r\n")

    def _pieces(self, answer: Answer, streamed: bool) -> Iterator[bytes]:
        if answer.raw is not None:
            yield from answer.raw
            return
        if streamed:
            for delta in answer.deltas:
                yield event("delta", {"text": delta})
            if answer.held is not None:
                answer.held.wait(60)
            if answer.reply is not None:
                yield event("reply", answer.reply)
        elif answer.reply is not None:
            yield json.dumps(answer.reply).encode()

    def _send(self, handler: BaseHTTPRequestHandler, piece: bytes) -> None:
        handler.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        handler.wfile.flush()
        self.bytes_sent += len(piece)

    def _left(self, handler: BaseHTTPRequestHandler, seconds: float) -> bool:
        """Wait; return whether the client (or this server) went meanwhile."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if self._closing.is_set():
                return True
            readable, _, _ = select.select([handler.connection], [], [], min(left, 0.05))
            if readable and not handler.connection.recv(1, socket.MSG_PEEK):
                self.client_left.set()
                return True
        return False

"""A small server that keeps to the protocol, with a switch for each way not to.

Its answers are those of the built-in planner.
"""

from __future__ import annotations

import asyncio
import json
import threading
from contextlib import aclosing, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from pydantic import ValidationError

from cloudops_ls.assistant.base import FinalReply
from cloudops_ls.assistant.builtin import BuiltinAssistant
from cloudops_ls.assistant.protocol import AssistantRequest
from cloudops_ls.estate.catalog.loader import Catalog

from .server import event


class ReferenceServer:
    """Answers on ``url`` until ``close``; ``faults`` names what it does wrong."""

    def __init__(self, *faults: str, token: str | None = None) -> None:
        self.faults = frozenset(faults)
        self.token = token
        self._planner = BuiltinAssistant(Catalog.load())
        self._answered: dict[str, dict[str, Any]] = {}
        self._count = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                outer._capabilities(self)

            def do_POST(self) -> None:
                with suppress(BrokenPipeError, ConnectionResetError):
                    outer._reply(self)

            def log_message(self, *_args: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def _capabilities(self, handler: BaseHTTPRequestHandler) -> None:
        versions = ["2"] if "another version" in self.faults else ["1"]
        said = {"protocols": versions, "name": "reference", "version": "1"}
        _send(handler, 200, json.dumps(said).encode())

    def _reply(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("content-length", 0)))
        given = handler.headers.get("authorization")
        expected = None if "any token" in self.faults else self.token
        if expected is not None and given != f"Bearer {expected}":
            return _send(handler, 401)
        if "strict" in self.faults and b"from_a_later_version" in body:
            return _send(handler, 422)
        if "small" in self.faults and len(body) > 20_000:
            return _send(handler, 413)
        try:
            request = AssistantRequest.model_validate_json(body)
        except ValidationError:
            return _send(handler, 200 if "accepts anything" in self.faults else 422)
        if "needs resources" in self.faults and not request.identified_resources:
            return _send(handler, 500)
        if "obeys" in self.faults and b"Ignore all" in body:
            return _send(handler, 200, b'{"kind": "run"}')
        reply = self._made(request)
        if (
            handler.headers.get("accept") == "application/json"
            and "only streams" not in self.faults
        ):
            return _send(handler, 200, json.dumps(reply).encode())
        if "never streams" in self.faults:
            return _send(handler, 200, json.dumps(reply).encode())
        twice = "two replies" in self.faults
        stream = event("delta", {"text": "It "}) + event("reply", reply) * (1 + twice)
        _send(handler, 200, stream, "text/event-stream")
        return None

    def _made(self, request: AssistantRequest) -> dict[str, Any]:
        if request.request_id not in self._answered or "forgets" in self.faults:
            self._count += 1
            reply = asyncio.run(self._planned(request))
            if "forgets" in self.faults:
                reply = {"kind": "information", "text": f"Answer {self._count}."}
            self._answered[request.request_id] = reply
        return self._answered[request.request_id]

    async def _planned(self, request: AssistantRequest) -> dict[str, Any]:
        async with aclosing(self._planner.reply(request)) as events:
            async for one in events:
                if isinstance(one, FinalReply):
                    return one.reply.model_dump(mode="json")
        raise AssertionError("the planner ended without a reply")


def _send(
    handler: BaseHTTPRequestHandler, status: int, body: bytes = b"", media: str = "application/json"
) -> None:
    handler.send_response(status)
    handler.send_header("Content-Type", media)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)

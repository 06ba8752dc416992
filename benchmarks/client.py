"""The leanest LSP client: blocking pipes and plain JSON, so that what is timed is the server."""

from __future__ import annotations

import json
import subprocess
import threading
from time import perf_counter
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

_LONGEST = 900.0
"""Seconds after which a server is ended, so that no benchmark hangs."""

CAPABILITIES: dict[str, Any] = {
    "general": {"positionEncodings": ["utf-16"]},
    "workspace": {
        "applyEdit": True,
        "configuration": True,
        "workspaceFolders": True,
        "didChangeConfiguration": {"dynamicRegistration": True},
        "codeLens": {"refreshSupport": True},
    },
    "textDocument": {
        "completion": {
            "completionItem": {
                "snippetSupport": True,
                "labelDetailsSupport": True,
                "documentationFormat": ["markdown", "plaintext"],
            }
        },
        "hover": {"contentFormat": ["markdown", "plaintext"]},
    },
    "window": {"workDoneProgress": True},
}
"""What VS Code says it can do, as far as it matters here."""


class Client:
    """One server process and its only client.

    Parameters
    ----------
    command
        What to start.
    variables
        Its whole environment.
    """

    def __init__(self, command: Sequence[str], variables: Mapping[str, str]) -> None:
        self.started = perf_counter()
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=dict(variables)
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self._to, self._from = self.process.stdin, self.process.stdout
        self._watchdog = threading.Timer(_LONGEST, self.process.kill)
        self._watchdog.daemon = True
        self._watchdog.start()
        self._last_id = 0
        self.logged: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self.request("shutdown", None)
                self.notify("exit", None)
                self.process.wait(20)
        finally:
            self._watchdog.cancel()
            if self.process.poll() is None:
                self.process.kill()
            self.process.wait()
            self._to.close()
            self._from.close()

    def initialize(self) -> float:
        """Shake hands; return the seconds from the start of the process to the answer."""
        body = self._request_body(
            "initialize",
            {
                "processId": None,
                "rootUri": None,
                "capabilities": CAPABILITIES,
                "initializationOptions": {},
            },
        )
        self._send(body)
        _, arrived = self._answer()
        return arrived - self.started

    def notify(self, method: str, params: Any) -> None:
        self._send(_body({"method": method, "params": params}))

    def request(self, method: str, params: Any) -> tuple[Any, float]:
        """Return the result, and the seconds between writing and having read it."""
        body = self._request_body(method, params)
        start = perf_counter()
        self._send(body)
        result, arrived = self._answer()
        return result, arrived - start

    def change_and_request(self, change: Any, method: str, params: Any) -> tuple[Any, float]:
        """Send ``didChange`` and a request behind it; time both together."""
        both = _framed(_body({"method": "textDocument/didChange", "params": change}))
        both += _framed(self._request_body(method, params))
        start = perf_counter()
        self._write(both)
        result, arrived = self._answer()
        return result, arrived - start

    def wait_for_log(self, part: str) -> float:
        """Read until the server has logged ``part``; return the seconds since its start."""
        while not any(part in line for line in self.logged):
            message, _ = self._read()
            self._serve(message)
        return perf_counter() - self.started

    def _request_body(self, method: str, params: Any) -> bytes:
        self._last_id += 1
        return _body({"id": self._last_id, "method": method, "params": params})

    def _answer(self) -> tuple[Any, float]:
        """Read up to the answer of the last request."""
        while True:
            message, arrived = self._read()
            if message.get("id") == self._last_id and "method" not in message:
                if "error" in message:
                    raise RuntimeError(f"the server answered {message['error']}")
                return message.get("result"), arrived
            self._serve(message)

    def _serve(self, message: dict[str, Any]) -> None:
        """Do what an editor does with what a server sends by itself."""
        method = message.get("method")
        if method in ("window/logMessage", "window/showMessage"):
            self.logged.append(message["params"]["message"])
        elif method is not None and "id" in message:
            answer: Any = [{}] if method == "workspace/configuration" else None
            self._send(_body({"id": message["id"], "result": answer}))

    def _read(self) -> tuple[dict[str, Any], float]:
        length = 0
        while True:
            header = self._from.readline()
            if not header:
                raise RuntimeError(f"the server ended with {self.process.wait()}")
            if header == b"\r\n":
                break
            name, _, value = header.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        content = self._from.read(length)
        arrived = perf_counter()
        message: dict[str, Any] = json.loads(content)
        return message, arrived

    def _send(self, body: bytes) -> None:
        self._write(_framed(body))

    def _write(self, data: bytes) -> None:
        self._to.write(data)
        self._to.flush()


def _body(message: dict[str, Any]) -> bytes:
    return json.dumps({"jsonrpc": "2.0", **message}).encode()


def _framed(body: bytes) -> bytes:
    return b"Content-Length: %d\r\n\r\n" % len(body) + body


def open_document(client: Client, uri: str, text: str) -> None:
    client.notify(
        "textDocument/didOpen",
        {
            "textDocument": {
                "uri": uri,
                "languageId": "markdown",
                "version": 1,
                "text": text,
            }
        },
    )


def at(uri: str, line: int, character: int) -> dict[str, Any]:
    """The parameters of a request at a position."""
    return {
        "textDocument": {"uri": uri},
        "position": {"line": line, "character": character},
    }

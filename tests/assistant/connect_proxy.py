"""An HTTP proxy for tests: real CONNECT tunnels on loopback, to where a test says a name leads."""

from __future__ import annotations

import socket
import threading
from base64 import b64encode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Mapping


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_request: object) -> None:
        """Tunnels end when either side goes."""


class ConnectProxy:
    """Serves in threads until the ``with`` block ends.

    Parameters
    ----------
    hosts
        Ports on this machine by ``name:port`` as it is asked for; other names are refused.
    user
        ``name:password`` that it wants to be told.
    """

    def __init__(self, hosts: Mapping[str, int], user: str | None = None) -> None:
        self.asked: list[str] = []
        """What tunnels were asked for."""
        outer = self
        wanted = f"Basic {b64encode(user.encode()).decode()}" if user is not None else None

        class Handler(BaseHTTPRequestHandler):
            def do_CONNECT(self) -> None:
                outer.asked.append(self.path)
                if wanted is not None and self.headers["Proxy-Authorization"] != wanted:
                    self.send_error(407)
                    return
                if self.path not in hosts:
                    self.send_error(403)
                    return
                with socket.create_connection(("127.0.0.1", hosts[self.path])) as far:
                    self.send_response(200)
                    self.end_headers()
                    back = threading.Thread(target=_pass_on, args=(far, self.connection))
                    back.start()
                    _pass_on(self.connection, far)
                    back.join()
                self.close_connection = True

            def log_message(self, *_arguments: object) -> None:
                """Nothing: tests print nothing."""

        self._server = _Quiet(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self.port = self._server.server_address[1]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _pass_on(one: socket.socket, other: socket.socket) -> None:
    try:
        while data := one.recv(65_536):
            other.sendall(data)
        other.shutdown(socket.SHUT_WR)
    except OSError:
        return

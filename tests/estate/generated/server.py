"""The stand-in AWS with a generated estate, as a process that can be told to have bad days.

Started like moto's own server; besides AWS it answers ``POST /stock/...`` with JSON. Says where it
listens as one line on standard output, and ends when its standard input does.
"""

from __future__ import annotations

import json
import logging
import random
import re
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any

from moto.server import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

from tests.estate.generated.stock import ACCOUNTS, Stock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_CREDENTIAL = re.compile(r"Credential=(?P<key>[^/]+)/\d+/(?P<region>[^/]+)/(?P<service>[^/]+)/")
_STATUS = {"Throttling": 400, "ExpiredToken": 403, "InternalFailure": 500}


class Weather:
    """What goes wrong, in front of moto.

    Attributes
    ----------
    throttled
        Share of calls that are told to slow down.
    failing
        Signing names of services that always fail.
    calls_left
        After so many calls, all credentials have expired; None for never.
    """

    def __init__(self, application: Any) -> None:
        self._application = application
        self._stock = Stock()
        self._dice = random.Random(7)
        self._lock = threading.Lock()
        self.throttled = 0.0
        self.failing: set[str] = set()
        self.calls_left: int | None = None
        self.calls = 0
        self.refused = 0

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path.startswith("/stock/"):
            size = int(environ.get("CONTENT_LENGTH") or 0)
            told = json.loads(environ["wsgi.input"].read(size) or b"{}")
            answer = json.dumps(getattr(self, f"on_{path.removeprefix('/stock/')}")(**told))
            start_response("200 OK", [("Content-Type", "application/json")])
            return [answer.encode()]
        code = self._trouble(environ)
        if code is not None:
            return _refuse(environ, start_response, code)
        answered: Iterable[bytes] = self._application(environ, start_response)
        return answered

    def _trouble(self, environ: dict[str, Any]) -> str | None:
        signed = _CREDENTIAL.search(environ.get("HTTP_AUTHORIZATION", ""))
        if signed is None:
            return None
        with self._lock:
            self.calls += 1
            if self.calls_left is not None:
                self.calls_left -= 1
                if self.calls_left < 0:
                    self.refused += 1
                    return "ExpiredToken"
            if signed["service"] in self.failing:
                self.refused += 1
                return "InternalFailure"
            if signed["service"] != "sts" and self._dice.random() < self.throttled:
                self.refused += 1
                return "Throttling"
        return None

    def on_fill(self, total: int, accounts: list[str] | None = None) -> Any:
        return self._stock.fill(total, accounts or ACCOUNTS)

    def on_change(self, share: float, seed: int) -> Any:
        self._stock.change(share, seed)
        return {}

    def on_inventory(self) -> Any:
        return self._stock.inventory()

    def on_weather(
        self,
        throttled: float = 0.0,
        failing: list[str] | None = None,
        calls_left: int | None = None,
    ) -> Any:
        with self._lock:
            before = {"calls": self.calls, "refused": self.refused}
            self.throttled, self.failing = throttled, set(failing or ())
            self.calls_left = calls_left
            self.calls = self.refused = 0
        return before


def _refuse(
    environ: dict[str, Any], start_response: Callable[..., Any], code: str
) -> Iterable[bytes]:
    """Answer in the protocol of the call."""
    environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    status = f"{_STATUS[code]} No"
    if "HTTP_X_AMZ_TARGET" in environ or "json" in environ.get("CONTENT_TYPE", ""):
        body, kind = json.dumps({"__type": code, "message": "planned"}), "application/json"
    else:
        body = (
            f"<ErrorResponse><Error><Code>{code}</Code><Message>planned</Message></Error>"
            f"<Errors><Error><Code>{code}</Code><Message>planned</Message></Error></Errors>"
            f"</ErrorResponse>"
        )
        if f"/{'s3'}/" in environ.get("HTTP_AUTHORIZATION", ""):
            body = f"<Error><Code>{code}</Code><Message>planned</Message></Error>"
        elif "/ec2/" in environ.get("HTTP_AUTHORIZATION", ""):
            body = (
                f"<Response><Errors><Error><Code>{code}</Code><Message>planned</Message>"
                "</Error></Errors><RequestID>1</RequestID></Response>"
            )
        kind = "text/xml"
    start_response(status, [("Content-Type", kind), ("Content-Length", str(len(body)))])
    return [body.encode()]


def main() -> int:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    application = Weather(DomainDispatcherApplication(create_backend_app))
    server = make_server(
        "127.0.0.1", 0, application, threaded=True, request_handler=MotoRequestHandler
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdout.write(json.dumps({"endpoint": f"http://127.0.0.1:{server.server_address[1]}"}))
    sys.stdout.write("\n")
    sys.stdout.flush()
    while sys.stdin.buffer.read(4096):
        pass
    server.shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""CloudTrail's LookupEvents on loopback, which moto does not have."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from uuid import uuid4

PAGE = 50


class EventHistory:
    """Answers with the events it was told, page by page; or refuses."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.asked: list[dict[str, Any]] = []
        self.denied = False
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                wanted = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                assert self.headers["X-Amz-Target"].endswith(".LookupEvents")
                region = self.headers["Authorization"].split("/")[2]
                status, answer = outer._answer(wanted, region)
                body = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/x-amz-json-1.1")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_arguments: object) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{self._server.server_address[1]}"

    def tell(
        self,
        operation: str,
        source: str,
        request: object = None,
        *,
        region: str = "us-west-2",
        resources: tuple[str, ...] = (),
        error: str | None = None,
    ) -> None:
        detail = {"requestParameters": request, "errorCode": error}
        self.events.append(
            {
                "EventId": str(uuid4()),
                "EventName": operation,
                "EventSource": f"{source}.amazonaws.com",
                "EventTime": time.time(),
                "Resources": [{"ResourceName": name} for name in resources],
                "CloudTrailEvent": json.dumps(detail),
                "region": region,
            }
        )

    def _answer(self, wanted: dict[str, Any], region: str) -> tuple[int, dict[str, Any]]:
        self.asked.append({**wanted, "region": region})
        if self.denied:
            return 400, {"__type": "AccessDeniedException", "message": "not for you"}
        found = [
            {key: value for key, value in event.items() if key != "region"}
            for event in reversed(self.events)
            if event["EventTime"] >= wanted["StartTime"] and event["region"] == region
        ]
        start = int(wanted.get("NextToken") or 0)
        answer: dict[str, Any] = {"Events": found[start : start + PAGE]}
        if start + PAGE < len(found):
            answer["NextToken"] = str(start + PAGE)
        return 200, answer

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_details: object) -> None:
        self._server.shutdown()
        self._server.server_close()

"""IAM Identity Center on loopback: OIDC device flow and portal, which moto does not have."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

TOKEN = "planted-sso-access-token"


class IdentityCenter:
    """Hands out a token once the page was ``confirmed``, and role credentials for the token."""

    def __init__(self, keys: dict[str, str]) -> None:
        self.confirmed = False
        self.refused = False
        self.asked: list[str] = []
        self.polls = 0
        self.expires_in = 3600
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                size = int(self.headers.get("Content-Length") or 0)
                self._say(*outer._answer(self.path, json.loads(self.rfile.read(size) or b"{}")))

            def do_GET(self) -> None:
                outer.asked.append(self.path)
                if self.headers.get("x-amz-sso_bearer_token") != TOKEN:
                    self._say(401, {"message": "who are you?"})
                    return
                expiration = int((time.time() + 3600) * 1000)
                self._say(200, {"roleCredentials": {**keys, "expiration": expiration}})

            def _say(self, status: int, answer: dict[str, Any]) -> None:
                body = json.dumps(answer).encode()
                self.send_response(status)
                if "error" in answer:
                    self.send_header("x-amzn-ErrorType", answer["error"])
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_arguments: object) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{self._server.server_address[1]}"

    def _answer(self, path: str, asked: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        self.asked.append(path)
        match path:
            case "/client/register":
                return 200, {
                    "clientId": "client",
                    "clientSecret": "client-secret",
                    "clientSecretExpiresAt": int(time.time()) + 86400,
                }
            case "/device_authorization":
                return 200, {
                    "deviceCode": "device",
                    "userCode": "ABCD-EFGH",
                    "verificationUri": f"{asked['startUrl']}device",
                    "verificationUriComplete": f"{asked['startUrl']}device?user_code=ABCD-EFGH",
                    "expiresIn": 60,
                    "interval": 1,
                }
            case "/token":
                self.polls += 1
                if self.refused:
                    return 400, {"error": "AccessDeniedException"}
                if not self.confirmed:
                    return 400, {"error": "AuthorizationPendingException"}
                return 200, {"accessToken": TOKEN, "expiresIn": self.expires_in}
        return 404, {"error": "ResourceNotFoundException"}

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_details: object) -> None:
        self._server.shutdown()
        self._server.server_close()

"""EC2's DescribeVolumes with as many volumes as wanted, page by page, for next to no memory.

moto would hold 100,000 of them as objects; what is measured here is the other side.
"""

from __future__ import annotations

import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

PAGE = 500
_VOLUME = (
    "<item><volumeId>vol-{number:017x}</volumeId><size>100</size><snapshotId/>"
    "<availabilityZone>us-east-1a</availabilityZone><status>in-use</status>"
    "<createTime>2026-01-01T00:00:00.000Z</createTime><volumeType>gp3</volumeType>"
    "<encrypted>true</encrypted><attachmentSet/><tagSet><item><key>Name</key>"
    "<value>data-{number:06d}</value></item><item><key>env</key><value>prod</value></item>"
    "<item><key>team</key><value>platform</value></item></tagSet></item>"
)
_IDENTITY = (
    "<GetCallerIdentityResponse><GetCallerIdentityResult>"
    "<Arn>arn:aws:iam::111122223333:user/bench</Arn><UserId>U</UserId>"
    "<Account>111122223333</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"
)
_ALIASES = (
    "<ListAccountAliasesResponse><ListAccountAliasesResult><IsTruncated>false</IsTruncated>"
    "<AccountAliases/></ListAccountAliasesResult></ListAccountAliasesResponse>"
)


class PagedVolumes:
    """A loopback endpoint; ``sent`` is how many volumes it has listed."""

    def __init__(self, count: int) -> None:
        self.sent = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                size = int(self.headers.get("Content-Length") or 0)
                asked = dict(urllib.parse.parse_qsl(self.rfile.read(size).decode()))
                body = outer._answer(asked, count).encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/xml")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_arguments: object) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{self._server.server_address[1]}"

    def _answer(self, asked: dict[str, str], count: int) -> str:
        match asked["Action"]:
            case "GetCallerIdentity":
                return _IDENTITY
            case "ListAccountAliases":
                return _ALIASES
        start = int(asked.get("NextToken") or 0)
        end = min(start + PAGE, count)
        volumes = "".join(_VOLUME.format(number=number) for number in range(start, end))
        self.sent = end
        token = f"<nextToken>{end}</nextToken>" if end < count else ""
        return (
            f"<DescribeVolumesResponse><volumeSet>{volumes}</volumeSet>{token}"
            "</DescribeVolumesResponse>"
        )

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_details: object) -> None:
        self._server.shutdown()
        self._server.server_close()

"""S3 clients for a bucket that may be elsewhere than AWS."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from botocore.config import Config

if TYPE_CHECKING:
    from collections.abc import Callable

    from cloudops_ls.aws.sessions import SessionFactory


def bucket_client(
    sessions: SessionFactory, profile: str, region: str | None, endpoint_url: str | None
) -> Callable[[], Any]:
    """Return what gives an S3 client, made once for each set of credentials.

    Parameters
    ----------
    region
        The profile's own region when None.
    endpoint_url
        An S3-compatible service. It is asked by path, which all of them understand, and without
        the check sums that only AWS does; each upload carries its MD5 anyway.
    """
    lock = threading.Lock()
    known: dict[int, tuple[Any, Any]] = {}
    elsewhere: dict[str, Any] = {}
    if endpoint_url is not None:
        elsewhere = {
            "s3": {"addressing_style": "path"},
            "request_checksum_calculation": "when_required",
            "response_checksum_validation": "when_required",
        }
    config = Config(
        connect_timeout=5,
        read_timeout=60,
        max_pool_connections=8,
        retries={"mode": "standard", "total_max_attempts": 6},
        user_agent_extra="cloudops-ls",
        **elsewhere,
    )

    def client() -> Any:
        # The factory drops a session when the AWS files change; its client goes with it.
        session = sessions.session(profile)
        with lock:
            if id(session) not in known:
                known.clear()
                made = session.create_client(
                    "s3",
                    region_name=region or sessions.home_region(profile),
                    endpoint_url=endpoint_url,
                    config=config,
                )
                known[id(session)] = (session, made)
            return known[id(session)][1]

    return client

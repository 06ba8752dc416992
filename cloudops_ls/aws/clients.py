"""SDK clients with this program's manners: how long they wait, how often they try again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from botocore import exceptions as sdk
from botocore.config import Config

CONNECT_ATTEMPTS = 2
"""How often an endpoint that does not answer is tried, whatever the retry mode says."""


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """How patient clients are; times in seconds."""

    connect_timeout: float = 3.0
    read_timeout: float = 20.0
    attempts: int = 6
    """Total attempts for answers that may be retried, such as throttling."""
    connections: int = 16
    user_agent: str = "cloudops-ls"

    def config(self) -> Config:
        """Return the same as botocore takes it."""
        return Config(
            connect_timeout=self.connect_timeout,
            read_timeout=self.read_timeout,
            max_pool_connections=self.connections,
            retries={"mode": "adaptive", "total_max_attempts": self.attempts},
            user_agent_extra=self.user_agent,
        )


def make_client(session: Any, service: str, region: str, config: Config) -> Any:
    """Return a new client of a botocore session, which gives up connecting early."""
    client = session.create_client(service, region_name=region, config=config)
    # Before botocore's own handler, whose event this is: the first answer counts.
    event = f"needs-retry.{client.meta.service_model.service_id.hyphenize()}"
    client.meta.events.register_first(event, _give_up_connecting)
    return client


def _give_up_connecting(
    attempts: int, caught_exception: Exception | None = None, **_event: object
) -> bool | None:
    """End the retries of a call that gets no answer; answers are retried as configured.

    Without this an operator without network waits for all attempts and their growing pauses.
    """
    silent = isinstance(caught_exception, sdk.ConnectionError | sdk.ReadTimeoutError)
    if silent and attempts >= CONNECT_ATTEMPTS:
        return False
    return None

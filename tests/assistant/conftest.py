"""A CloudOps server on loopback, and its client."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cloudops_ls.assistant.http import HttpAssistant

from .asking import FAST, TOKEN
from .server import CloudOpsTestServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


@pytest.fixture
def server() -> Iterator[CloudOpsTestServer]:
    with CloudOpsTestServer() as running:
        yield running


@pytest.fixture
async def assistant(server: CloudOpsTestServer) -> AsyncIterator[HttpAssistant]:
    client = HttpAssistant(server.url, lambda: TOKEN, FAST)
    yield client
    await client.aclose()

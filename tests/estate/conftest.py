from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from cloudops_ls.aws.clients import ClientSettings
from cloudops_ls.aws.sessions import SessionFactory
from cloudops_ls.commands.parser import CommandParser
from cloudops_ls.estate.catalog.loader import Catalog
from cloudops_ls.estate.scanner import Scanner
from tests.aws.answering import AnsweringServer
from tests.aws.conftest import aws_folder, cloud, moto_server  # noqa: F401 - fixtures
from tests.estate.sink import MemorySink
from tests.estate.stage import STAGED

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    """The types that the stage makes; all the others have tests of their own."""
    return Catalog({kind.name: kind for kind in Catalog.load() if kind.name in STAGED})


@pytest.fixture(scope="session")
def shared_sessions() -> SessionFactory:
    """One for all tests: it follows the files, and keeps the service models loaded."""
    return SessionFactory(ClientSettings(connect_timeout=1, read_timeout=5, attempts=3))


@pytest.fixture
def sessions(aws_folder: Path, shared_sessions: SessionFactory) -> Iterator[SessionFactory]:  # noqa: F811
    yield shared_sessions
    shared_sessions.close()


@pytest.fixture
def sink() -> MemorySink:
    return MemorySink()


@pytest.fixture
def scanner(sessions: SessionFactory, catalog: Catalog, sink: MemorySink) -> Iterator[Scanner]:
    scanner = Scanner(sessions, catalog, sink)
    yield scanner
    scanner.close()


@pytest.fixture
def unused_port() -> int:
    """A port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@pytest.fixture
def denying() -> Iterator[str]:
    """An endpoint that answers every RDS call as IAM does when it says no."""
    with AnsweringServer(
        403,
        "<ErrorResponse><Error><Code>AccessDenied</Code><Message>User: "
        "arn:aws:iam::123456789012:user/hidden-name is not authorized</Message>"
        "</Error></ErrorResponse>",
    ) as server:
        yield server.endpoint


@pytest.fixture
def silent() -> Iterator[str]:
    """An endpoint that takes connections and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture(scope="session")
def parser() -> CommandParser:
    return CommandParser()

"""A stand-in AWS, a scanned home, and editors with the capabilities of real ones."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from cloudops_ls.demo.cloud import PRODUCTION, DemoCloud, aws_free_environment
from cloudops_ls.demo.estate import TYPES, fill
from cloudops_ls.home import Home
from cloudops_ls.storage.keys import KeyRing
from tests.assistant.server import CloudOpsTestServer
from tests.e2e.editor import Editor
from tests.e2e.processes import gone, workers_of
from tests.e2e.profiles import NEOVIM, VSCODE
from tests.e2e.slow_aws import SlowAws
from tests.storage.samples import FAST_SCRYPT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    from lsprotocol import types

PASSPHRASE = "correct horse battery staple"
SETTINGS: dict[str, Any] = {"profile": "production", "region": "us-west-2"}
_CONFIG = f"""
[estate]
profiles = ["production", "staging"]
regions = ["us-west-2", "eu-west-1"]
types = {json.dumps(TYPES)}

[worker]
idle_seconds = 6
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the tests of a module share one process and event loop, as they share their editors."""
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.xdist_group(item.path.stem))
            if pytest_asyncio.is_async_test(item):
                item.add_marker(pytest.mark.asyncio(loop_scope="module"), append=False)


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoCloud]:
    with DemoCloud(tmp_path_factory.mktemp("aws")) as started:
        fill(started)
        yield started


@pytest.fixture(autouse=True)
def running_database(cloud: DemoCloud) -> None:
    """Bring the database back up that an earlier test stopped."""
    rds = cloud.client("rds", PRODUCTION)
    name = "pg-instance-main1"
    (found,) = rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"]
    if found["DBInstanceStatus"] != "available":
        rds.start_db_instance(DBInstanceIdentifier=name)


def environment_of(cloud: DemoCloud, root: Path) -> dict[str, str]:
    clean = {k: v for k, v in aws_free_environment(os.environ).items() if "CLOUDOPS" not in k}
    runtime = root / "run"
    runtime.mkdir(mode=0o700, exist_ok=True)
    return {
        **clean,
        **cloud.environment(),
        "CLOUDOPS_HOME": str(root / "home"),
        "CLOUDOPS_PASSPHRASE": PASSPHRASE,
        # One socket directory per home, gone with it.
        "XDG_RUNTIME_DIR": str(runtime),
    }


@pytest.fixture(scope="session")
def scanned(cloud: DemoCloud, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home scanned once; tests work on copies."""
    root = tmp_path_factory.mktemp("scanned")
    (root / "home").mkdir(mode=0o700)
    (root / "home" / "config.toml").write_text(_CONFIG)
    environment = environment_of(cloud, root)
    # The passphrase's cost in time is tested elsewhere; here every process would pay it.
    made = Home(root / "home")
    made.data.mkdir(mode=0o700)
    KeyRing(made, environ=environment, scrypt=FAST_SCRYPT).open()
    subprocess.run(
        [sys.executable, "-m", "cloudops_ls", "scan"],
        env=environment,
        check=True,
        timeout=180,
        capture_output=True,
    )
    # Copies must not be made of files that the worker is still writing.
    assert not asyncio.run(gone(set(workers_of(made)), 60))
    return root / "home"


@pytest.fixture(scope="session")
def new_environment(
    cloud: DemoCloud, scanned: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[], dict[str, str]]:
    """Make environments of servers whose homes hold the scanned estate."""

    def made() -> dict[str, str]:
        # Socket paths are short; pytest's per-test directories may not be.
        root = tmp_path_factory.mktemp("h")
        shutil.copytree(scanned, root / "home", ignore=shutil.ignore_patterns("worker.log"))
        return environment_of(cloud, root)

    return made


@pytest.fixture
def environment(new_environment: Callable[[], dict[str, str]]) -> dict[str, str]:
    """The environment of a server whose home holds the scanned estate."""
    return new_environment()


@pytest.fixture
def home(environment: dict[str, str]) -> Home:
    return Home(Path(environment["CLOUDOPS_HOME"]))


@pytest.fixture
def aws(cloud: DemoCloud, environment: dict[str, str], tmp_path: Path) -> Iterator[SlowAws]:
    """The way to the stand-in AWS, which can be made slow."""
    slow = SlowAws(cloud.endpoint)
    slow.configure(environment, cloud.endpoint, tmp_path / "config")
    yield slow
    slow.close()


both_editors = pytest.mark.parametrize("capabilities", [VSCODE, NEOVIM], ids=["vscode", "neovim"])
"""For the tests that depend on what the client can do; the others speak as VS Code."""


@pytest.fixture
def capabilities() -> types.ClientCapabilities:
    return VSCODE


@asynccontextmanager
async def editors() -> AsyncIterator[Callable[..., Any]]:
    """Start editors, and end every one of them afterwards."""
    started: list[Editor] = []

    async def start(
        environment: dict[str, str],
        capabilities: types.ClientCapabilities = VSCODE,
        settings: dict[str, Any] | None = None,
        **details: Any,
    ) -> Editor:
        editor = Editor(capabilities, SETTINGS if settings is None else settings)
        started.append(editor)
        await editor.start(environment, **details)
        return editor

    yield start
    for editor in started:
        if editor.process.returncode is None:
            try:
                await editor.quit()
            except (TimeoutError, RuntimeError):
                editor.process.kill()
                await editor.process.wait()
        await asyncio.wait_for(editor.stop(), 10)


@pytest_asyncio.fixture(loop_scope="module")
async def open_editor() -> AsyncIterator[Callable[..., Any]]:
    """Start editors, and end every one of them with the test."""
    async with editors() as start:
        yield start


@pytest.fixture(scope="module")
def shared_environment(new_environment: Callable[[], dict[str, str]]) -> dict[str, str]:
    """The environment of one server for all tests of a module."""
    return {**new_environment(), "CLOUDOPS_ASSISTANT_TOKEN": "tok-for-the-test"}


@pytest.fixture(scope="module")
def answering() -> Iterator[CloudOpsTestServer]:
    """The CloudOps server that the module's editor asks."""
    with CloudOpsTestServer() as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def asking(
    shared_environment: dict[str, str], answering: CloudOpsTestServer
) -> AsyncIterator[Editor]:
    """One editor for all tests of a module; each opens files of its own."""
    chosen = {"kind": "http", "url": answering.url, "timeout_seconds": 60}
    async with editors() as start:
        editor = await start(shared_environment, settings={**SETTINGS, "assistant": chosen})
        await editor.until(lambda: "name index loaded" in editor.logged(), "the names were loaded")
        yield editor


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def module_editors(
    new_environment: Callable[[], dict[str, str]],
) -> AsyncIterator[Callable[[types.ClientCapabilities], Awaitable[Editor]]]:
    """The editors of a module, one on a home of its own for each set of capabilities."""
    known: dict[int, Editor] = {}
    async with editors() as start:

        async def editor_of(capabilities: types.ClientCapabilities) -> Editor:
            editor = known.get(id(capabilities))
            if editor is None or editor.process.returncode is not None:
                editor = await _loaded(start, new_environment(), capabilities)
                known[id(capabilities)] = editor
            else:
                editor.begin_again()
            return editor

        yield editor_of


@pytest_asyncio.fixture(loop_scope="module")
async def editor(
    request: pytest.FixtureRequest,
    module_editors: Callable[[types.ClientCapabilities], Awaitable[Editor]],
    capabilities: types.ClientCapabilities,
) -> AsyncIterator[Editor]:
    """An editor on the scanned estate, its names loaded; the tests of a module share one.

    A test that wants its environment or home too means to change it, and gets a server of its own.
    """
    if "environment" not in request.fixturenames:
        yield await module_editors(capabilities)
        return
    async with editors() as start:
        yield await _loaded(start, request.getfixturevalue("environment"), capabilities)


async def _loaded(
    start: Callable[..., Any],
    environment: dict[str, str],
    capabilities: types.ClientCapabilities,
) -> Editor:
    editor: Editor = await start(environment, capabilities)
    await editor.until(lambda: "name index loaded" in editor.logged(), "the names were loaded")
    return editor

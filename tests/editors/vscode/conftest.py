"""One code-server and one browser for all tests of VS Code."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from tests.aws.identity_center import IdentityCenter
from tests.e2e.corporate import cloud_keys, corporate
from tests.editors.conftest import FAILURES, failed
from tests.editors.installing import ROOT
from tests.editors.vscode.code_server import CodeServer
from tests.editors.vscode.install import CHROMIUM
from tests.editors.vscode.window import Window

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    from playwright.async_api import Browser, ViewportSize

SIZE: ViewportSize = {"width": 1180, "height": 760}
"""Of every window, and so of the pictures in the documentation."""
RUNBOOK = "friday.cloudops.md"


@pytest.fixture(scope="module")
def center(editor_environment: dict[str, str]) -> Iterator[IdentityCenter]:
    """IAM Identity Center, for the profile ``corp``."""
    with IdentityCenter(cloud_keys(editor_environment)) as started:
        yield started


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def code_server(
    installed: Callable[[str], Path],
    editor_environment: dict[str, str],
    center: IdentityCenter,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[CodeServer]:
    folder, extension = installed("vscode"), installed("vscode-extension")
    environment = corporate(editor_environment, center.endpoint, tmp_path_factory.mktemp("p"))
    server = CodeServer(folder, tmp_path_factory.mktemp("c"), environment)
    try:
        await server.start(extension / "cloudops-ls.vsix")
        yield server
    finally:
        await server.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser(installed: Callable[[str], Path]) -> AsyncIterator[Browser]:
    installed("vscode")
    from playwright.async_api import async_playwright

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield browser
        await browser.close()


@pytest.fixture(scope="module")
def runbooks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sample runbook in it."""
    folder = tmp_path_factory.mktemp("runbooks")
    shutil.copy(ROOT / "docs" / "examples" / RUNBOOK, folder)
    return folder


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def window(code_server: CodeServer, browser: Browser, runbooks: Path) -> Window:
    """The window that the tests of a module share, on the sample runbook."""
    page = await browser.new_page(viewport=SIZE)
    window = Window(page, code_server.address)
    await window.open(runbooks / RUNBOOK)
    return window


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def evidence(
    request: pytest.FixtureRequest, code_server: CodeServer, browser: Browser
) -> AsyncIterator[None]:
    """Keep a picture of every window, and what the server said, of a test that failed."""
    yield
    if failed(request):
        FAILURES.mkdir(parents=True, exist_ok=True)
        name = request.node.name
        pages = [page for context in browser.contexts for page in context.pages]
        for number, page in enumerate(pages, 1):
            await page.screenshot(path=FAILURES / f"{name}-{number}.png")
        shutil.copy(code_server.log, FAILURES / f"{name}.log")
        print(f"Pictures and log: {FAILURES}/{name}*")

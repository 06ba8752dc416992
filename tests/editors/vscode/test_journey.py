"""A day with a runbook in VS Code; the tests follow each other in one window."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.editors.vscode.window import Window

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_the_extension_starts_the_server_and_checks_the_runbook(window: Window) -> None:
    await window.focus()
    await window.press("Control+End")
    # A code lens can only come from the server.
    await window.page.locator(".codelens-decoration").filter(has_text="Run").first.wait_for()

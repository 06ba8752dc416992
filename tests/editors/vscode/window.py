"""One window of VS Code, used the way a person does: keys, clicks and reading."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

if TYPE_CHECKING:
    import re
    from pathlib import Path

    from playwright.async_api import Locator, Page

SECONDS = 60.0
"""Longest wait for anything; a machine under load is slow, not broken."""


class Window:
    """A browser page that shows one folder."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self._address = address
        page.set_default_timeout(SECONDS * 1000)

    async def open(self, folder: Path, file: Path) -> None:
        """Open a folder and one of its files, and wait until its text is there."""
        remote = f"vscode-remote://{urlsplit(self._address).netloc}{file}"
        payload = quote(json.dumps([["openFile", remote]]))
        await self.page.goto(f"{self._address}/?folder={quote(str(folder))}&payload={payload}")
        await self.page.wait_for_selector(".editor-instance .view-line")

    @property
    def editor(self) -> Locator:
        """The text of the active editor, one element a visible line."""
        return self.page.locator(".editor-group-container.active .editor-instance .view-lines")

    async def focus(self) -> None:
        """Put the cursor into the text."""
        await self.editor.click()

    def line(self, text: str | re.Pattern[str]) -> Locator:
        return self.editor.locator(".view-line").filter(has_text=text)

    def status(self, text: str | re.Pattern[str]) -> Locator:
        return self.page.locator(".statusbar .statusbar-item").filter(has_text=text)

    async def press(self, *keys: str) -> None:
        for key in keys:
            await self.page.keyboard.press(key)

    async def type(self, text: str) -> None:
        await self.page.keyboard.type(text)

    async def command(self, title: str) -> None:
        """Choose a command in the palette."""
        await self.press("F1")
        box = self.page.locator(".quick-input-widget input.input")
        await box.fill(f">{title}")
        await (
            self.page.locator(".quick-input-list .monaco-list-row")
            .filter(has_text=title)
            .first.click()
        )

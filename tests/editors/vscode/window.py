"""One window of VS Code, used the way a person does: keys, clicks and reading."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

if TYPE_CHECKING:
    import re
    from collections.abc import Awaitable, Callable

    from playwright.async_api import FloatRect, Locator, Page

SECONDS = 90.0
"""Longest wait for anything; a machine under load is slow, not broken."""
PICTURES = os.environ.get("CLOUDOPS_PICTURES")
"""Where ``make screenshots`` wants the pictures of the documentation."""

# Monaco shows spaces as no-break spaces, and splits a line where its colour changes.
_PLACE_OF = """(line, wanted) => {
  const walker = document.createTreeWalker(line, NodeFilter.SHOW_TEXT);
  for (let node; (node = walker.nextNode()); ) {
    const at = node.data.replaceAll("\\u00a0", " ").indexOf(wanted);
    if (at >= 0) {
      const range = document.createRange();
      range.setStart(node, at);
      range.setEnd(node, at + wanted.length);
      const { x, y, width, height } = range.getBoundingClientRect();
      return { x, y, width, height };
    }
  }
  return null;
}"""

_UNSCROLL = "(e) => { for (; e; e = e.parentElement) e.scrollTop = e.scrollLeft = 0; }"


class Window:
    """A browser page that shows one folder, and a file of it."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self.file = Path()
        self._address = address
        page.set_default_timeout(SECONDS * 1000)

    async def open(self, file: Path) -> None:
        """Open a file and the folder that it is in, and wait until its text is there."""
        self.file = file
        remote = f"vscode-remote://{urlsplit(self._address).netloc}{file}"
        payload = quote(json.dumps([["openFile", remote]]))
        folder = quote(str(file.parent))
        await self.page.goto(f"{self._address}/?folder={folder}&payload={payload}")
        await self.editor.locator(".view-line").first.wait_for()

    @property
    def editor(self) -> Locator:
        """The text of the active editor, one element a visible line."""
        return self.page.locator(".editor-group-container.active .editor-instance .view-lines")

    def line(self, text: str | re.Pattern[str]) -> Locator:
        return self.editor.locator(".view-line").filter(has_text=text)

    def lens(self, text: str) -> Locator:
        return self.page.locator(".codelens-decoration a").filter(has_text=text)

    @property
    def suggestions(self) -> Locator:
        return self.page.locator(".suggest-widget.visible .monaco-list-row")

    @property
    def hover(self) -> Locator:
        return self.page.locator(".monaco-hover:not(.hidden) .hover-contents")

    @property
    def dialog(self) -> Locator:
        return self.page.locator(".monaco-dialog-box")

    def button(self, text: str) -> Locator:
        """A button of the dialog, by all that it says."""
        return self.dialog.get_by_role("button", name=text, exact=True)

    @property
    def input(self) -> Locator:
        return self.page.locator(".quick-input-widget input.input")

    @property
    def notification(self) -> Locator:
        return self.page.locator(".notifications-toasts .notification-list-item")

    @property
    def container(self) -> Locator:
        """The icon of CloudOps in the activity bar."""
        return self.page.locator('.activitybar [aria-label^="CloudOps"]').first

    def view(self, name: str) -> Locator:
        """One of the sections in the side bar."""
        header = self.page.locator(f'.pane-header[aria-label^="{name}"]')
        return self.page.locator(".sidebar .pane").filter(has=header)

    def row(self, view: str, text: str | re.Pattern[str]) -> Locator:
        return self.view(view).locator(".monaco-list-row").filter(has_text=text)

    async def press(self, *keys: str) -> None:
        for key in keys:
            await self.page.keyboard.press(key)

    async def type(self, text: str) -> None:
        await self.page.keyboard.type(text)

    async def command(self, title: str) -> None:
        """Choose a command in the palette, which knows those of extensions after a while."""
        from playwright.async_api import TimeoutError as PlaywrightTimeout

        row = self.page.locator(".quick-input-list .monaco-list-row").filter(has_text=title).first
        for _ in range(int(SECONDS / 5)):
            await self.press("F1")
            await self.input.fill(f">{title}")
            try:
                await row.wait_for(timeout=5000)
            except PlaywrightTimeout:
                await self.press("Escape")
                continue
            return await row.click()
        raise AssertionError(f"no command {title}")

    async def complete(self, name: str) -> None:
        """Take a suggestion; ask again while the server is not ready to make it."""
        from playwright.async_api import TimeoutError as PlaywrightTimeout

        wanted = self.suggestions.filter(has_text=name)
        async with asyncio.timeout(SECONDS):
            while not await wanted.count():
                try:
                    await wanted.first.wait_for(timeout=3000)
                except PlaywrightTimeout:
                    await self.press("Escape", "Control+Space")
        await wanted.first.click()

    async def reveal(self, row: Locator) -> None:
        """Scroll a view's list until a row is there; rows out of sight do not exist."""
        async with asyncio.timeout(SECONDS):
            while not await row.count():
                await self.page.mouse.wheel(0, 60)
                await asyncio.sleep(0.1)

    def status(self, text: str | re.Pattern[str]) -> Locator:
        return self.page.locator(".statusbar .statusbar-item").filter(has_text=text)

    async def point_at(self, text: str, line: Locator, shown: Locator) -> None:
        """Rest the mouse on a text without a change of colour in it, until a card is shown.

        A line that is laid out anew under the mouse, for a hint in it, closes its hover.
        """
        from playwright.async_api import TimeoutError as PlaywrightTimeout

        for _ in range(int(SECONDS / 15)):
            place: FloatRect | None = await line.evaluate(_PLACE_OF, text)
            assert place is not None, f"{text} is not in one piece"
            # A hover begins with a move, not with a mouse that is already there.
            await self.page.mouse.move(place["x"] + 4, place["y"] + 100)
            await self.page.mouse.move(place["x"] + place["width"] / 2, place["y"] + 6, steps=4)
            try:
                return await shown.wait_for(timeout=15_000)
            except PlaywrightTimeout:
                continue
        raise AssertionError(f"nothing is shown for {text}")

    async def go_to(self, text: str) -> None:
        """Put the cursor behind the first ``text`` of the file, which is saved first."""
        before, found, _ = (await self.saved()).partition(text)
        assert found, f"{text} is not in {before}"
        lines = (before + found).split("\n")
        await self.press("Control+g")
        await self.input.fill(f":{len(lines)}:{len(lines[-1]) + 1}")
        await self.press("Enter")
        await self.input.wait_for(state="hidden")

    async def saved(self) -> str:
        """Save the file if it has changed, and read what is on the disk."""
        tab = self.page.locator(".editor-group-container.active .tab.active")
        dirty = tab.and_(self.page.locator(".dirty"))
        if await dirty.count():
            await self.press("Control+s")
            await dirty.wait_for(state="detached")
        return self.file.read_text(encoding="utf-8")

    async def run(self) -> None:
        """Run the command at the cursor, as far as the question."""
        await self.asked_by(lambda: self.press("Control+Shift+Enter"))

    async def asked_by(self, act: Callable[[], Awaitable[None]]) -> None:
        """Do it, and wait for the question; a key while the last dialog closes would be lost."""
        await self.page.locator(".editor-group-container.active .monaco-editor.focused").wait_for()
        await act()
        await self.dialog.wait_for()

    async def picture(self, name: str) -> None:
        """Keep a picture for the documentation, if it is being made."""
        if PICTURES is not None:
            # Keys and wheels may have moved the whole by a few pixels.
            await self.page.locator(".activitybar").evaluate(_UNSCROLL)
            path = Path(PICTURES) / f"vscode-{name}.png"
            await self.page.screenshot(path=path, animations="disabled")

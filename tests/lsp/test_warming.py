"""Nothing imports beside the thread that imports ahead: each would get half of a package."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

from cloudops_ls.lsp import warming
from cloudops_ls.lsp.guard import quiet

if TYPE_CHECKING:
    import pytest


async def test_handlers_wait_while_features_are_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    imported = threading.Event()
    monkeypatch.setattr(warming, "_import_features", lambda: imported.wait(30))
    subject = warming.Warming()
    happened: list[str] = []

    async def handler(name: str) -> None:
        happened.append(name)

    await subject.first()
    importing = asyncio.ensure_future(subject.features())
    await asyncio.sleep(0)
    waiting = asyncio.ensure_future(quiet(subject.settled)(handler)("hover"))
    await quiet(subject.first_settled)(handler)("completion")
    assert happened == ["completion"]
    happened.append("imported")
    imported.set()
    await asyncio.gather(importing, waiting)
    assert happened == ["completion", "imported", "hover"]


async def test_before_anything_is_imported_nobody_waits() -> None:
    await asyncio.wait_for(warming.Warming().settled(), 30)

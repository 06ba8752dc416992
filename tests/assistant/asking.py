"""How the tests of the client of a CloudOps server ask."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from cloudops_ls.assistant.timings import HttpTimings

from .requests import request

if TYPE_CHECKING:
    from cloudops_ls.assistant.base import AssistantEvent
    from cloudops_ls.assistant.http import HttpAssistant

FAST = HttpTimings(connect=2, silence=0.5, total=5, attempts=3, first_pause=0.01, longest_pause=0.3)
TOKEN = "tok-" + "0123456789abcdef"


async def ask(assistant: HttpAssistant, **fields: Any) -> list[AssistantEvent]:
    async with aclosing(assistant.reply(request(**fields))) as events:
        return [one async for one in events]

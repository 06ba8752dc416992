"""One request to the worker, from a command that then ends."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from cloudops_ls.composition import connect_worker

if TYPE_CHECKING:
    from collections.abc import Callable

    from cloudops_ls.home import Home


def ask_worker(
    home: Home,
    method: str,
    params: dict[str, Any],
    on_notification: Callable[[str, dict[str, Any]], None] | None = None,
) -> Any:
    """Return the worker's answer, starting a worker if there is none.

    Raises
    ------
    CloudOpsError
        What the worker reported, or that it cannot be started.
    """

    async def ask() -> Any:
        worker = connect_worker(home, on_notification)
        try:
            return await worker.request(method, params)
        finally:
            await worker.close()

    return asyncio.run(ask())

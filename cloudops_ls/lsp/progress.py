"""Work-done progress with cancel (LSP 3.17, "Work Done Progress")."""

from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING, Self

from lsprotocol import types
from pygls.exceptions import JsonRpcException

if TYPE_CHECKING:
    from types import TracebackType

    from pygls.lsp.server import LanguageServer


class WorkDone:
    """One piece of work that the client shows and may cancel.

    Silent where the client has no work-done progress. Use as an async context manager.

    Parameters
    ----------
    server
        Whose client is told.
    title
        What is being done.
    """

    def __init__(self, server: LanguageServer, title: str) -> None:
        self._server = server
        self._title = title
        self._token = str(uuid.uuid4())
        self._shown = False
        self._end = "Done"
        self.cancelled = asyncio.Event()

    async def __aenter__(self) -> Self:
        window = self._server.client_capabilities.window
        if window is not None and window.work_done_progress:
            try:
                await self._server.work_done_progress.create_async(self._token)
            except JsonRpcException:
                return self
            self._shown = True
            loop = asyncio.get_running_loop()
            self._server.work_done_progress.begin(
                self._token, types.WorkDoneProgressBegin(title=self._title, cancellable=True)
            )
            self._server.work_done_progress.tokens[self._token].add_done_callback(
                lambda _: loop.call_soon_threadsafe(self.cancelled.set)
            )
        return self

    def report(self, message: str, percentage: int | None = None) -> None:
        """Show how far it is; ``percentage`` is 0 to 100."""
        if self._shown:
            self._server.work_done_progress.report(
                self._token,
                types.WorkDoneProgressReport(message=message, percentage=percentage),
            )

    def finish(self, message: str) -> None:
        """Set the closing message."""
        self._end = message

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._shown:
            message = self._end if kind is None else "Failed"
            self._server.work_done_progress.end(
                self._token, types.WorkDoneProgressEnd(message=message)
            )
            self._server.work_done_progress.tokens.pop(self._token, None)

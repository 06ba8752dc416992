"""Work-done progress with cancel (LSP 3.17, "Work Done Progress")."""

from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING, Any, Self, TypeVar

from lsprotocol import types
from pygls.exceptions import JsonRpcException

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from types import TracebackType

    from cloudops_ls.lsp.session import Session

T = TypeVar("T")


class WorkCancelled(Exception):  # noqa: N818 -- it names what the operator did, not a fault
    """The operator cancelled the work."""


class WorkDone:
    """One piece of work that the client shows and may cancel.

    Silent where the client has no work-done progress. Use as an async context manager.

    Parameters
    ----------
    session
        Whose client is told, and whose end cancels the work too.
    title
        What is being done.
    """

    def __init__(self, session: Session, title: str) -> None:
        self._session = session
        self._server = session.server
        self._title = title
        self._token = str(uuid.uuid4())
        self._shown = False
        self._end = "Done"
        self.cancelled = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._session.work.add(self.cancelled)
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

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Return what ``work`` returns, unless the operator cancels it.

        Raises
        ------
        WorkCancelled
            It was cancelled; ``work`` has been stopped at its next await and has cleaned up.
        """
        task = asyncio.create_task(work)
        cancelled = asyncio.create_task(self.cancelled.wait())
        try:
            await asyncio.wait({task, cancelled}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise WorkCancelled
            return task.result()
        finally:
            cancelled.cancel()
            if not task.done():
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

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
        self._session.work.discard(self.cancelled)
        if self._shown:
            message = self._end if kind is None else "Failed"
            self._server.work_done_progress.end(
                self._token, types.WorkDoneProgressEnd(message=message)
            )
            self._server.work_done_progress.tokens.pop(self._token, None)

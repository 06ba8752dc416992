"""Work that must not run twice at once: whoever comes second gets the first one's result."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

Result = dict[str, Any]


class OneAtATime:
    """Runs one piece of work at a time, and can be asked to end it.

    Attributes
    ----------
    cancel
        Set to ask the work under way to end; cleared when new work begins.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: Future[Result] | None = None
        self.cancel = threading.Event()

    @property
    def busy(self) -> bool:
        """Whether work is under way."""
        return self._running is not None

    def do(self, work: Callable[[], Result]) -> Result:
        """Do the work in this thread, or wait for what another thread is doing."""
        with self._lock:
            running = self._running
            if running is None:
                mine: Future[Result] = Future()
                self._running = mine
                self.cancel.clear()
        if running is not None:
            return running.result()
        try:
            result = work()
        except BaseException as error:
            mine.set_exception(error)
            raise
        else:
            mine.set_result(result)
            return result
        finally:
            self._running = None

    def end(self, timeout: float) -> None:
        """Ask the work under way to end, and wait for that; its failure is its caller's.

        Raises
        ------
        TimeoutError
            It did not end in time.
        """
        self.cancel.set()
        running = self._running
        if running is not None:
            running.exception(timeout)

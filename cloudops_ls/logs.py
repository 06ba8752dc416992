"""Logging that cannot carry prompts, outputs or names from the estate.

Libraries log whole messages and exception texts; both may hold what an operator typed. So
libraries are kept at CRITICAL, and an exception is written as its type and the places it passed
through, never with its text.
"""

from __future__ import annotations

import logging
import traceback
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType

logger = logging.getLogger("cloudops_ls")
"""The only logger of this program; its messages hold no user data."""


class DiscreetFormatter(logging.Formatter):
    """Formats exceptions as type and stack, without their text."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s")

    def formatException(  # noqa: N802 -- logging's own name
        self,
        ei: tuple[type[BaseException], BaseException, TracebackType | None]
        | tuple[None, None, None],
    ) -> str:
        """Return the exception's type and the lines it passed through."""
        kind, _, trace = ei
        places = [
            f"  {frame.filename}:{frame.lineno} in {frame.name}"
            for frame in traceback.extract_tb(trace)
        ]
        return "\n".join([kind.__qualname__ if kind else "no exception", *places])


def configure(handler: logging.Handler, level: int = logging.INFO) -> None:
    """Send this program's log, and nothing of the libraries', to ``handler``."""
    handler.setFormatter(DiscreetFormatter())
    root = logging.getLogger()
    root.handlers[:] = [logging.NullHandler()]
    root.setLevel(logging.CRITICAL)
    logger.handlers[:] = [handler]
    logger.setLevel(level)
    logger.propagate = False
    # pygls logs whole message bodies; its loggers are asked before the root's level is.
    logging.getLogger("pygls").setLevel(logging.CRITICAL + 1)

"""How a long operation on backups tells how far it is, and hears that it should stop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cloudops_ls.storage.backup.errors import BackupCancelledError

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Step:
    """How far an operation is.

    Attributes
    ----------
    doing
        In words: "Uploading".
    done, total
        In steps of what is being done; ``total`` is 0 where it is not known.
    """

    doing: str
    done: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class Watch:
    """Whom to tell, and whom to ask.

    Attributes
    ----------
    told
        Called with every step, from any thread.
    cancelled
        Asked before every step.
    """

    told: Callable[[Step], None] = lambda _step: None
    cancelled: Callable[[], bool] = lambda: False

    def step(self, doing: str, done: int = 0, total: int = 0) -> None:
        """Take a step.

        Raises
        ------
        BackupCancelledError
            The operator wants no more of them.
        """
        if self.cancelled():
            raise BackupCancelledError(doing)
        self.told(Step(doing, done, total))

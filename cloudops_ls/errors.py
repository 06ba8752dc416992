"""The one way this program says no: what happened, where, and what to do about it."""

from __future__ import annotations


class CloudOpsError(Exception):
    """An expected failure, worded for the operator.

    The text of these errors is shown in editors and written to logs, so it must never contain
    secrets, prompts or names from the estate other than those the operator just typed.

    Parameters
    ----------
    what
        What happened, as one sentence without a trailing full stop.
    where
        The file, setting, profile, URL host or service the failure belongs to.
    fix
        What the operator can do, in the imperative.
    """

    def __init__(self, what: str, *, where: str | None = None, fix: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.fix = fix

    def __str__(self) -> str:
        place = f" ({self.where})" if self.where else ""
        advice = f" {self.fix.rstrip('.')}." if self.fix else ""
        return f"{self.what}{place}.{advice}"


class RetryableError(CloudOpsError):
    """A failure that may pass by itself: the same request can be made again later."""


class NotUnlockedError(CloudOpsError):
    """What this process was started with does not open the store; another process's may."""

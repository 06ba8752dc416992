"""A yes to exactly one run of exactly one command."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cloudops_ls.errors import CloudOpsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from cloudops_ls.commands.model import CheckedCommand

LIFETIME = 120.0
"""Seconds an unused approval stays valid."""
PLAN_LIFETIME = 6 * 3600.0
"""The same for a step of a plan that was approved as a whole: earlier steps take their time."""


class ApprovalError(CloudOpsError):
    """There is no valid approval for what is about to run."""

    def __init__(self, what: str) -> None:
        super().__init__(what, fix="Run the command again and confirm it")


@dataclass(frozen=True, slots=True)
class Approval:
    """One given, unused yes.

    Attributes
    ----------
    token
        Names it; unguessable.
    digest
        What was approved, see :func:`approval_digest`.
    expires_at
        On the book's clock, in seconds.
    """

    token: str
    digest: str
    expires_at: float


def approval_digest(
    checked: CheckedCommand, document_uri: str, document_version: int, policy: str = ""
) -> str:
    """Return the digest that binds an approval to what runs, where, and from which text.

    Parameters
    ----------
    document_uri, document_version
        The document the operator was looking at; a front end without one names itself.
    policy
        What the policy said, see ``Verdict.binding``: another policy takes a yes back.
    """
    content = {
        "argv": checked.argv,
        "program": checked.program,
        "profile": checked.profile,
        "region": checked.region,
        "account": checked.account_id,
        "document": document_uri,
        "version": document_version,
        "policy": policy,
    }
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()


class ApprovalBook:
    """Holds approvals between the confirmation and the run; thread-safe, in memory only.

    After a restart there is none: a crash can never run what was approved before it.

    Parameters
    ----------
    lifetime
        Seconds until an unused approval expires.
    clock
        A monotonic clock in seconds.
    """

    def __init__(
        self, *, lifetime: float = LIFETIME, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._lifetime = lifetime
        self._clock = clock
        self._lock = threading.Lock()
        self._open: dict[str, Approval] = {}

    def grant(self, digest: str, *, lifetime: float | None = None) -> Approval:
        """Record the operator's yes.

        Parameters
        ----------
        lifetime
            Seconds until it expires, where it is not the book's.
        """
        now = self._clock()
        until = now + (self._lifetime if lifetime is None else lifetime)
        approval = Approval(secrets.token_urlsafe(24), digest, until)
        with self._lock:
            self._open = {
                token: kept for token, kept in self._open.items() if kept.expires_at > now
            }
            self._open[approval.token] = approval
        return approval

    def use(self, token: str, digest: str) -> None:
        """Spend an approval; it is gone afterwards, whatever the outcome.

        Raises
        ------
        ApprovalError
            It was used already, never given, has expired, or was given for something else.
        """
        with self._lock:
            approval = self._open.pop(token, None)
        if approval is None:
            raise ApprovalError("This confirmation was already used, or never given")
        if self._clock() >= approval.expires_at:
            raise ApprovalError("This confirmation has expired")
        if not hmac.compare_digest(approval.digest, digest):
            raise ApprovalError("The command, its account or the document changed since you agreed")

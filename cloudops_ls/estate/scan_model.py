"""What a scan tells while it runs and when it is over, and where it puts what it finds."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from cloudops_ls.aws.errors import (
    AccessDenied,
    AwsUnreachable,
    ExpiredCredentials,
    InvalidCredentials,
    NoCredentials,
    ServiceDisabled,
    Throttled,
)
from cloudops_ls.storage.records import ScopeOutcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cloudops_ls.errors import CloudOpsError
    from cloudops_ls.storage.resource import Resource


class ScanSink(Protocol):
    """Where resources go; storage's ``EstateStorage`` is one. Called from several threads."""

    def begin_scope(self, account_id: str, region: str, resource_type: str) -> int:
        """Start listing a scope; return the generation of this listing."""
        ...

    def bulk_upsert(self, resources: Sequence[Resource], *, generation: int) -> object:
        """Store what one page or batch of the listing had."""
        ...

    def finish_scope(
        self,
        account_id: str,
        region: str,
        resource_type: str,
        generation: int,
        *,
        complete: bool,
        error: str | None = None,
        outcome: ScopeOutcome | None = None,
        resources: Sequence[Resource] = (),
    ) -> object:
        """Store the last of a listing and end it.

        Only a complete one says that what it did not see is gone.
        """
        ...


@dataclass(frozen=True, slots=True)
class ScanProgress:
    """How far a scan is.

    Attributes
    ----------
    done, total
        Scopes (account, region, type).
    resources
        Found so far.
    current
        What was begun or finished last, such as "RDS instance · us-west-2".
    """

    done: int
    total: int
    resources: int
    current: str


@dataclass(frozen=True, slots=True)
class ScopeResult:
    """How one scope went; ``error`` is worded for the operator and holds no estate data."""

    account_id: str
    region: str
    resource_type: str
    outcome: ScopeOutcome
    count: int
    error: str | None
    seconds: float


@dataclass(frozen=True, slots=True)
class ScannedAccount:
    """An account that was reached.

    Attributes
    ----------
    profiles
        All given profiles that act in it; the first was used.
    regions
        Those that were listed, besides what is global.
    """

    account_id: str
    alias: str | None
    profiles: tuple[str, ...]
    regions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ProfileFailure:
    """A profile whose account, regions or organization could not be found out."""

    profile: str
    outcome: ScopeOutcome
    error: str


@dataclass(frozen=True, slots=True)
class ScanReport:
    """How a scan went.

    Attributes
    ----------
    resources
        How many were found, in all scopes.
    """

    accounts: tuple[ScannedAccount, ...]
    failures: tuple[ProfileFailure, ...]
    scopes: tuple[ScopeResult, ...]
    resources: int
    cancelled: bool
    seconds: float

    @property
    def complete(self) -> bool:
        """Whether everything that was asked for was listed to its end."""
        return not (
            self.cancelled
            or self.failures
            or any(scope.outcome is not ScopeOutcome.COMPLETE for scope in self.scopes)
        )

    def problems(self) -> list[str]:
        """Return one line for each kind of failure, the most frequent first."""
        texts = Counter(scope.error for scope in self.scopes if scope.error is not None)
        lines = [failure.error for failure in self.failures]
        for text, times in texts.most_common():
            lines.append(text if times == 1 else f"{text} ({times} times)")
        return list(dict.fromkeys(lines))


_OUTCOMES: tuple[tuple[type[CloudOpsError], ScopeOutcome], ...] = (
    (AccessDenied, ScopeOutcome.DENIED),
    (ExpiredCredentials, ScopeOutcome.EXPIRED),
    (NoCredentials, ScopeOutcome.EXPIRED),
    (ServiceDisabled, ScopeOutcome.DISABLED),
    # The account was reached with the same credentials, so it is the region that refuses them.
    (InvalidCredentials, ScopeOutcome.DISABLED),
    (Throttled, ScopeOutcome.THROTTLED),
    (AwsUnreachable, ScopeOutcome.UNREACHABLE),
)


def outcome_of(error: CloudOpsError) -> ScopeOutcome:
    """Return the outcome that an error stands for."""
    for kind, outcome in _OUTCOMES:
        if isinstance(error, kind):
            return outcome
    return ScopeOutcome.FAILED

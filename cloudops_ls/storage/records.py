"""The stored records other than resources, as the seed's data models name them."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, JsonValue
from ulid import ULID

from cloudops_ls.storage.resource import Resource

if TYPE_CHECKING:
    from collections.abc import Mapping


def new_id() -> str:
    """Return a new identifier: a ULID, which sorts by time."""
    return str(ULID())


def now() -> datetime:
    """Return the present moment in UTC."""
    return datetime.now(UTC)


class Role(StrEnum):
    """Who said a message."""

    USER = "user"
    ASSISTANT = "assistant"
    SYSTEM = "system"


class ExecutionStatus(StrEnum):
    """Where an execution stands."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCESS = "success"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"
    """Its owner died, so nobody saw how it ended. It is never run again by itself."""

    @property
    def final(self) -> bool:
        """Whether an execution with this status is over."""
        return self not in (ExecutionStatus.PENDING, ExecutionStatus.RUNNING)


class ScopeStatus(StrEnum):
    """How the last listing of a scope went."""

    RUNNING = "running"
    COMPLETE = "complete"
    INCOMPLETE = "incomplete"


class ScopeOutcome(StrEnum):
    """How the listing of one scope ended."""

    COMPLETE = "complete"
    DENIED = "denied"
    DISABLED = "disabled"
    THROTTLED = "throttled"
    UNREACHABLE = "unreachable"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    FAILED = "failed"


class ChangeKind(StrEnum):
    """What happened to a resource."""

    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"


class SyncKind(StrEnum):
    """How much of the estate a synchronisation asks AWS about."""

    FULL = "full"
    INCREMENTAL = "incremental"


class Record(BaseModel):
    """Base of all records: immutable, and strict about unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Conversation(Record):
    """One thread of messages; a runbook names it in its front matter."""

    id: str
    title: str = ""
    created_at: datetime
    updated_at: datetime
    metadata: dict[str, JsonValue] = Field(default_factory=dict)
    """Free for its users, but for the keys of the properties below."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels that the user gave it, sorted (key ``labels``)."""
        stored = self.metadata.get("labels")
        return tuple(str(label) for label in stored) if isinstance(stored, list) else ()

    @property
    def file(self) -> str | None:
        """URI of the runbook that it was last continued in (key ``file``)."""
        stored = self.metadata.get("file")
        return stored if isinstance(stored, str) else None

    @property
    def copied_from(self) -> str | None:
        """Conversation of the runbook that this one's was copied from (key ``copied_from``)."""
        stored = self.metadata.get("copied_from")
        return stored if isinstance(stored, str) else None


class Message(Record):
    """One turn of a conversation."""

    id: str = Field(default_factory=new_id)
    role: Role
    content: str
    timestamp: datetime = Field(default_factory=now)
    metadata: dict[str, JsonValue] = Field(default_factory=dict)
    """``resources_mentioned``, ``commands_executed``, digests of what was written, …"""


class Execution(Record):
    """One command that was approved, and what came of it."""

    id: str = Field(default_factory=new_id)
    conversation_id: str | None = None
    message_id: str | None = None
    command: str
    """The command as it stands in the runbook."""
    argv: tuple[str, ...] = ()
    """What was really run: never a shell's line."""
    profile: str | None = None
    region: str | None = None
    account_id: str | None = None
    approval_digest: str | None = None
    status: ExecutionStatus = ExecutionStatus.PENDING
    output: str = ""
    error: str | None = None
    exit_status: int | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    metadata: dict[str, JsonValue] = Field(default_factory=dict)
    """``resource_ids``, ``approval_required``, ``approved_by``, …"""


class Scope(NamedTuple):
    """What one list operation covers."""

    account_id: str
    region: str
    resource_type: str


class SyncScope(Record):
    """How far the estate is known for one scope."""

    account_id: str
    region: str
    resource_type: str
    generation: int
    """Generation of the last complete listing; 0 before the first one."""
    status: ScopeStatus
    outcome: ScopeOutcome | None = None
    """How the last listing that ended went."""
    error: str | None = None
    count: int = 0
    """Resources seen by the last listing."""
    started_at: datetime | None = None
    finished_at: datetime | None = None

    @property
    def scope(self) -> Scope:
        """The scope this is about."""
        return Scope(self.account_id, self.region, self.resource_type)


class SweepResult(Record):
    """What the end of a listing did to its scope."""

    seen: int
    """Resources that this listing found."""
    removed: tuple[str, ...] = ()
    """ARNs that a complete listing no longer found, now deleted."""
    superseded: bool = False
    """A newer listing of the scope has begun, so this one changed nothing."""


class SyncRun(Record):
    """One synchronisation, from its begin to its end."""

    id: str = Field(default_factory=new_id)
    kind: SyncKind
    reason: str
    """Who wanted it: ``schedule``, ``request``, …"""
    started_at: datetime = Field(default_factory=now)
    finished_at: datetime | None = None
    """None while it is under way, and for ever if its process died."""
    complete: bool = False
    scopes: int = 0
    """Listings and single resources that AWS was asked about."""
    failed: int = 0
    resources: int = 0
    problems: tuple[str, ...] = ()


class FieldChange(Record):
    """One field of a resource, before and after; None where it was or is absent."""

    field: str
    """``state``, ``tags.env``, ``metadata.instance_class``, …"""
    before: JsonValue
    after: JsonValue


class Change(Record):
    """Something that happened to a resource, when it was noticed."""

    at: datetime
    kind: ChangeKind
    arn: str
    resource_type: str
    account_id: str
    region: str
    name: str
    fields: tuple[FieldChange, ...] = ()

    def field(self, name: str) -> FieldChange | None:
        """Return what happened to one field."""
        return next((change for change in self.fields if change.field == name), None)


class UpsertResult(Record):
    """What writing resources changed."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0


class AccountRecord(Record):
    """An AWS account and the profiles that lead to it."""

    account_id: str
    alias: str | None = None
    profiles: tuple[str, ...] = ()


class NameRow(NamedTuple):
    """What completion needs to know of one resource."""

    name: str
    identifier: str
    arn: str
    resource_type: str
    account_id: str
    region: str
    state: str | None


class NameChanges(NamedTuple):
    """What has changed in the estate since a revision, as far as names go."""

    revision: int
    """The revision now."""
    total: int
    """Resources there are now: fewer than expected when some were deleted."""
    rows: list[tuple[NameRow, str]]
    """New and changed resources, with their tags as JSON without ``Name``."""


class ResourceFilter(Record):
    """Which resources a search may return; an empty field does not restrict."""

    accounts: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    tags: dict[str, str] = Field(default_factory=dict)
    """Every one of these tags must be there with exactly this value."""

    def matches(self, resource: Resource) -> bool:
        """Return whether ``resource`` passes."""
        return self.admits(
            resource.account_id, resource.region, resource.resource_type, resource.state
        ) and _has_all(resource.tags, self.tags)

    def admits(self, account_id: str, region: str, resource_type: str, state: str | None) -> bool:
        """Return whether a resource may pass, as far as can be told without its tags."""
        return (
            (not self.accounts or account_id in self.accounts)
            and (not self.regions or region in self.regions)
            and (not self.types or resource_type in self.types)
            and (not self.states or state in self.states)
        )


class Match(StrEnum):
    """How a search found a resource."""

    EXACT = "exact"
    """Its name, identifier or ARN is what was asked for."""
    PREFIX = "prefix"
    SUBSTRING = "substring"
    FUZZY = "fuzzy"
    """Its name is within two misspellings of what was asked for."""
    FILTERS = "filters"
    """It passes the filters, and nothing else was asked for."""
    KEYWORDS = "keywords"
    """Words of the query occur in it (BM25, or plain text matching without an index)."""
    HYBRID = "hybrid"
    """Words and meaning, fused."""


class SearchHit(Record):
    """One search result.

    ``score`` lies in (0, 1]: 1 is an exact match, above 0.7 a name that contains the query, up to
    0.7 everything else, where it is relative to the best hit of the same search.
    """

    resource: Resource
    score: float
    how: Match


def _has_all(tags: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    return all(tags.get(key) == value for key, value in wanted.items())

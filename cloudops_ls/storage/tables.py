"""The tables of the store, as SQLAlchemy models; migrations must lead to exactly these."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    JSON,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Text,
    TypeDecorator,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

if TYPE_CHECKING:
    from sqlalchemy.engine import Dialect


class UtcDateTime(TypeDecorator[datetime]):
    """A moment: stored in UTC, read back timezone-aware, whatever the database keeps."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse local times, store UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment needs its time zone")
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class NulFreeText(TypeDecorator[str]):
    """Text for PostgreSQL, which keeps no NUL characters: they become ``␀``."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Replace what the database cannot keep."""
        return value if value is None else value.replace("\0", "\N{SYMBOL FOR NULL}")


class Base(DeclarativeBase):
    """Base of all tables."""

    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy's own way
        datetime: UtcDateTime,
        dict[str, Any]: JSON,
        list[str]: JSON,
        str: Text().with_variant(NulFreeText(), "postgresql"),
    }


class ConversationRow(Base):
    """One thread of messages."""

    __tablename__ = "conversations"

    id: Mapped[str] = mapped_column(primary_key=True)
    title: Mapped[str]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime] = mapped_column(index=True)
    details: Mapped[dict[str, Any]] = mapped_column("metadata", JSON, key="details")


class MessageRow(Base):
    """One turn; ``seq`` is the order in which turns were stored, whatever the clocks said."""

    __tablename__ = "messages"

    seq: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(unique=True)
    conversation_id: Mapped[str] = mapped_column(
        ForeignKey("conversations.id", ondelete="CASCADE"), index=True
    )
    role: Mapped[str]
    content: Mapped[str]
    timestamp: Mapped[datetime]
    details: Mapped[dict[str, Any]] = mapped_column("metadata", JSON, key="details")


class ExecutionRow(Base):
    """One command that was run; it outlives the conversation it belonged to."""

    __tablename__ = "executions"

    id: Mapped[str] = mapped_column(primary_key=True)
    conversation_id: Mapped[str | None] = mapped_column(
        ForeignKey("conversations.id", ondelete="SET NULL"), index=True
    )
    message_id: Mapped[str | None] = mapped_column(
        ForeignKey("messages.id", ondelete="SET NULL"), index=True
    )
    command: Mapped[str]
    argv: Mapped[list[str]]
    profile: Mapped[str | None]
    region: Mapped[str | None]
    account_id: Mapped[str | None]
    approval_digest: Mapped[str | None]
    status: Mapped[str] = mapped_column(index=True)
    error: Mapped[str | None]
    exit_status: Mapped[int | None]
    started_at: Mapped[datetime | None]
    completed_at: Mapped[datetime | None]
    details: Mapped[dict[str, Any]] = mapped_column("metadata", JSON, key="details")
    owner_pid: Mapped[int]
    owner_started: Mapped[str]


class ExecutionOutputRow(Base):
    """A piece of output; pieces, so that streaming does not rewrite what came before."""

    __tablename__ = "execution_output"

    seq: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    execution_id: Mapped[str] = mapped_column(
        ForeignKey("executions.id", ondelete="CASCADE"), index=True
    )
    text: Mapped[str]


class AuditRow(Base):
    """One link of the audit log's chain; never changed or removed (triggers refuse both)."""

    __tablename__ = "audit"

    seq: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    at: Mapped[str]
    """ISO 8601, as it was digested."""
    event: Mapped[str]
    actor: Mapped[str]
    execution_id: Mapped[str | None] = mapped_column(index=True)
    details: Mapped[str]
    """JSON."""
    previous: Mapped[str]
    digest: Mapped[str]


class AuditSealRow(Base):
    """The key that signs the record of the audit log's end; one row."""

    __tablename__ = "audit_seal"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    key: Mapped[bytes] = mapped_column(LargeBinary)


class ResourceRow(Base):
    """One resource: what is looked up in columns, the whole record as JSON."""

    __tablename__ = "resources"

    arn: Mapped[str] = mapped_column(primary_key=True)
    resource_type: Mapped[str]
    identifier: Mapped[str] = mapped_column(index=True)
    account_id: Mapped[str]
    region: Mapped[str]
    name: Mapped[str]
    name_key: Mapped[str]
    """The name, case folded."""
    state: Mapped[str | None]
    seen: Mapped[int]
    """Generation of the listing that saw it last."""
    revision: Mapped[int] = mapped_column(index=True)
    """Estate revision that changed its content last."""
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    """Of the document: tells a changed record from one merely seen again."""
    last_synced: Mapped[datetime]
    document: Mapped[str]
    """The record as JSON, without ``last_synced``."""

    __table_args__ = (
        # Covers names(), so that 100,000 names need not decrypt 100,000 documents.
        Index(
            "ix_resources_names",
            "name_key",
            "name",
            "identifier",
            "arn",
            "resource_type",
            "account_id",
            "region",
            "state",
        ),
        Index("ix_resources_scope", "account_id", "region", "resource_type", "seen"),
        Index("ix_resources_region", "region"),
        Index("ix_resources_type", "resource_type"),
    )


class SyncScopeRow(Base):
    """How far the estate is known for one account, region and type."""

    __tablename__ = "sync_scopes"

    account_id: Mapped[str] = mapped_column(primary_key=True)
    region: Mapped[str] = mapped_column(primary_key=True)
    resource_type: Mapped[str] = mapped_column(primary_key=True)
    generation: Mapped[int]
    """Of the last complete listing."""
    current: Mapped[int]
    """Of the newest listing that began."""
    status: Mapped[str]
    outcome: Mapped[str | None]
    error: Mapped[str | None]
    count: Mapped[int]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class SyncRunRow(Base):
    """One synchronisation of the estate."""

    __tablename__ = "sync_runs"

    id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    reason: Mapped[str]
    started_at: Mapped[datetime] = mapped_column(index=True)
    finished_at: Mapped[datetime | None]
    complete: Mapped[bool]
    scopes: Mapped[int]
    failed: Mapped[int]
    resources: Mapped[int]
    problems: Mapped[list[str]]


class ResourceChangeRow(Base):
    """What happened to a resource; outlives it for a while."""

    __tablename__ = "resource_changes"

    seq: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    at: Mapped[datetime] = mapped_column(index=True)
    kind: Mapped[str]
    arn: Mapped[str] = mapped_column(index=True)
    resource_type: Mapped[str]
    account_id: Mapped[str]
    region: Mapped[str]
    name: Mapped[str]
    fields: Mapped[str]
    """JSON: each differing field with its value before and after."""


class AccountRow(Base):
    """An AWS account."""

    __tablename__ = "accounts"

    account_id: Mapped[str] = mapped_column(primary_key=True)
    alias: Mapped[str | None]
    profiles: Mapped[list[str]]


class VectorRow(Base):
    """An embedding, by the model and the digest of the text it was computed from."""

    __tablename__ = "vectors"

    model: Mapped[str] = mapped_column(primary_key=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    dim: Mapped[int]
    vector: Mapped[bytes] = mapped_column(LargeBinary)
    """``dim`` little-endian float32."""


class MetaRow(Base):
    """Counters of the whole store."""

    __tablename__ = "meta"

    key: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[int]


class BackupStateRow(Base):
    """What this store knows of its backups: their key, whom it is sealed for, the schedule."""

    __tablename__ = "backup_state"

    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str]


class PreferenceRow(Base):
    """What a user prefers."""

    __tablename__ = "preferences"

    user_id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str]


class NameSnapshotRow(Base):
    """The name index of whoever built it last; one row at most, made from `resources`."""

    __tablename__ = "name_snapshot"

    id: Mapped[int] = mapped_column(primary_key=True)
    revision: Mapped[int]
    """Of the estate when it was made."""
    data: Mapped[bytes] = mapped_column(LargeBinary)

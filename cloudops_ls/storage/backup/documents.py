"""What the objects of a backup say: manifest, part, index."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

ChunkId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
ObjectName = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ColumnKind(StrEnum):
    """How a column's values stand in a row's JSON."""

    PLAIN = "plain"
    """As they are: text, integers, null."""
    JSON = "json"
    """As the JSON that they are."""
    TIME = "time"
    """ISO 8601, in UTC."""
    BYTES = "bytes"
    """Base64 with the URL alphabet (RFC 4648, section 5)."""


class Column(_Document):
    """One column of a stream."""

    name: str
    kind: ColumnKind


class Stream(_Document):
    """Rows of one table, or some of its columns, cut into chunks in the order of the key."""

    table: str
    columns: tuple[Column, ...]
    rows: int
    chunks: tuple[ChunkId, ...]


class Part(_Document):
    """``chat_history/{date}`` and ``aws_estate/{date}``: all of it, as it was then."""

    streams: tuple[Stream, ...]


class PartSummary(_Document):
    """What the manifest says about a part."""

    mac: str
    """Of the part's object, so that no other object of the same name will do."""
    rows: dict[str, int]
    """By table."""


class Manifest(_Document):
    """``manifests/{date}``: that a backup exists, and what it is."""

    created_at: datetime
    """By the clock of the machine that made it."""
    store_id: str
    """Which store it is of."""
    host: str
    """Name of the machine, for people."""
    program: str
    """Version of cloudops-ls that made it."""
    schema_revision: str
    """Of the database's tables; see ``storage.schema``."""
    parts: dict[Literal["chat_history", "aws_estate"], PartSummary]
    new_bytes: int
    """Sealed bytes of content that this backup added."""


class PackEntry(_Document):
    """One content object."""

    name: ObjectName
    size: int = Field(ge=0)
    """Sealed bytes, as the bucket's listing says them."""
    etag: str
    """As the bucket's listing says it: another one means that the object was overwritten."""
    chunks: tuple[ChunkId, ...]
    raw: tuple[int, ...]
    """Bytes of each chunk, unpacked."""


class Index(_Document):
    """``index/{name}``: which content object holds which chunks."""

    packs: tuple[PackEntry, ...]

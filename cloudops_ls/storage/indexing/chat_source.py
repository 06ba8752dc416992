"""What was said, as entries to be found."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from cloudops_ls.storage.indexing.source import Changes, Entry
from cloudops_ls.storage.tables import MessageRow
from cloudops_ls.storage.vectors.index import CHAT_HISTORY

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from collections.abc import Set as AbstractSet

    from sqlalchemy import Connection

_LOOKUP = 500
_STREAMED = 200


class ChatSource:
    """All messages, by id. A message never changes; it comes and may go."""

    collection = CHAT_HISTORY
    keyword_fields = ("conversation_id", "role")
    tenant_field = "conversation_id"

    def state(self, connection: Connection) -> object:
        """Return how many messages there are and which are the newest."""
        row = connection.execute(
            select(func.count(MessageRow.id), func.max(MessageRow.seq), func.max(MessageRow.id))
        ).one()
        return tuple(row)

    def count(self, connection: Connection) -> int:
        """Return how many messages there are."""
        return connection.execute(select(func.count(MessageRow.id))).scalar_one()

    def keys_after(self, connection: Connection, key: str, limit: int) -> list[str]:
        """Return the first ids behind ``key``."""
        query = (
            select(MessageRow.id).where(MessageRow.id > key).order_by(MessageRow.id).limit(limit)
        )
        return list(connection.execute(query).scalars())

    def changes(self, connection: Connection, since: object, known: AbstractSet[str]) -> Changes:
        """Return the messages that are not known, and those that are gone."""
        there = set(connection.execute(select(MessageRow.id)).scalars())
        return Changes(list(there - known), known - there)

    def entries(self, connection: Connection, keys: Sequence[str]) -> list[Entry]:
        """Return the entries of those ids that exist."""
        found: list[Entry] = []
        for start in range(0, len(keys), _LOOKUP):
            rows = connection.execute(
                select(
                    MessageRow.id, MessageRow.conversation_id, MessageRow.role, MessageRow.content
                ).where(MessageRow.id.in_(keys[start : start + _LOOKUP]))
            )
            found += (
                Entry(
                    row.id,
                    row.content,
                    {"conversation_id": row.conversation_id, "role": row.role},
                    _digest(row.content),
                )
                for row in rows
            )
        return found

    def digests(self, connection: Connection) -> Iterator[tuple[str, bytes]]:
        """Stream id and digest of every message."""
        query = select(MessageRow.id, MessageRow.content)
        for row in connection.execute(query.execution_options(yield_per=_STREAMED)):
            yield row.id, _digest(row.content)


def _digest(content: str) -> bytes:
    return hashlib.sha256(content.encode()).digest()

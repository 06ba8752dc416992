"""Conversations and their messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy import ColumnElement, Row, Select, and_, delete, exists, or_, select, update

from cloudops_ls.errors import CloudOpsError
from cloudops_ls.storage.records import Conversation, Message, Role, now
from cloudops_ls.storage.tables import ConversationRow, MessageRow
from cloudops_ls.storage.vectors.cache import forget

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from pydantic import JsonValue
    from sqlalchemy import Connection

    from cloudops_ls.storage.database import Database
    from cloudops_ls.storage.search import Alike

TITLE_LENGTH = 80
"""Characters of the first prompt that become a conversation's title."""
LABEL_LENGTH = 64


ALIKE = 20
"""Most conversations that a search adds because they are alike, unless a limit is given."""
_MESSAGES_EACH = 5
"""Messages to ask the index for, for each conversation that is wanted."""


class SaidIndex(Protocol):
    """The search index, as the chat sees it."""

    def search(self, query: str, limit: int) -> Sequence[Alike] | None:
        """Return the ids of the messages most alike to ``query``; None if it cannot tell."""
        ...


class ChatStorage:
    """Everything said in runbooks, by conversation.

    A conversation comes into being with its first message or its first `update_context`.

    Parameters
    ----------
    database
        Where it is.
    index
        The search index over messages; without one, search is by text alone.
    """

    def __init__(self, database: Database, index: SaidIndex | None = None) -> None:
        self._database = database
        self._index = index

    def append(self, context_id: str, *messages: Message) -> None:
        """Add ``messages`` to the end of a conversation, all of them or none, next to each other.

        A message whose id is stored already is left as it is, so appending may be repeated.
        """
        with self._database.write() as connection:
            for message in messages:
                self._append(connection, context_id, message)

    def _append(self, connection: Connection, context_id: str, message: Message) -> None:
        ensure_conversation(self._database, connection, context_id, message.timestamp)
        inserted = connection.execute(
            self._database.insert(MessageRow)
            .values(
                id=message.id,
                conversation_id=context_id,
                role=message.role.value,
                content=message.content,
                timestamp=message.timestamp,
                details=message.metadata,
            )
            .on_conflict_do_nothing(index_elements=["id"])
        )
        if not inserted.rowcount:
            return
        changes: dict[str, Any] = {"updated_at": now()}
        if message.role is Role.USER:
            connection.execute(
                update(ConversationRow)
                .where(ConversationRow.id == context_id, ConversationRow.title == "")
                .values(title=_title(message.content))
            )
        connection.execute(
            update(ConversationRow).where(ConversationRow.id == context_id).values(changes)
        )

    def get_history(self, context_id: str, limit: int | None = None) -> list[Message]:
        """Return the last ``limit`` messages (all by default), oldest first."""
        newest = (
            select(MessageRow)
            .where(MessageRow.conversation_id == context_id)
            .order_by(MessageRow.seq.desc())
            .limit(limit)
        )
        with self._database.read() as connection:
            rows = connection.execute(newest).all()
        return [_message(row) for row in reversed(rows)]

    def get_conversation(self, context_id: str) -> Conversation | None:
        """Return a conversation without its messages, or None."""
        found = self._conversations(select(ConversationRow).where(ConversationRow.id == context_id))
        return found[0] if found else None

    def get_all_contexts(self) -> list[str]:
        """Return the ids of all conversations, the most recently used first."""
        return [conversation.id for conversation in self.conversations()]

    def conversations(
        self, limit: int | None = None, *, label: str | None = None
    ) -> list[Conversation]:
        """Return conversations, the most recently used first, of one ``label`` if it is given."""
        if label is None:
            return self._conversations(_by_use(select(ConversationRow)).limit(limit))
        # JSON is queried differently by every database; a user has hundreds of these, not millions.
        everything = self._conversations(_by_use(select(ConversationRow)))
        return [one for one in everything if label in one.labels][:limit]

    def label(self, context_id: str, labels: Iterable[str]) -> Conversation:
        """Give a conversation exactly these labels.

        Raises
        ------
        CloudOpsError
            A label is empty, longer than 64 characters, or has line ends.
        """
        wanted = sorted({label.strip() for label in labels})
        for label in wanted:
            if not label or len(label) > LABEL_LENGTH or not label.isprintable():
                raise CloudOpsError(
                    "A label is one line of 1 to 64 characters", fix="Choose a shorter word"
                )
        return self.update_context(context_id, {"labels": [*wanted]})

    def update_context(
        self, context_id: str, metadata: Mapping[str, JsonValue], *, title: str | None = None
    ) -> Conversation:
        """Merge ``metadata`` into a conversation's, and rename it where ``title`` is given."""
        with self._database.write() as connection:
            ensure_conversation(self._database, connection, context_id, now())
            mine = ConversationRow.id == context_id
            row = connection.execute(select(ConversationRow).where(mine)).one()
            conversation = _conversation(row).model_copy(
                update={
                    "metadata": {**row.details, **metadata},
                    "title": row.title if title is None else title,
                    "updated_at": now(),
                }
            )
            connection.execute(
                update(ConversationRow)
                .where(mine)
                .values(
                    details=conversation.metadata,
                    title=conversation.title,
                    updated_at=conversation.updated_at,
                )
            )
        return conversation

    def delete(self, context_id: str) -> bool:
        """Delete a conversation with its messages for good; return whether it was there.

        Nothing of it is left in the database, nor what its messages mean, as vectors. The search
        index forgets it with its next search. What was executed in it stays in the execution log;
        backups hold it until they are pruned.
        """
        said = select(MessageRow.content).where(MessageRow.conversation_id == context_id)
        with self._database.erase() as connection:
            forget(connection, connection.execute(said).scalars().all())
            removed = connection.execute(
                delete(ConversationRow).where(ConversationRow.id == context_id)
            )
        return removed.rowcount > 0

    def search_conversations(self, query: str, limit: int | None = None) -> list[Conversation]:
        """Return conversations for ``query``, best first.

        First those that contain every word of it, in the title or in any messages, in any order
        and case, last used first. Then, with an index, those with the messages most alike to it
        in words and meaning.
        """
        words = query.split()
        if not words or limit == 0:
            return []
        # Before any transaction: the index may itself read the database to catch up.
        wanted = ALIKE if limit is None else limit
        alike = self._index.search(query, wanted * _MESSAGES_EACH) if self._index else None
        found = self._conversations(
            _by_use(select(ConversationRow).where(and_(*map(_mentions, words)))).limit(limit)
        )
        if alike:
            known = {conversation.id for conversation in found}
            more = [each for each in self._holding(alike) if each.id not in known]
            found += more[:ALIKE]
        return found[:limit]

    def _holding(self, alike: Sequence[Alike]) -> list[Conversation]:
        """Return the conversations of messages, those of the best messages first."""
        ids = [each.key for each in alike]
        with self._database.read() as connection:
            rows = connection.execute(
                select(MessageRow.id, MessageRow.conversation_id).where(MessageRow.id.in_(ids))
            ).all()
        owner = {row.id: row.conversation_id for row in rows}
        wanted = list(dict.fromkeys(owner[each] for each in ids if each in owner))
        found = self._conversations(select(ConversationRow).where(ConversationRow.id.in_(wanted)))
        by_id = {conversation.id: conversation for conversation in found}
        return [by_id[each] for each in wanted if each in by_id]

    def _conversations(self, query: Select[Any]) -> list[Conversation]:
        with self._database.read() as connection:
            return [_conversation(row) for row in connection.execute(query)]


def ensure_conversation(
    database: Database, connection: Connection, context_id: str, at: datetime
) -> None:
    """Create an empty conversation unless it is there."""
    connection.execute(
        database.insert(ConversationRow)
        .values(id=context_id, title="", created_at=at, updated_at=at, details={})
        .on_conflict_do_nothing(index_elements=["id"])
    )


def _by_use(query: Select[Any]) -> Select[Any]:
    return query.order_by(ConversationRow.updated_at.desc(), ConversationRow.id.desc())


def _mentions(word: str) -> ColumnElement[bool]:
    said = exists().where(
        MessageRow.conversation_id == ConversationRow.id,
        MessageRow.content.icontains(word, autoescape=True),
    )
    return or_(ConversationRow.title.icontains(word, autoescape=True), said)


def _title(prompt: str) -> str:
    line = next((line.strip() for line in prompt.splitlines() if line.strip()), "")
    return line if len(line) <= TITLE_LENGTH else line[: TITLE_LENGTH - 1].rstrip() + "…"


def _conversation(row: Row[Any]) -> Conversation:
    return Conversation(
        id=row.id,
        title=row.title,
        created_at=row.created_at,
        updated_at=row.updated_at,
        metadata=row.details,
    )


def _message(row: Row[Any]) -> Message:
    return Message(
        id=row.id,
        role=Role(row.role),
        content=row.content,
        timestamp=row.timestamp,
        metadata=row.details,
    )

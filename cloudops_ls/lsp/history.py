"""``cloudops.conversations`` and its like: what was said in runbooks, found, kept and deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lsprotocol import types

from cloudops_ls.assistant.transcript import transcript
from cloudops_ls.errors import CloudOpsError
from cloudops_ls.lsp.guard import ask
from cloudops_ls.storage.records import new_id

if TYPE_CHECKING:
    from cloudops_ls.lsp.arguments import (
        ConversationMessages,
        Conversations,
        CreateConversation,
        ExportConversation,
        LabelConversation,
        OneConversation,
        RenameConversation,
    )
    from cloudops_ls.lsp.session import Session
    from cloudops_ls.storage.records import Conversation

_DELETE = "Delete for good"


async def create_conversation(session: Session, wanted: CreateConversation) -> dict[str, Any]:
    """Create a conversation before anything is said in it."""
    metadata = {"file": wanted.uri} if wanted.uri is not None else {}
    made = await session.stored(
        lambda store: store.chat.update_context(new_id(), metadata, title=wanted.title)
    )
    return _told(made)


async def conversations(session: Session, wanted: Conversations) -> list[dict[str, Any]]:
    """Return conversations, without their messages."""
    if not wanted.query.strip():
        found = await session.stored(
            lambda store: store.chat.conversations(wanted.limit, label=wanted.label)
        )
        return [_told(one) for one in found]
    hits = await _alike(session, wanted.query)
    fitting = (one for one in hits if wanted.label is None or wanted.label in one.labels)
    return [_told(one) for one in list(fitting)[: wanted.limit]]


async def _alike(session: Session, query: str) -> list[Conversation]:
    """Search by words and meaning in the worker, by words alone where that cannot be."""
    from cloudops_ls.storage.records import Conversation
    from cloudops_ls.worker import wire

    try:
        hits = await session.worker.request(wire.CHAT_SEARCH, {"query": query})
    except CloudOpsError:
        return await session.stored(lambda store: store.chat.search_conversations(query))
    return [Conversation.model_validate(hit) for hit in hits]


async def conversation_messages(
    session: Session, wanted: ConversationMessages
) -> list[dict[str, Any]]:
    """Return the last messages of a conversation, oldest first."""
    await _existing(session, wanted)
    messages = await session.stored(lambda store: store.chat.get_history(wanted.id, wanted.limit))
    return [message.model_dump(mode="json") for message in messages]


async def rename_conversation(session: Session, wanted: RenameConversation) -> dict[str, Any]:
    """Give a conversation another title."""
    await _existing(session, wanted)
    return _told(
        await session.stored(
            lambda store: store.chat.update_context(wanted.id, {}, title=wanted.title)
        )
    )


async def label_conversation(session: Session, wanted: LabelConversation) -> dict[str, Any]:
    """Give a conversation exactly these labels."""
    await _existing(session, wanted)
    return _told(await session.stored(lambda store: store.chat.label(wanted.id, wanted.labels)))


async def export_conversation(session: Session, wanted: ExportConversation) -> dict[str, Any]:
    """Return a conversation as a document; the client decides where it goes."""
    conversation = await _existing(session, wanted)
    text = await session.stored(
        lambda store: transcript(
            conversation,
            store.chat.get_history(wanted.id),
            store.executions.list(wanted.id),
            wanted.format,
        )
    )
    return {"format": wanted.format.value, "text": text}


async def delete_conversation(session: Session, wanted: OneConversation) -> dict[str, Any]:
    """Delete a conversation if the operator confirms it; the runbook file stays as it is."""
    conversation = await _existing(session, wanted)
    answer = await ask(
        session.server,
        f"Delete the conversation '{conversation.title or conversation.id}' for good? The runbook "
        "file stays as it is, what was run stays in the logs, and backups that were made before "
        "hold it until they are pruned.",
        [_DELETE],
        types.MessageType.Warning,
    )
    if answer != _DELETE:
        return {"status": "refused"}
    await session.stored(lambda store: store.chat.delete(wanted.id))
    return {"status": "deleted"}


async def _existing(session: Session, wanted: OneConversation) -> Conversation:
    found = await session.stored(lambda store: store.chat.get_conversation(wanted.id))
    if found is None:
        raise CloudOpsError("There is no such conversation", fix="It may have been deleted")
    return found


def _told(conversation: Conversation) -> dict[str, Any]:
    return {
        "id": conversation.id,
        "title": conversation.title,
        "createdAt": conversation.created_at.isoformat(),
        "updatedAt": conversation.updated_at.isoformat(),
        "labels": list(conversation.labels),
        "file": conversation.file,
    }

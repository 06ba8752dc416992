"""``cloudops.sendMessage``: a prompt in a conversation, for clients without a file to write in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudops_ls.errors import CloudOpsError
from cloudops_ls.lsp.documents import RUNBOOK_SUFFIX, RunbookDocument, RunbookWorkspace
from cloudops_ls.lsp.kept_reply import known_digests
from cloudops_ls.lsp.progress import WorkCancelled, WorkDone
from cloudops_ls.lsp.question import Asked, Question
from cloudops_ls.lsp.thread import Thread
from cloudops_ls.runbook.text import Span

if TYPE_CHECKING:
    from cloudops_ls.lsp.arguments import SendMessage
    from cloudops_ls.lsp.session import Session


async def send_message(session: Session, message: SendMessage) -> dict[str, Any]:
    """Ask in a conversation; prompt and answer are stored, no file is touched.

    Names, profile and region are understood as in a runbook that holds the prompt alone.

    Returns
    -------
    dict
        ``status``; where answered, the reply's ``kind``, its ``text`` as Markdown, and its
        ``commands``, which run only from a runbook or `cloudops-ls run`.

    Raises
    ------
    CloudOpsError
        There is no such conversation, nothing to ask, or the assistant could not answer.
    """
    history = await session.stored(
        lambda store: (
            store.chat.get_history(message.conversation_id)
            if store.chat.get_conversation(message.conversation_id) is not None
            else None
        )
    )
    if history is None:
        raise CloudOpsError(
            "There is no such conversation", fix="Make one with cloudops.createConversation"
        )
    thread = Thread(message.conversation_id, None, history, [], known_digests(history))
    uri = f"cloudops-message:/{message.conversation_id}{RUNBOOK_SUFFIX}"
    document = RunbookDocument(uri, message.prompt, None, "markdown", RunbookWorkspace(None))
    asked = Asked(message.prompt.strip(), Span(0, len(message.prompt)))
    async with WorkDone(session, "Asking CloudOps") as work:
        try:
            answer = await work.run(Question(session, document, asked, thread).ask(work))
        except WorkCancelled:
            return {"status": "cancelled"}
        await session.stored(lambda store: answer.store(store.chat, thread.id))
        work.finish("Answered")
    return {
        "status": "answered",
        "kind": answer.kind,
        "text": answer.text.body,
        "commands": list(answer.text.commands),
    }

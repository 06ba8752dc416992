"""Commands of the history: conversations, their messages, labels, transcripts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudops_ls.lsp import command_ids

if TYPE_CHECKING:
    from cloudops_ls.lsp.commands.registering import Register
    from cloudops_ls.lsp.session import Session


def register(command: Register, session: Session) -> None:
    """Register the commands of this area."""

    async def create_conversation(*arguments: Any) -> Any:
        from cloudops_ls.lsp import arguments as given
        from cloudops_ls.lsp import history

        wanted = given.read(given.CreateConversation, command_ids.CREATE_CONVERSATION, arguments)
        return await history.create_conversation(session, wanted)

    async def conversations(*arguments: Any) -> Any:
        from cloudops_ls.lsp import arguments as given
        from cloudops_ls.lsp import history

        wanted = given.read(given.Conversations, command_ids.CONVERSATIONS, arguments)
        return await history.conversations(session, wanted)

    async def conversation_messages(*arguments: Any) -> Any:
        from cloudops_ls.lsp import arguments as given
        from cloudops_ls.lsp import history

        wanted = given.read(
            given.ConversationMessages, command_ids.CONVERSATION_MESSAGES, arguments
        )
        return await history.conversation_messages(session, wanted)

    async def rename_conversation(*arguments: Any) -> Any:
        from cloudops_ls.lsp import arguments as given
        from cloudops_ls.lsp import history

        wanted = given.read(given.RenameConversation, command_ids.RENAME_CONVERSATION, arguments)
        return await history.rename_conversation(session, wanted)

    async def label_conversation(*arguments: Any) -> Any:
        from cloudops_ls.lsp import arguments as given
        from cloudops_ls.lsp import history

        wanted = given.read(given.LabelConversation, command_ids.LABEL_CONVERSATION, arguments)
        return await history.label_conversation(session, wanted)

    async def export_conversation(*arguments: Any) -> Any:
        from cloudops_ls.lsp import arguments as given
        from cloudops_ls.lsp import history

        wanted = given.read(given.ExportConversation, command_ids.EXPORT_CONVERSATION, arguments)
        return await history.export_conversation(session, wanted)

    async def delete_conversation(*arguments: Any) -> Any:
        from cloudops_ls.lsp import arguments as given
        from cloudops_ls.lsp import history

        wanted = given.read(given.OneConversation, command_ids.DELETE_CONVERSATION, arguments)
        return await history.delete_conversation(session, wanted)

    command(command_ids.CREATE_CONVERSATION, create_conversation)
    command(command_ids.CONVERSATIONS, conversations)
    command(command_ids.CONVERSATION_MESSAGES, conversation_messages)
    command(command_ids.RENAME_CONVERSATION, rename_conversation)
    command(command_ids.LABEL_CONVERSATION, label_conversation)
    command(command_ids.EXPORT_CONVERSATION, export_conversation)
    command(command_ids.DELETE_CONVERSATION, delete_conversation)

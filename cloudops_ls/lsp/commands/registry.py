"""Every ``workspace/executeCommand`` of the server: its id, its argument, and what answers it.

The table names modules instead of importing them: it is read before ``initialize`` is answered,
and a command's module is imported when the command is first given. A test resolves all of it.
``docs/lsp-commands.md`` is made from this table.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from cloudops_ls.lsp import command_ids

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cloudops_ls.lsp.session import Session

_PACKAGE = "cloudops_ls.lsp"


@dataclass(frozen=True, slots=True)
class LspCommand:
    """One command.

    Attributes
    ----------
    id
        As clients send it.
    module, function
        What answers it, within ``cloudops_ls.lsp``; called with the session, and with the
        argument where there is one.
    argument
        The model of its one argument object in ``cloudops_ls.lsp.arguments``; None for none.
    trusted
        It sends a runbook's text somewhere, or asks AWS because of it: in a folder that is not
        trusted it is refused.
    """

    id: str
    module: str
    function: str
    argument: str | None = None
    trusted: bool = False

    def handler(self) -> Callable[..., Any]:
        """Return what answers it; its module is imported the first time."""
        found: Callable[..., Any] = getattr(
            import_module(f"{_PACKAGE}.{self.module}"), self.function
        )
        return found

    def argument_model(self) -> Any:
        """Return the pydantic model of its argument, None where it takes none."""
        if self.argument is None:
            return None
        return getattr(import_module(f"{_PACKAGE}.arguments"), self.argument)

    async def answer(self, session: Session, arguments: Sequence[Any]) -> Any:
        """Carry it out with what the client sent.

        Raises
        ------
        CloudOpsError
            The argument is not valid, or the command fails.
        """
        given = []
        if (model := self.argument_model()) is not None:
            from cloudops_ls.lsp.arguments import read

            given.append(read(model, self.id, arguments))
        answered = self.handler()(session, *given)
        return await answered if inspect.isawaitable(answered) else answered


COMMANDS: dict[str, tuple[LspCommand, ...]] = {
    "Conversation": (
        LspCommand(command_ids.PREVIEW_REQUEST, "previewing", "preview_request", "PreviewRequest"),
        LspCommand(
            command_ids.SEND_MESSAGE, "messages", "send_message", "SendMessage", trusted=True
        ),
        LspCommand(command_ids.SEND_PARAGRAPH, "asking", "send_paragraph", "Place", trusted=True),
        LspCommand(
            command_ids.SEND_SELECTION, "asking", "send_selection", "Selection", trusted=True
        ),
        LspCommand(command_ids.PICK_CHOICE, "choosing", "pick_choice", "PickChoice", trusted=True),
    ),
    "Runbook": (
        LspCommand(
            command_ids.RUNBOOK_CONTEXT, "runbook_context", "runbook_context", "RunbookContext"
        ),
        LspCommand(
            command_ids.SET_RUNBOOK_CONTEXT,
            "runbook_context",
            "set_runbook_context",
            "SetRunbookContext",
        ),
    ),
    "Execution": (
        LspCommand(
            command_ids.EXECUTE_COMMAND, "executing", "execute_command", "Place", trusted=True
        ),
        LspCommand(command_ids.RUN_PLAN, "plans", "run_plan", "RunPlan", trusted=True),
        LspCommand(
            command_ids.UNDO_EXECUTION, "undoing", "undo_execution", "UndoExecution", trusted=True
        ),
        LspCommand(
            command_ids.CANCEL_EXECUTION, "execution_logs", "cancel_execution", "CancelExecution"
        ),
        LspCommand(command_ids.EXECUTION_LOGS, "execution_logs", "execution_logs", "ExecutionLogs"),
        LspCommand(command_ids.SIGN_IN, "signing_in", "sign_in_command", "SignIn"),
        LspCommand(command_ids.COPY_COMMAND, "actions", "copy_command", "CopyCommand"),
    ),
    "Estate": (
        LspCommand(command_ids.SCAN_ESTATE, "estate", "scan_estate", "ScanEstate", trusted=True),
        LspCommand(command_ids.SCAN_STATUS, "estate", "scan_status"),
        LspCommand(command_ids.TRIGGER_SYNC, "estate", "trigger_sync", "TriggerSync", trusted=True),
        LspCommand(command_ids.SYNC_STATUS, "estate", "sync_status"),
        LspCommand(command_ids.SEARCH_RESOURCES, "estate", "search_resources", "SearchResources"),
        LspCommand(command_ids.RESOURCE_DETAILS, "estate", "resource_details", "ResourceDetails"),
    ),
    "Accounts": (
        LspCommand(command_ids.READ_CREDENTIALS, "accounts", "read_credentials"),
        LspCommand(command_ids.SELECT_PROFILE, "accounts", "select_profile", "SelectProfile"),
        LspCommand(command_ids.SIGN_OUT, "accounts", "sign_out"),
        LspCommand(command_ids.PREFERENCES, "preferences", "preferences"),
        LspCommand(command_ids.SET_PREFERENCES, "preferences", "set_preferences", "SetPreferences"),
    ),
    "History": (
        LspCommand(
            command_ids.CREATE_CONVERSATION, "history", "create_conversation", "CreateConversation"
        ),
        LspCommand(command_ids.CONVERSATIONS, "history", "conversations", "Conversations"),
        LspCommand(
            command_ids.CONVERSATION_MESSAGES,
            "history",
            "conversation_messages",
            "ConversationMessages",
        ),
        LspCommand(
            command_ids.RENAME_CONVERSATION, "history", "rename_conversation", "RenameConversation"
        ),
        LspCommand(
            command_ids.LABEL_CONVERSATION, "history", "label_conversation", "LabelConversation"
        ),
        LspCommand(
            command_ids.EXPORT_CONVERSATION, "history", "export_conversation", "ExportConversation"
        ),
        LspCommand(
            command_ids.DELETE_CONVERSATION, "history", "delete_conversation", "OneConversation"
        ),
    ),
    "Backups": (
        LspCommand(command_ids.BACKUP_NOW, "backup", "back_up_now"),
        LspCommand(command_ids.BACKUPS, "backup", "list_backups"),
        LspCommand(command_ids.RESTORE_BACKUP, "backup", "restore_backup", "RestoreBackup"),
        LspCommand(command_ids.VERIFY_BACKUPS, "backup", "verify_backups", "VerifyBackups"),
        LspCommand(command_ids.AUTO_BACKUP, "backup", "auto_backup", "AutoBackup"),
    ),
}
"""By area."""

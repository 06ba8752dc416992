"""``cloudops.executionLogs`` and ``.cancelExecution``: what ran, what runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudops_ls.commands.excerpt import Excerpt
from cloudops_ls.errors import CloudOpsError
from cloudops_ls.lsp.outputs import pointer_to
from cloudops_ls.storage.audit_chain import AuditEvent

if TYPE_CHECKING:
    from cloudops_ls.lsp.arguments import CancelExecution, ExecutionLogs
    from cloudops_ls.lsp.session import Session
    from cloudops_ls.storage.records import Execution
    from cloudops_ls.storage.service import StorageService

_LARGEST = 2**20
"""Characters of output in one answer: an editor has to show them."""


async def execution_logs(session: Session, wanted: ExecutionLogs) -> list[dict[str, Any]]:
    """Return executions, newest first; one alone with its output.

    Of a very long output beginning and end, with a line between them that says where the whole is.
    Output that holds a secret is left out unless it is asked for, and that is recorded.

    Raises
    ------
    CloudOpsError
        There is no such execution.
    """
    if wanted.execution_id is None:
        listed = await session.stored(
            lambda store: store.executions.list(wanted.conversation_id, limit=wanted.limit)
        )
        return [one.model_dump(mode="json") for one in listed]
    id_ = wanted.execution_id

    def read(store: StorageService) -> Execution | None:
        found = store.executions.get(id_, output=False)
        if found is None:
            return None
        if found.metadata.get("reveals_secret"):
            if not wanted.reveal:
                return found
            store.audit.append(AuditEvent.OUTPUT_SHOWN, execution_id=id_)
        output = Excerpt(head=_LARGEST // 2, tail=_LARGEST // 2)
        for piece in store.executions.output(id_):
            output.add(piece)
        return found.model_copy(update={"output": output.text_with(pointer_to(id_))})

    found = await session.stored(read)
    if found is None:
        raise CloudOpsError(
            "There is no such execution", where=id_, fix="See cloudops-ls executions list"
        )
    return [found.model_dump(mode="json")]


def cancel_execution(session: Session, wanted: CancelExecution) -> dict[str, Any]:
    """End an execution of this window: SIGTERM, and SIGKILL three seconds later.

    Raises
    ------
    CloudOpsError
        It does not run here.
    """
    cancel = session.executions.get(wanted.execution_id)
    if cancel is None:
        raise CloudOpsError(
            "This execution is not running in this window",
            where=wanted.execution_id,
            fix="cloudops-ls executions list says how it ended",
        )
    cancel.set()
    return {"status": "cancelling"}

"""The dry run of a command: the same call with its DryRun parameter, which changes nothing."""

from __future__ import annotations

import getpass
import os
from typing import TYPE_CHECKING

from cloudops_ls.commands.approval import approval_digest
from cloudops_ls.commands.environment import command_environment
from cloudops_ls.commands.executor import Order
from cloudops_ls.commands.rehearsal import rehearsal_in_words
from cloudops_ls.lsp.progress import WorkDone
from cloudops_ls.lsp.running import executor_of

if TYPE_CHECKING:
    from cloudops_ls.commands.impact import Impact
    from cloudops_ls.lsp.checking import Checked
    from cloudops_ls.lsp.documents import RunbookDocument
    from cloudops_ls.lsp.session import Session


async def rehearse(
    session: Session, document: RunbookDocument, check: Checked, impact: Impact
) -> str:
    """Make the dry run, record it like any execution, and return what AWS said, in one line."""
    if impact.dry_run is None:
        return "Dry run: this call has none"
    checked = check.command.model_copy(update={"argv": impact.dry_run})
    order = Order(
        checked=checked,
        text=checked.text,
        environment=command_environment(os.environ, extra=check.environment),
        conversation_id=session.conversation_of(document),
        details={
            "dry_run": True,
            "resource_ids": list(checked.resources),
            "approval_required": True,
            "approved_by": getpass.getuser(),
        },
    )
    executor = executor_of(session)
    digest = approval_digest(checked, document.uri, document.version or 0)
    execution = await executor.approve(order, session.approvals.grant(digest), digest)
    async with WorkDone(session, f"Dry run of {checked.command}") as work:
        with session.executing(execution.id, work.cancelled):
            outcome = await executor.run(order, execution, cancel=work.cancelled)
    return rehearsal_in_words(outcome)

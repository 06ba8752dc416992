"""The dry run of a command: the same call with its DryRun parameter, which changes nothing."""

from __future__ import annotations

import getpass
import os
import re
from typing import TYPE_CHECKING

from cloudops_ls.commands.approval import approval_digest
from cloudops_ls.commands.environment import command_environment
from cloudops_ls.commands.executor import Order
from cloudops_ls.lsp.progress import WorkDone
from cloudops_ls.lsp.running import executor_of
from cloudops_ls.storage.records import ExecutionStatus

if TYPE_CHECKING:
    from cloudops_ls.commands.executor import Outcome
    from cloudops_ls.commands.impact import Impact
    from cloudops_ls.lsp.checking import Checked
    from cloudops_ls.lsp.documents import RunbookDocument
    from cloudops_ls.lsp.session import Session

_WOULD = re.compile(r"\bDryRunOperation\b")
_CODE = re.compile(r"An error occurred \((?P<code>[\w.]+)\)[^:]*: (?P<text>[^\n]*)")
_LONGEST = 300


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
    return _in_words(outcome)


def _in_words(outcome: Outcome) -> str:
    """Return what a dry run showed; EC2 says "it would have succeeded" with an error."""
    if _WOULD.search(outcome.output):
        return "Dry run: AWS says that it would succeed"
    if outcome.status is ExecutionStatus.SUCCESS:
        said = " ".join(outcome.output.split())[:_LONGEST]
        return f"Dry run: it went well{f': {said}' if said else ''}"
    if outcome.status is ExecutionStatus.CANCELLED:
        return "Dry run: it was cancelled"
    found = _CODE.search(outcome.output)
    if found is not None:
        return f"Dry run: it would fail with {found['code']}: {found['text'][:_LONGEST]}"
    return f"Dry run: it failed ({outcome.error or outcome.exit_status})"

"""One approved command on its way: progress, cancel, and its output in the file."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from lsprotocol import types

from cloudops_ls.commands.excerpt import Excerpt
from cloudops_ls.commands.executor import Executor, Limits
from cloudops_ls.lsp.guard import show
from cloudops_ls.lsp.outputs import OutputWriter
from cloudops_ls.lsp.progress import WorkDone

if TYPE_CHECKING:
    from cloudops_ls.commands.executor import Order, Outcome
    from cloudops_ls.lsp.documents import RunbookDocument
    from cloudops_ls.lsp.session import Session
    from cloudops_ls.runbook.model import Command
    from cloudops_ls.storage.records import Execution

_STREAM_SECONDS = 1.0
"""Pause between two writes of growing output into the file."""
_QUIET_SECONDS = 0.4
"""A command that ends within this is one edit, and so one undo step."""
_LONGEST_LINE = 120
_HIDDEN = (
    "The output holds a secret. It is stored encrypted: cloudops-ls executions show {id} --reveal"
)


def executor_of(session: Session) -> Executor:
    """Return what runs commands under the settings in force."""
    settings = session.settings.commands
    limits = Limits(settings.timeout_seconds, settings.output_limit_bytes)
    return Executor(session.stored, session.approvals, limits)


async def run_in_file(
    session: Session,
    document: RunbookDocument,
    command: Command,
    order: Order,
    execution: Execution,
) -> Outcome:
    """Run what was approved, with progress, and write its output below ``command``."""
    writer = OutputWriter(
        session, document, command, execution.id, session.settings.commands.lines_in_file
    )
    hidden = order.checked.reveals_secret
    output = Excerpt()

    def heard(piece: str) -> None:
        output.add(piece)
        if not hidden:
            work.report(output.last_line[:_LONGEST_LINE])

    def visible(text: Excerpt) -> Excerpt:
        return Excerpt.of(_HIDDEN.format(id=execution.id)) if hidden and text else text

    async def stream() -> None:
        """Write what has come so far, at a pace that a reader and an editor can follow."""
        await asyncio.sleep(_QUIET_SECONDS)
        shown: int | None = None
        while True:
            if output.length != shown:
                shown = output.length
                await writer.show("running", visible(output))
            await asyncio.sleep(_STREAM_SECONDS)

    async with WorkDone(session, f"Running {order.checked.command}") as work:
        with session.executing(execution.id, work.cancelled):
            streaming = asyncio.create_task(stream())
            try:
                outcome = await executor_of(session).run(
                    order, execution, on_output=heard, cancel=work.cancelled
                )
            finally:
                streaming.cancel()
                await asyncio.gather(streaming, return_exceptions=True)
        work.finish(outcome.status.value)
    if not await writer.show(outcome.status.value, visible(outcome.output), outcome.error):
        show(
            session.server,
            f"The command ended ({outcome.status.value}); its output has no place in the file any "
            f"more. It is stored: cloudops-ls executions show {execution.id}",
            types.MessageType.Warning,
        )
    return outcome

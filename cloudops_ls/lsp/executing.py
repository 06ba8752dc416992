"""``cloudops.executeCommand``: check, confirm, run, record, verify (design: "Executing")."""

from __future__ import annotations

import asyncio
import getpass
import os
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from lsprotocol import types

from cloudops_ls.commands.approval import approval_digest
from cloudops_ls.commands.environment import command_environment
from cloudops_ls.commands.policy import Decision
from cloudops_ls.commands.run import Chunk, Finished, RunError, run
from cloudops_ls.errors import CloudOpsError
from cloudops_ls.logs import logger
from cloudops_ls.lsp.checking import check
from cloudops_ls.lsp.confirming import confirm
from cloudops_ls.lsp.guard import show
from cloudops_ls.lsp.outputs import OutputWriter
from cloudops_ls.lsp.progress import WorkDone
from cloudops_ls.storage.records import Execution, ExecutionStatus
from cloudops_ls.worker import wire

if TYPE_CHECKING:
    from cloudops_ls.commands.approval import Approval
    from cloudops_ls.commands.model import CheckedCommand
    from cloudops_ls.lsp.arguments import Place
    from cloudops_ls.lsp.checking import Checked
    from cloudops_ls.lsp.documents import RunbookDocument
    from cloudops_ls.lsp.session import Session
    from cloudops_ls.runbook.model import Command
    from cloudops_ls.storage.resource import Resource

_STREAM_SECONDS = 1.0
"""Pause between two writes of growing output into the file."""
_HIDDEN = "The output holds a secret. It is stored encrypted: cloudops-ls executions show {id}"


async def execute_command(session: Session, place: Place) -> dict[str, Any]:
    """Run the command at ``place`` if the operator confirms exactly it.

    Returns
    -------
    dict
        ``status`` (``refused``, or the execution's), ``executionId``, ``exitStatus``.

    Raises
    ------
    CloudOpsError
        There is no command there, it cannot run, or its output would have no place.
    """
    document = session.require_document(place.uri)
    offset = document.offset(types.Position(place.position.line, place.position.character))
    command = document.runbook.command_at(offset)
    if command is None:
        raise CloudOpsError(
            "There is no aws command at the cursor",
            fix="Put the cursor into a line that starts with 'aws' in a code fence",
        )
    matter = document.runbook.front_matter
    if matter is not None and matter.problems:
        # Which profile counts would be a guess, and a guess may be production.
        raise CloudOpsError(
            f"The front matter cannot be trusted: {matter.problems[0].message}",
            where=document.filename,
            fix="Mend it, so that it is clear where the command runs",
        )
    if place.text is not None and place.text != command.text:
        raise CloudOpsError(
            "The command changed since it was shown; nothing was run", fix="Run it as it is now"
        )
    if any(other.alive and other.span == command.span for other in document.running):
        raise CloudOpsError("This command is already running", fix="Wait for it, or cancel it")
    # Everything from here on is about the text as it is now.
    version = document.version or 0
    anchor = document.anchor(command.span)
    document.running.append(anchor)
    try:
        checked = await check(session, document, command.text, identify=True)
        resources, undo = await _affected(session, checked.command)
        verdict = await session.decide(checked.command, resources)
        if verdict.decision is Decision.DENY:
            raise CloudOpsError(
                f"The policy does not let this command run: {verdict.reason}",
                where=f"{session.home.policy}, {verdict.rule or 'as a whole'}",
                fix="cloudops-ls policy test '<command>' explains it",
            )
        approval = await confirm(session, document, version, checked.command, resources, undo)
        if approval is None:
            return {"status": "refused"}
        return await _run(session, document, command, checked, approval)
    finally:
        document.running.remove(anchor)


async def _affected(session: Session, checked: CheckedCommand) -> tuple[list[Resource], str | None]:
    """Return the resources that the command touches, and the command that takes it back."""
    found = await session.stored(
        lambda store: [store.estate.get_resource(arn) for arn in checked.resources]
    )
    resources = [resource for resource in found if resource is not None]
    return resources, session.undo_of(checked, resources)


async def _run(
    session: Session,
    document: RunbookDocument,
    command: Command,
    check: Checked,
    approval: Approval,
) -> dict[str, Any]:
    checked = check.command
    execution = Execution(
        conversation_id=session.conversation_of(document),
        command=command.text,
        argv=checked.argv,
        profile=checked.profile,
        region=checked.region,
        account_id=checked.account_id,
        approval_digest=approval.digest,
        metadata={
            "resource_ids": list(checked.resources),
            "access": checked.access.value,
            "risk": checked.risk.level.value,
            "approval_required": True,
            "approved_by": getpass.getuser(),
        },
    )
    # Spent on the version as it is now: an edit since the question makes it worthless.
    session.approvals.use(
        approval.token, approval_digest(checked, document.uri, document.version or 0)
    )
    # Recorded before it runs: after a crash the log says "unknown", never nothing.
    await session.stored(lambda store: store.executions.create(execution))
    running = _Running(session, document, command, check, execution)
    async with WorkDone(session, f"Running {checked.command}") as work:
        status, exit_status = await running.run(work)
        work.finish(status.value)
    await _verify(session, checked)
    return {
        "status": status.value,
        "executionId": execution.id,
        "exitStatus": exit_status,
    }


async def _verify(session: Session, checked: CheckedCommand) -> None:
    """Fetch the touched resources again, so that hover and completion are true."""
    if not checked.access.mutates or not checked.resources:
        return
    try:
        await session.worker.request(wire.REFRESH, {"arns": list(checked.resources)})
        await session.reload_names()
    except CloudOpsError as error:
        logger.info("verify: %s", type(error).__name__)
        show(
            session.server,
            f"The command has run, but the resources could not be read again: {error}",
            types.MessageType.Warning,
        )


class _Running:
    """One execution from start to end."""

    def __init__(
        self,
        session: Session,
        document: RunbookDocument,
        command: Command,
        check: Checked,
        execution: Execution,
    ) -> None:
        self._session = session
        self._checked = check.command
        self._environment = command_environment(os.environ, extra=check.environment)
        self._execution = execution
        self._output = ""
        self._stored = 0
        self._writer = OutputWriter(
            session, document, command, execution.id, session.settings.commands.lines_in_file
        )

    async def run(self, work: WorkDone) -> tuple[ExecutionStatus, int | None]:
        """Run the command, streaming its output into progress, store and file."""
        id_ = self._execution.id
        self._session.unrecorded.add(id_)
        await self._update(status=ExecutionStatus.RUNNING)
        await self._writer.show("running", "")
        streaming = asyncio.create_task(self._stream())
        finished: Finished | None = None
        error: str | None = None
        unknown = False
        try:
            finished = await self._consume(work)
        except RunError as problem:
            error = str(problem)
            unknown = problem.outcome_unknown
        finally:
            streaming.cancel()
            await asyncio.gather(streaming, return_exceptions=True)
        status = _verdict(finished, unknown=unknown)
        exit_status = finished.exit_status if finished is not None else None
        if finished is not None and finished.timed_out:
            error = "It was stopped: it took longer than the setting commands.timeout_seconds."
        elif finished is not None and finished.truncated:
            error = "The rest of the output was dropped: see commands.output_limit_bytes."
        await self._store_output()
        await self._update(status=status, exit_status=exit_status, error=error)
        self._session.unrecorded.discard(id_)
        text = self._visible(f"{self._output.rstrip()}\n{error}" if error else self._output)
        if not await self._writer.show(status.value, text):
            show(
                self._session.server,
                f"The command ended ({status.value}); its output has no place in the file any "
                f"more. It is stored: cloudops-ls executions show {id_}",
                types.MessageType.Warning,
            )
        return status, exit_status

    async def _consume(self, work: WorkDone) -> Finished | None:
        settings = self._session.settings.commands
        events = run(
            self._checked.argv,
            environment=self._environment,
            timeout=settings.timeout_seconds,
            output_limit=settings.output_limit_bytes,
            cancel=work.cancelled,
        )
        async with aclosing(events):
            async for event in events:
                match event:
                    case Chunk(text=text):
                        self._output += text
                        if not self._checked.reveals_secret:
                            work.report(_last_line(self._output))
                    case Finished():
                        return event
        return None

    async def _stream(self) -> None:
        """Write what has come so far, at a pace that a reader and an editor can follow."""
        shown = ""
        while True:
            await asyncio.sleep(_STREAM_SECONDS)
            if self._output != shown:
                shown = self._output
                await self._store_output()
                await self._writer.show("running", self._visible(shown))

    async def _store_output(self) -> None:
        new = self._output[self._stored :]
        if new:
            self._stored += len(new)
            await self._session.stored(
                lambda store: store.executions.append_output(self._execution.id, new)
            )

    async def _update(self, **changes: Any) -> None:
        await self._session.stored(
            lambda store: store.executions.update(self._execution.id, **changes)
        )

    def _visible(self, output: str) -> str:
        if self._checked.reveals_secret and output.strip():
            return _HIDDEN.format(id=self._execution.id)
        return output


def _verdict(finished: Finished | None, *, unknown: bool) -> ExecutionStatus:
    if unknown:
        return ExecutionStatus.UNKNOWN
    if finished is not None and finished.cancelled:
        return ExecutionStatus.CANCELLED
    if finished is not None and finished.exit_status == 0 and not finished.timed_out:
        return ExecutionStatus.SUCCESS
    return ExecutionStatus.FAILED


def _last_line(output: str) -> str:
    rows = [row for row in output.rstrip().rsplit("\n", 2) if row.strip()]
    return rows[-1][:120] if rows else ""

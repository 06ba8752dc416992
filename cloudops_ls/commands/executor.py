"""From a given yes to a recorded end: what every front end does with an approved command."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from cloudops_ls.commands.excerpt import Excerpt
from cloudops_ls.commands.run import AWS_CLI, Chunk, Finished, RunError, run
from cloudops_ls.errors import CloudOpsError, RetryableError
from cloudops_ls.storage.records import Execution, ExecutionStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pydantic import JsonValue

    from cloudops_ls.commands.approval import Approval, ApprovalBook
    from cloudops_ls.commands.model import CheckedCommand
    from cloudops_ls.storage.service import StorageService

T = TypeVar("T")

STORE_SECONDS = 1.0
"""Pause between two writes of growing output into the store."""
_MOST_WAITING = 4 * 2**20
"""Characters that may wait to be stored; the command waits when there are more."""


class Stored(Protocol):
    """Runs one call on the store, off the event loop."""

    async def __call__(self, call: Callable[[StorageService], T]) -> T:
        """Return what ``call`` returns."""
        ...


@dataclass(frozen=True, slots=True)
class Limits:
    """How long and how much.

    Attributes
    ----------
    timeout
        Seconds.
    output
        Bytes that are stored.
    """

    timeout: float
    output: int


@dataclass(frozen=True, slots=True)
class Order:
    """One command to run.

    Attributes
    ----------
    checked
        Exactly what runs.
    text
        The command as it stands in the runbook.
    environment
        The command's whole environment.
    details
        The execution's metadata, see ``decisions.execution_details``.
    """

    checked: CheckedCommand
    text: str
    environment: Mapping[str, str]
    conversation_id: str | None = None
    details: Mapping[str, JsonValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended.

    Attributes
    ----------
    output
        What it printed: beginning and end of it, where it is long. The whole is in the store.
    error
        Why it did not succeed, where that is known beside its output.
    """

    execution_id: str
    status: ExecutionStatus
    exit_status: int | None
    output: Excerpt
    error: str | None


class Executor:
    """Spends approvals, records, runs, and records the end.

    Parameters
    ----------
    stored
        The store.
    approvals
        The book that the approvals were granted from.
    limits
        Of every command.
    prefix
        What is started in place of the word ``aws``.
    """

    def __init__(
        self,
        stored: Stored,
        approvals: ApprovalBook,
        limits: Limits,
        prefix: Sequence[str] = AWS_CLI,
    ) -> None:
        self._stored = stored
        self._approvals = approvals
        self._limits = limits
        self._prefix = prefix

    async def approve(self, order: Order, approval: Approval, digest: str) -> Execution:
        """Spend an approval and record the execution that it was given for.

        Parameters
        ----------
        digest
            What the command is bound to now; see ``approval.approval_digest``.

        Raises
        ------
        ApprovalError
            The approval is used, expired, or was given for something else.
        CloudOpsError
            The record cannot be written. Nothing unrecorded runs.
        """
        self._approvals.use(approval.token, digest)
        checked = order.checked
        execution = Execution(
            conversation_id=order.conversation_id,
            command=order.text,
            argv=checked.argv,
            profile=checked.profile,
            region=checked.region,
            account_id=checked.account_id,
            approval_digest=approval.digest,
            metadata=dict(order.details),
        )
        return await self._stored(lambda store: store.executions.create(execution))

    async def run(
        self,
        order: Order,
        execution: Execution,
        *,
        on_output: Callable[[str], None] = lambda _piece: None,
        cancel: asyncio.Event | None = None,
    ) -> Outcome:
        """Run what was approved, once; its end is in the store when this returns.

        Parameters
        ----------
        execution
            What `approve` returned.
        on_output
            Called with each piece of output.
        cancel
            Ends the command when set.

        Raises
        ------
        CloudOpsError
            It was not started, because that could not be recorded.
        """
        return await _Run(self._stored, order, execution.id, on_output).to_the_end(
            run(
                execution.argv,
                environment=order.environment,
                timeout=self._limits.timeout,
                output_limit=self._limits.output,
                cancel=cancel,
                prefix=order.checked.program or self._prefix,
            )
        )


class _Run:
    """One run, and how much of its output is stored."""

    def __init__(
        self, stored: Stored, order: Order, execution_id: str, on_output: Callable[[str], None]
    ) -> None:
        self._stored = stored
        self._order = order
        self._id = execution_id
        self._on_output = on_output
        self._ended = asyncio.Event()
        self._excerpt = Excerpt()
        self._waiting: list[str] = []
        self._waiting_length = 0
        self._storing = asyncio.Lock()
        self._dropped: str | None = None

    async def to_the_end(self, events: Any) -> Outcome:
        # Recorded before it runs: after a crash the log says "unknown", never nothing.
        await self._update(status=ExecutionStatus.RUNNING)
        storing = asyncio.create_task(self._keep_storing())
        finished: Finished | None = None
        error: str | None = None
        unknown = False
        try:
            finished = await self._consume(events)
        except RunError as problem:
            error = str(problem)
            unknown = problem.outcome_unknown
        finally:
            # Not cancelled: a piece on its way into the store must arrive.
            self._ended.set()
            await asyncio.gather(storing, return_exceptions=True)
        status = _verdict(finished, unknown=unknown)
        exit_status = finished.exit_status if finished is not None else None
        if finished is not None and finished.timed_out:
            error = "It was stopped: it took longer than the setting commands.timeout_seconds."
        elif finished is not None and finished.truncated:
            error = "The rest of the output was dropped: see commands.output_limit_bytes."
        await self._store()
        error = error or self._dropped
        await self._update(status=status, exit_status=exit_status, error=error)
        return Outcome(self._id, status, exit_status, self._excerpt, error)

    async def _consume(self, events: Any) -> Finished | None:
        async with contextlib.aclosing(events):
            async for event in events:
                match event:
                    case Chunk(text=text):
                        self._excerpt.add(text)
                        self._on_output(text)
                        await self._keep(text)
                    case Finished():
                        return event
        return None

    async def _keep(self, text: str) -> None:
        if self._dropped is not None:
            return
        self._waiting.append(text)
        self._waiting_length += len(text)
        if self._waiting_length > _MOST_WAITING:
            # Nothing is read from the command meanwhile, so it waits for the disk.
            with contextlib.suppress(RetryableError):
                await self._store()

    async def _keep_storing(self) -> None:
        while not self._ended.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), STORE_SECONDS)
            with contextlib.suppress(RetryableError):
                await self._store()

    async def _store(self) -> None:
        async with self._storing:
            new = "".join(self._waiting)
            if not new:
                return
            pieces = len(self._waiting)
            try:
                await self._stored(lambda store: store.executions.append_output(self._id, new))
            except RetryableError:
                # Kept: it is tried again with what comes next.
                raise
            except CloudOpsError as error:
                # The command goes on: ending it half way may do more harm than a lost output.
                self._dropped = f"The rest of the output was dropped. {error.what}."
            del self._waiting[:pieces]
            self._waiting_length -= len(new)

    async def _update(self, **changes: Any) -> None:
        await self._stored(lambda store: store.executions.update(self._id, **changes))


def _verdict(finished: Finished | None, *, unknown: bool) -> ExecutionStatus:
    if unknown:
        return ExecutionStatus.UNKNOWN
    if finished is not None and finished.cancelled:
        return ExecutionStatus.CANCELLED
    if finished is not None and finished.exit_status == 0 and not finished.timed_out:
        return ExecutionStatus.SUCCESS
    return ExecutionStatus.FAILED

"""Waiting, if the operator likes, until what a command began has come to its end."""

from __future__ import annotations

import asyncio
import json
import os
import re
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any

from lsprotocol import types

from cloudops_ls.commands.approval import approval_digest
from cloudops_ls.commands.decisions import execution_details
from cloudops_ls.commands.environment import command_environment
from cloudops_ls.commands.executor import Order
from cloudops_ls.commands.impact import Impact
from cloudops_ls.commands.verdict import Decision
from cloudops_ls.errors import CloudOpsError
from cloudops_ls.home import user_name
from cloudops_ls.logs import logger
from cloudops_ls.lsp.checking import check
from cloudops_ls.lsp.guard import ask, show
from cloudops_ls.lsp.progress import WorkDone
from cloudops_ls.lsp.running import executor_of
from cloudops_ls.storage.records import ExecutionStatus
from cloudops_ls.worker import wire

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cloudops_ls.commands.executor import Outcome
    from cloudops_ls.commands.model import CheckedCommand
    from cloudops_ls.lsp.documents import RunbookDocument
    from cloudops_ls.lsp.session import Session

WAIT = "Wait"
LEAVE = "Don't wait"
POLL_SECONDS = (2.0, 4.0, 8.0, 10.0)
"""Pauses between two looks; the last one stays."""
LONGEST_SECONDS = 3600.0
_TICK_SECONDS = 1.0
_LARGEST = 262_144
"""Characters of output that are looked through for what was made."""
_UNDER_WAY = re.compile(r"\w+ing(-\w+)*|(\w+[-_ ])?in[-_ ]?progress", re.IGNORECASE)
_RESTING = frozenset({"running", "existing"})


async def offer_to_wait(
    session: Session, document: RunbookDocument, checked: CheckedCommand, outcome: Outcome
) -> None:
    """Ask whether to wait where a successful command has begun something that goes on."""
    if not checked.access.mutates or outcome.status is not ExecutionStatus.SUCCESS:
        return
    states = await _states(session, checked.resources)
    going_on = [state for state in states or states_in(outcome.output.head) if under_way(state)]
    if not going_on:
        return
    waiter = await session.worker.request(
        wire.WAITER,
        {"command": checked.model_dump(mode="json"), "output": outcome.output.head[:_LARGEST]},
    )
    target = _target(session, checked)
    if waiter is None and target is None:
        return
    what = f"{checked.command} is under way ({', '.join(dict.fromkeys(going_on))})"
    question = f"{what}. Wait until it has ended?"
    if await ask(session.server, question, [WAIT, LEAVE]) != WAIT:
        return
    if waiter is not None:
        await _by_waiter(session, document, checked, waiter)
    elif target is not None:
        await _by_polling(session, checked, target)


def under_way(state: str) -> bool:
    """Whether a state is one that passes by itself: ``stopping``, ``pending``, ``in-progress``."""
    return _UNDER_WAY.fullmatch(state) is not None and state.casefold() not in _RESTING


async def _by_waiter(
    session: Session, document: RunbookDocument, checked: CheckedCommand, text: str
) -> None:
    """Run the CLI's own waiter; it only reads, and is recorded like everything that runs."""
    waiting = await check(session, document, text, identify=True)
    command = waiting.command
    verdict = await session.decide(command, ())
    if verdict.decision is Decision.DENY or command.access.mutates:
        show(session.server, f"The policy does not let this run: {verdict.reason}")
        return
    order = Order(
        checked=command,
        text=text,
        environment=command_environment(os.environ, extra=waiting.environment),
        conversation_id=session.conversation_of(document),
        details={
            **execution_details(command, Impact(), approved_by=user_name(), asked=True),
            "waits_for": checked.command,
        },
    )
    executor = executor_of(session)
    digest = approval_digest(command, document.uri, document.version or 0)
    execution = await executor.approve(order, session.approvals.grant(digest), digest)
    async with WorkDone(session, f"Waiting: {command.command}") as work:
        with session.executing(execution.id, work.cancelled):
            running = asyncio.create_task(executor.run(order, execution, cancel=work.cancelled))
            await _report_time(work, running)
            outcome = await running
        work.finish(outcome.status.value)
    await _refresh(session, checked)
    if outcome.status is ExecutionStatus.SUCCESS:
        show(session.server, f"{checked.command} has come to its end.")
    elif outcome.status is not ExecutionStatus.CANCELLED:
        reason = " ".join(outcome.output.text.split())[:200] or outcome.error
        show(
            session.server,
            f"Waiting for {checked.command} ended without it: {reason}",
            types.MessageType.Warning,
        )


async def _by_polling(session: Session, checked: CheckedCommand, target: str) -> None:
    """Ask AWS again and again, where botocore has no waiter but the catalog knows the end."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with WorkDone(session, f"Waiting until it is {target}") as work:
        for pause in chain(POLL_SECONDS, repeat(POLL_SECONDS[-1])):
            if loop.time() - began > LONGEST_SECONDS:
                break
            await _refresh(session, checked)
            states = await _states(session, checked.resources)
            if not any(under_way(state) for state in states):
                reached = all(state == target for state in states)
                work.finish(target if reached else ", ".join(states))
                shown = f"{checked.command} has come to its end: {', '.join(states) or 'gone'}."
                kind = types.MessageType.Info if reached else types.MessageType.Warning
                show(session.server, shown, kind)
                return
            work.report(f"{', '.join(states)}, {_since(loop.time() - began)}")
            try:
                await asyncio.wait_for(work.cancelled.wait(), pause)
            except TimeoutError:
                continue
            work.finish("Not waited for any longer")
            return


async def _report_time(work: WorkDone, running: asyncio.Task[Any]) -> None:
    began = asyncio.get_running_loop().time()
    while not running.done():
        await asyncio.wait({running}, timeout=_TICK_SECONDS)
        work.report(_since(asyncio.get_running_loop().time() - began))


def _since(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


async def _refresh(session: Session, checked: CheckedCommand) -> None:
    if not checked.resources:
        return
    try:
        await session.worker.request(wire.REFRESH, {"arns": list(checked.resources)})
        await session.reload_names()
    except CloudOpsError as error:
        logger.info("waiting: %s", type(error).__name__)


async def _states(session: Session, arns: Sequence[str]) -> list[str]:
    """Return the present states of the known resources, as they are stored."""
    found = await session.stored(lambda store: [store.estate.get_resource(arn) for arn in arns])
    return [each.state for each in found if each is not None and each.state is not None]


def states_in(output: str) -> list[str]:
    """Return what a command's answer says of states, for what the estate does not know yet."""
    try:
        answer = json.loads(output[:_LARGEST])
    except (ValueError, RecursionError):
        return []
    return list(_held(answer, key="", depth=0))


def _held(value: Any, *, key: str, depth: int) -> Iterator[str]:
    if depth > 6:
        return
    if isinstance(value, dict):
        for name, each in value.items():
            # {"CurrentState": {"Code": 64, "Name": "stopping"}}
            inner = key if name == "Name" and key.casefold().endswith("state") else name
            yield from _held(each, key=inner, depth=depth + 1)
    elif isinstance(value, list):
        for each in value:
            yield from _held(each, key=key, depth=depth + 1)
    elif isinstance(value, str) and key.casefold().endswith(("state", "status")):
        yield value


def _target(session: Session, checked: CheckedCommand) -> str | None:
    """Return the state that the catalog says the command leads to."""
    for kind in session.estate.catalog.of_service(checked.service):
        for action in kind.actions.values():
            if action.operation == checked.operation and checked.resources:
                return action.to_state
    return None

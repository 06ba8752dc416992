"""``cloudops-ls run``: one command, confirmed on the terminal, recorded and run as from a file."""

from __future__ import annotations

import asyncio
import getpass
import os
import signal
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, NoReturn, TypeVar

import typer
from rich.console import Console

from cloudops_ls.cli.checking import Read, read
from cloudops_ls.cli.commands import Command, Profile, Region, print_finding
from cloudops_ls.cli.store import open_store
from cloudops_ls.cli.worker_call import ask_worker
from cloudops_ls.commands.approval import ApprovalBook, approval_digest
from cloudops_ls.commands.decisions import decision_details, execution_details
from cloudops_ls.commands.environment import command_environment
from cloudops_ls.commands.executor import Executor, Limits, Order
from cloudops_ls.commands.impact import Impact
from cloudops_ls.commands.model import RiskLevel
from cloudops_ls.commands.preview import preview
from cloudops_ls.commands.rehearsal import rehearsal_in_words
from cloudops_ls.commands.verdict import Decision, always_asked
from cloudops_ls.composition import open_policy
from cloudops_ls.config import load_settings
from cloudops_ls.errors import CloudOpsError
from cloudops_ls.home import Home, user_name
from cloudops_ls.storage.audit_chain import AuditEvent
from cloudops_ls.storage.preferences import Approval
from cloudops_ls.worker import wire

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import JsonValue

    from cloudops_ls.commands.executor import Outcome
    from cloudops_ls.commands.model import CheckedCommand
    from cloudops_ls.commands.policy_file import PolicyFile
    from cloudops_ls.commands.verdict import Verdict
    from cloudops_ls.config import Settings
    from cloudops_ls.storage.service import StorageService

T = TypeVar("T")

_INVALID = 1
_DENIED = 3
_REFUSED = 4
_PLACE = "cloudops-ls run"
"""Stands for the document in approvals."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the operator typed."""

    yes: bool = False
    dry_run: bool = False
    reason: str | None = None


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(run)


def run(
    command: Command,
    profile: Profile = None,
    region: Region = None,
    reveal: Annotated[
        bool, typer.Option("--reveal", help="Print an output that holds secrets.")
    ] = False,
) -> None:
    """Run one command after you have confirmed exactly it.

    The exit code is the command's own. 1: it cannot run as it is written. 3: the policy denies
    it. 4: it was not confirmed.
    """
    home = Home.locate()
    found = read(home, command, profile, region, identify=True)
    told = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
    if found.command is None:
        for finding in found.findings:
            print_finding(told, command, finding)
        raise typer.Exit(_INVALID)
    impact = Impact.model_validate(
        ask_worker(home, wire.IMPACT, {"command": found.command.model_dump(mode="json")})
    )
    settings, _ = load_settings(home)
    with open_store(home) as storage:
        terminal = _Terminal(storage, open_policy(home), settings, told)
        outcome = terminal.run(found, found.command, impact, reveal=reveal)
    if found.command.access.mutates and found.command.resources:
        _refresh(home, found.command, told)
    raise typer.Exit(1 if outcome.exit_status is None else outcome.exit_status)


def _refresh(home: Home, command: CheckedCommand, told: Console) -> None:
    """Read the touched resources again, so that the estate is true."""
    try:
        ask_worker(home, wire.REFRESH, {"arns": list(command.resources)})
    except CloudOpsError as error:
        told.print(f"The resources could not be read again: {error}", style="yellow")


class _Terminal:
    """Asks on the terminal, runs, and prints.

    Parameters
    ----------
    told
        Where everything but the command's output goes.
    """

    def __init__(
        self, storage: StorageService, policy: PolicyFile, settings: Settings, told: Console
    ) -> None:
        self._storage = storage
        self._policy = policy
        self._settings = settings
        self._told = told
        self._approvals = ApprovalBook()

    def _decide(self, command: CheckedCommand, impact: Impact) -> Verdict:
        verdict = self._policy.decide(command, impact.resources)
        preferred = self._storage.preferences.of(user_name())
        return always_asked(verdict) if preferred.approval is Approval.ALWAYS else verdict

    def run(self, found: Read, command: CheckedCommand, impact: Impact, *, reveal: bool) -> Outcome:
        """Decide, ask, run; return how it ended."""
        verdict = self._decide(command, impact)
        if verdict.decision is Decision.DENY:
            self._record(AuditEvent.DENIED, command, verdict.reason, rule=verdict.rule)
            self._told.print(f"The policy does not let this command run: {verdict.reason}")
            raise typer.Exit(_DENIED)
        allowed = verdict.decision is Decision.ALLOW
        digest = approval_digest(command, _PLACE, 0, verdict.binding)
        if not allowed:
            self._ask(found, command, impact, verdict, digest)
        approval = self._approvals.grant(digest)
        # Asked again: another policy since the question makes the yes worthless.
        now = self._decide(command, impact)
        order = self._order(
            found,
            command,
            execution_details(
                command,
                impact,
                approved_by=f"policy: {verdict.rule}" if allowed else getpass.getuser(),
                asked=not allowed,
            ),
        )

        async def approved() -> Outcome:
            executor = self._executor()
            execution = await executor.approve(
                order, approval, approval_digest(command, _PLACE, 0, now.binding)
            )
            cancel = _cancelled_by_the_keyboard()
            hidden = command.reveals_secret and not reveal
            heard = _ignore if hidden else _printed
            outcome = await executor.run(order, execution, on_output=heard, cancel=cancel)
            if hidden and outcome.output:
                self._told.print(
                    "The output holds a secret. It is stored encrypted: "
                    f"cloudops-ls executions show {execution.id} --reveal"
                )
            return outcome

        outcome = asyncio.run(approved())
        if outcome.error:
            self._told.print(outcome.error, style="yellow")
        self._told.print(f"{outcome.status.value}, recorded as {outcome.execution_id}")
        return outcome

    def _ask(
        self,
        found: Read,
        command: CheckedCommand,
        impact: Impact,
        verdict: Verdict,
        digest: str,
    ) -> None:
        """Return when the operator has said yes; record anything else and leave."""
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            self._refuse(command, "there is no terminal to confirm on", digest)
        notes: tuple[str, ...] = ()
        while True:
            shown = preview(command, impact, verdict=verdict, notes=notes)
            self._told.print(f"{shown.title}?")
            for line in shown.lines:
                self._told.print(f"  {line}")
            wanted = shown.subject if shown.risk is RiskLevel.HIGH else "yes"
            asked_at = time.monotonic()
            answer = typed_answer(self._told, wanted, dry_run=shown.dry_run)
            if time.monotonic() - asked_at > self._settings.commands.confirmation_seconds:
                self._refuse(command, "the question was not answered in time", digest)
            if (answer.yes or answer.dry_run) and shown.files:
                self._told.print(shown.about_files)
                let = typed_answer(self._told, "yes", dry_run=False)
                if not let.yes:
                    self._refuse(command, let.reason, digest)
            if answer.yes:
                return
            if not answer.dry_run:
                self._refuse(command, answer.reason, digest)
            notes = (self._rehearse(found, command, impact),)

    def _refuse(self, command: CheckedCommand, reason: str | None, digest: str) -> NoReturn:
        self._record(AuditEvent.REFUSED, command, reason, digest=digest)
        self._told.print(f"Nothing was run{f': {reason}' if reason else ''}.")
        raise typer.Exit(_REFUSED)

    def _rehearse(self, found: Read, command: CheckedCommand, impact: Impact) -> str:
        """Make the dry run and return what it showed."""
        argv = impact.dry_run
        if argv is None:
            return "Dry run: this call has none"
        harmless = command.model_copy(update={"argv": argv})
        details: dict[str, JsonValue] = {
            "dry_run": True,
            "resource_ids": list(command.resources),
            "approval_required": True,
            "approved_by": getpass.getuser(),
        }
        order = self._order(found, harmless, details)
        digest = approval_digest(harmless, _PLACE, 0)

        async def rehearsed() -> Outcome:
            executor = self._executor()
            execution = await executor.approve(order, self._approvals.grant(digest), digest)
            return await executor.run(order, execution, cancel=_cancelled_by_the_keyboard())

        return rehearsal_in_words(asyncio.run(rehearsed()))

    def _order(self, found: Read, command: CheckedCommand, details: dict[str, JsonValue]) -> Order:
        return Order(
            checked=command,
            text=command.text,
            environment=command_environment(os.environ, extra=found.environment),
            details=details,
        )

    def _executor(self) -> Executor:
        settings = self._settings.commands
        return Executor(
            self._stored,
            self._approvals,
            Limits(settings.timeout_seconds, settings.output_limit_bytes),
        )

    async def _stored(self, call: Callable[[StorageService], T]) -> T:
        return await asyncio.to_thread(call, self._storage)

    def _record(
        self,
        event: AuditEvent,
        command: CheckedCommand,
        reason: str | None,
        *,
        rule: str | None = None,
        digest: str | None = None,
    ) -> None:
        details = decision_details(command, reason=reason, approval_digest=digest)
        if rule is not None:
            details["rule"] = rule
        self._storage.audit.append(event, details=details)


def typed_answer(told: Console, wanted: str, *, dry_run: bool) -> Answer:
    """Ask for ``wanted`` to be typed; anything else is a No."""
    rehearsal = ", 'dry' for a dry run first" if dry_run else ""
    told.print(f"Type '{wanted}' to run it{rehearsal}, or 'no' and why not:", end=" ")
    try:
        typed = input().strip()
    except (EOFError, KeyboardInterrupt):
        return Answer(reason="the question was closed without an answer")
    if typed == wanted:
        return Answer(yes=True)
    if dry_run and typed == "dry":
        return Answer(dry_run=True)
    word, _, reason = typed.partition(" ")
    if word == "no":
        return Answer(reason=reason.strip() or None)
    return Answer(reason="what was typed is not what was asked for")


def _cancelled_by_the_keyboard() -> asyncio.Event:
    """Return an event that Ctrl-C sets: the command is ended and recorded, not abandoned."""
    cancel = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, cancel.set)
    return cancel


def _printed(piece: str) -> None:
    """Print what is new."""
    sys.stdout.write(piece)
    sys.stdout.flush()


def _ignore(_piece: str) -> None:
    """Print nothing of an output that holds secrets."""

"""``cloudops.executeCommand``: check, confirm, run, record, verify (design: "Executing")."""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lsprotocol import types

from cloudops_ls.commands.approval import approval_digest
from cloudops_ls.commands.decisions import decision_details, execution_details
from cloudops_ls.commands.environment import command_environment
from cloudops_ls.commands.executor import Order
from cloudops_ls.commands.impact import Impact
from cloudops_ls.commands.preview import preview
from cloudops_ls.commands.verdict import Decision
from cloudops_ls.errors import CloudOpsError
from cloudops_ls.home import user_name
from cloudops_ls.lsp.accounts import warn_of_expiry
from cloudops_ls.lsp.checking import check
from cloudops_ls.lsp.confirming import Answer, Choice, confirm
from cloudops_ls.lsp.plan_steps import fill_step, plan_steps
from cloudops_ls.lsp.refusing import follow_up
from cloudops_ls.lsp.rehearsing import rehearse
from cloudops_ls.lsp.running import executor_of, run_in_file
from cloudops_ls.lsp.signing_in import sign_in, wants_sign_in
from cloudops_ls.lsp.verifying import verify
from cloudops_ls.lsp.waiting import offer_to_wait
from cloudops_ls.storage.audit_chain import AuditEvent
from cloudops_ls.worker import wire

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pydantic import JsonValue

    from cloudops_ls.commands.approval import Approval
    from cloudops_ls.commands.verdict import Verdict
    from cloudops_ls.lsp.arguments import Place
    from cloudops_ls.lsp.checking import Checked
    from cloudops_ls.lsp.documents import RunbookDocument
    from cloudops_ls.lsp.session import Session
    from cloudops_ls.runbook.model import Command


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
    command = _command_at(document, place)
    offset = command.span.start
    require_clear_front_matter(document)
    with ExitStack() as claims:
        claims.enter_context(claimed(document, command))
        steps = plan_steps(document, offset)
        step = next((each for each in steps if each.anchor.span == command.span), None)
        text = command.text
        notes: tuple[str, ...] = ()
        if step is not None:
            filled = await fill_step(session, document, steps, step)
            text = filled.text
            notes = tuple(f"Filled in: {name} is {value}" for name, value in filled.values)
        attempt = Attempt(session, document, command, text=text, notes=notes, release=claims.close)
        return await attempt.make()


def _command_at(document: RunbookDocument, place: Place) -> Command:
    """Return the command at ``place``, or where it has moved to since it was shown.

    Editors show a code lens where its command is now, and send where it was when they asked.
    """
    offset = document.offset(types.Position(place.position.line, place.position.character))
    command = document.runbook.command_at(offset)
    if place.text is None:
        if command is None:
            raise CloudOpsError(
                "There is no aws command at the cursor",
                fix="Put the cursor into a line that starts with 'aws' in a code fence",
            )
        return command
    if command is not None and command.text == place.text:
        return command
    moved = [each for each in document.runbook.commands if each.text == place.text]
    if not moved:
        raise CloudOpsError(
            "The command changed since it was shown; nothing was run", fix="Run it as it is now"
        )
    return min(moved, key=lambda each: abs(each.span.start - offset))


def require_clear_front_matter(document: RunbookDocument) -> None:
    """Refuse a file of which it is not certain where its commands run."""
    matter = document.runbook.front_matter
    if matter is not None and matter.problems:
        # Which profile counts would be a guess, and a guess may be production.
        raise CloudOpsError(
            f"The front matter cannot be trusted: {matter.problems[0].message}",
            where=document.filename,
            fix="Mend it, so that it is clear where the command runs",
        )


@contextmanager
def claimed(document: RunbookDocument, command: Command) -> Iterator[None]:
    """Keep others from asking about, or running, the same command meanwhile.

    Raises
    ------
    CloudOpsError
        Somebody does.
    """
    if any(other.alive and other.span == command.span for other in document.running):
        raise CloudOpsError(
            "This command is already running, or asked about",
            fix="Wait for it, cancel it, or answer the question",
        )
    anchor = document.anchor(command.span)
    document.running.append(anchor)
    try:
        yield
    finally:
        document.running.remove(anchor)


@dataclass(frozen=True, slots=True)
class Ready:
    """A command that may be asked about: all that is known before the question."""

    check: Checked
    impact: Impact
    verdict: Verdict

    def digest(self, document: RunbookDocument, version: int) -> str:
        """Return what a yes to it is bound to."""
        return approval_digest(self.check.command, document.uri, version, self.verdict.binding)


class Attempt:
    """One command from the wish to run it to its end.

    Parameters
    ----------
    session, document, command
        Which command of which file.
    text
        What to run where it is not the command's own text: a plan's, with its values filled in.
    notes
        What the question says first.
    details
        Added to the execution's metadata.
    in_plan
        More steps follow.
    release
        Gives up the claim on the command, or on the plan it ends. Called as soon as the answer is
        No, before that is recorded and its reason answered, and as soon as the output is in the
        file, before AWS is asked what became of it: whoever runs it again is asked at once.
    """

    def __init__(
        self,
        session: Session,
        document: RunbookDocument,
        command: Command,
        *,
        text: str | None = None,
        notes: tuple[str, ...] = (),
        details: dict[str, JsonValue] | None = None,
        in_plan: bool = False,
        release: Callable[[], None],
    ) -> None:
        self._session = session
        self._document = document
        self._command = command
        self._text = command.text if text is None else text
        self._notes = notes
        self._details = details or {}
        self._in_plan = in_plan
        self._release = release
        # Everything from here on is about the text as it is now.
        self._version = document.version or 0

    async def make(self) -> dict[str, Any]:
        """Check, ask, run; return what the client is told."""
        ready = await self.prepare()
        answer = await self._ask(ready)
        if answer.choice is not Choice.RUN:
            self._release()
            return await self._refuse(ready, answer)
        digest = ready.digest(self._document, self._version)
        return await self.run(ready, self._session.approvals.grant(digest))

    async def prepare(self) -> Ready:
        """Check the command and gather what the question shows.

        Raises
        ------
        CloudOpsError
            It cannot run, or the policy denies it.
        """
        session = self._session
        checked = await self._check()
        found = await session.worker.request(
            wire.IMPACT, {"command": checked.command.model_dump(mode="json")}
        )
        impact = Impact.model_validate(found)
        verdict = await session.decide(checked.command, impact.resources)
        if verdict.decision is Decision.DENY:
            details = decision_details(checked.command, reason=verdict.reason)
            details["rule"] = verdict.rule
            await session.stored(
                lambda store: store.audit.append(AuditEvent.DENIED, details=details)
            )
            raise CloudOpsError(
                f"The policy does not let this command run: {verdict.reason}",
                where=f"{session.home.policy}, {verdict.rule or 'as a whole'}",
                fix="cloudops-ls policy test '<command>' explains it",
            )
        return Ready(checked, impact, verdict)

    async def _check(self) -> Checked:
        """Check the command as whoever it would run as, signing in first where that is needed."""
        session, document = self._session, self._document
        try:
            checked = await check(session, document, self._text, identify=True)
        except CloudOpsError as error:
            if not wants_sign_in(error):
                raise
            offline = await check(session, document, self._text)
            profile = offline.command.profile or session.profile_for(document.runbook)
            if not await sign_in(session, profile):
                raise
            checked = await check(session, document, self._text, identify=True)
        await warn_of_expiry(
            session, checked.command.profile or session.profile_for(document.runbook)
        )
        return checked

    async def _ask(self, ready: Ready) -> Answer:
        checked = ready.check.command
        if ready.verdict.decision is Decision.ALLOW:
            return Answer(Choice.RUN)
        notes = self._notes
        while True:
            shown = preview(checked, ready.impact, verdict=ready.verdict, notes=notes)
            answer = await confirm(
                self._session, self._document, self._version, shown, in_plan=self._in_plan
            )
            if answer.choice is not Choice.DRY_RUN:
                return answer
            said = await rehearse(self._session, self._document, ready.check, ready.impact)
            notes = (*self._notes, said)

    async def _refuse(self, ready: Ready, answer: Answer) -> dict[str, Any]:
        checked = ready.check.command
        details = decision_details(
            checked,
            reason=answer.reason,
            approval_digest=ready.digest(self._document, self._version),
        )
        details.update(self._details)
        await self._session.stored(
            lambda store: store.audit.append(AuditEvent.REFUSED, details=details)
        )
        stopped = {"stopped": True} if answer.choice is Choice.STOP_PLAN else {}
        told = await follow_up(self._session, self._document, self._command, checked, answer)
        return {"status": "refused", **stopped, **told}

    async def run(
        self, ready: Ready, approval: Approval, *, digest: str | None = None
    ) -> dict[str, Any]:
        """Spend the approval, run, and see what became of it.

        Parameters
        ----------
        digest
            What the command is bound to now; by default to the file's present version.
        """
        session, document, checked = self._session, self._document, ready.check.command
        if digest is None:
            # Asked again: an edit or another policy since the question makes the yes worthless.
            verdict = await session.decide(checked, ready.impact.resources)
            now = Ready(ready.check, ready.impact, verdict)
            digest = now.digest(document, document.version or 0)
        allowed = ready.verdict.decision is Decision.ALLOW
        order = Order(
            checked=checked,
            text=self._command.text,
            environment=command_environment(os.environ, extra=ready.check.environment),
            conversation_id=session.conversation_of(document),
            details={
                **execution_details(
                    checked,
                    ready.impact,
                    approved_by=f"policy: {ready.verdict.rule}" if allowed else user_name(),
                    asked=not allowed,
                ),
                **self._details,
            },
        )
        execution = await executor_of(session).approve(order, approval, digest)
        outcome = await run_in_file(session, document, self._command, order, execution)
        if not self._in_plan:
            self._release()
        await verify(session, checked)
        if not self._in_plan:
            # Not waited for: the client is told of this command's end now.
            session.spawn(offer_to_wait(session, document, checked, outcome))
        return {
            "status": outcome.status.value,
            "executionId": outcome.execution_id,
            "exitStatus": outcome.exit_status,
        }

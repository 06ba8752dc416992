"""``cloudops.runPlan``: several commands in a row, one by one or reviewed and approved once.

The first step that does not succeed ends the plan; running it again goes on from there.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lsprotocol import types

from cloudops_ls.commands.approval import PLAN_LIFETIME, approval_digest
from cloudops_ls.commands.decisions import decision_details
from cloudops_ls.commands.placeholders import placeholders
from cloudops_ls.commands.preview import plan_preview, preview
from cloudops_ls.errors import CloudOpsError
from cloudops_ls.lsp.confirming import REFUSE, Choice, confirm
from cloudops_ls.lsp.executing import Attempt, claimed, require_clear_front_matter
from cloudops_ls.lsp.guard import ask, show
from cloudops_ls.lsp.plan_steps import fill_step, plan_steps, succeeded, text_digest
from cloudops_ls.lsp.refusing import follow_up
from cloudops_ls.storage.audit_chain import AuditEvent
from cloudops_ls.storage.records import ExecutionStatus, new_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pydantic import JsonValue

    from cloudops_ls.commands.approval import Approval
    from cloudops_ls.commands.preview import Preview
    from cloudops_ls.lsp.arguments import RunPlan
    from cloudops_ls.lsp.confirming import Answer
    from cloudops_ls.lsp.documents import RunbookDocument
    from cloudops_ls.lsp.executing import Ready
    from cloudops_ls.lsp.plan_steps import Step
    from cloudops_ls.lsp.session import Session
    from cloudops_ls.storage.service import StorageService

_SUCCESS = ExecutionStatus.SUCCESS.value


async def run_plan(session: Session, wanted: RunPlan) -> dict[str, Any]:
    """Run the plan at a place of a runbook.

    Returns
    -------
    dict
        ``status`` (``success``, ``refused``, or the failed step's), ``steps``: what became of
        each one that was tried, and ``next``: the step to go on with, if any.

    Raises
    ------
    CloudOpsError
        There is no plan there, or a step cannot run.
    """
    document = session.require_document(wanted.uri)
    offset = document.offset(types.Position(wanted.position.line, wanted.position.character))
    require_clear_front_matter(document)
    steps = plan_steps(document, offset)
    if not steps:
        raise CloudOpsError(
            "There are no commands to run at the cursor",
            fix="Put the cursor into an answer with commands, or into a code fence with several",
        )
    first = wanted.start or await _where_to_begin(session, document, steps)
    if first is None:
        return {"status": "refused", "steps": [], "next": None}
    if not 1 <= first <= len(steps):
        raise CloudOpsError(f"The plan has no step {first}", fix=f"It has {len(steps)}")
    with ExitStack() as claims:
        for step in steps:
            command = step.command(document)
            if command is not None:
                claims.enter_context(claimed(document, command))
        plan = _Plan(session, document, steps, release=claims.close)
        mode = wanted.mode or (await session.recall()).plans.value
        return await (plan.reviewed(first) if mode == "all" else plan.one_by_one(first))


async def _where_to_begin(
    session: Session, document: RunbookDocument, steps: Sequence[Step]
) -> int | None:
    """Return the first step that has not run, after asking where some have; None for a No."""
    done = 0
    for step in steps:
        if await succeeded(session, document, step) is None:
            break
        done += 1
    if done == 0:
        return 1
    which = "Step 1 has" if done == 1 else f"Steps 1 to {done} have"
    again = "Begin again with step 1"
    choices = [REFUSE, again]
    if done < len(steps):
        on = f"Go on with step {done + 1}"
        choices = [on, again, REFUSE]
    answer = await ask(session.server, f"{which} run already. Where should it begin?", choices)
    if answer in (None, REFUSE):
        return None
    return 1 if answer == again else done + 1


@dataclass(frozen=True, slots=True)
class _Reviewed:
    """A step as it was approved with the whole plan."""

    approval: Approval
    ready: Ready


class _Plan:
    """One run of a plan's steps; a No to one of them is the end of it."""

    def __init__(
        self,
        session: Session,
        document: RunbookDocument,
        steps: Sequence[Step],
        *,
        release: Callable[[], None],
    ) -> None:
        self._release = release
        self._session = session
        self._document = document
        self._steps = steps
        self._id = new_id()

    async def one_by_one(self, first: int) -> dict[str, Any]:
        """Ask about each step before it runs, with the values of earlier ones filled in."""
        told: list[dict[str, Any]] = []
        for step in self._steps[first - 1 :]:
            outcome = await (await self._attempt(step)).make()
            told.append({"step": step.number, **outcome})
            if outcome["status"] != _SUCCESS:
                return await self._ended(told, step)
        return self._done(told)

    async def reviewed(self, first: int) -> dict[str, Any]:
        """Show all steps, ask once, and run them without another question.

        A step whose values come from another one cannot be shown whole before that one has run;
        it is asked about then. So is a step that turns out to be another than was reviewed, or a
        riskier one.
        """
        document, version = self._document, self._document.version or 0
        steps = self._steps[first - 1 :]
        ready: dict[int, Ready] = {}
        shown: list[Preview | None] = []
        for step in steps:
            if placeholders(step.text):
                shown.append(None)
                continue
            ready[step.number] = await (await self._attempt(step)).prepare()
            one = ready[step.number]
            shown.append(preview(one.check.command, one.impact, verdict=one.verdict))
        texts = [(step.number, step.text) for step in steps]
        review = plan_preview(list(zip(texts, shown, strict=True)))
        binding = text_digest(document.runbook)
        answer = await confirm(self._session, document, version, review)
        if answer.choice is not Choice.RUN:
            self._release()
            await self._refuse_all(ready.values(), answer.reason)
            told_why = await self._explain(steps[0], ready, answer)
            return {"status": "refused", "steps": [], "next": first, **told_why}
        approved = {
            number: _Reviewed(
                self._session.approvals.grant(
                    self._digest(one, binding, version), lifetime=PLAN_LIFETIME
                ),
                one,
            )
            for number, one in ready.items()
        }
        told: list[dict[str, Any]] = []
        for step in steps:
            attempt = await self._attempt(step)
            given = approved.get(step.number)
            outcome = await (
                attempt.make() if given is None else self._run_reviewed(attempt, given, version)
            )
            told.append({"step": step.number, **outcome})
            if outcome["status"] != _SUCCESS:
                return await self._ended(told, step)
        return self._done(told)

    async def _run_reviewed(
        self, attempt: Attempt, given: _Reviewed, version: int
    ) -> dict[str, Any]:
        """Run a step as it was reviewed, or ask again where it is not the same any more."""
        now = await attempt.prepare()
        before = given.ready
        if not _as_reviewed(before, now):
            return await attempt.make()
        # An edit of any command or of the front matter, or another policy, spoils the approval.
        digest = self._digest(now, text_digest(self._document.runbook), version)
        return await attempt.run(now, given.approval, digest=digest)

    def _digest(self, ready: Ready, binding: str, version: int) -> str:
        """Return what a reviewed step's approval is bound to.

        The file's version moves with every output that is written while the plan runs; so it is
        the version of the review, with the text that decides what runs.
        """
        place = f"{self._document.uri}#{binding}"
        return approval_digest(ready.check.command, place, version, ready.verdict.binding)

    async def _attempt(self, step: Step) -> Attempt:
        command = step.command(self._document)
        if command is None:
            raise CloudOpsError(
                f"Step {step.number} is not in the file any more as the plan was read",
                fix="Run the plan again as it is now",
            )
        filled = await fill_step(self._session, self._document, self._steps, step)
        count = len(self._steps)
        return Attempt(
            self._session,
            self._document,
            command,
            text=filled.text,
            notes=(
                f"Step {step.number} of {count}",
                *(f"Filled in: {text} is {value}" for text, value in filled.values),
            ),
            details={"plan": self._id, "step": step.number, "steps": count},
            in_plan=step.number < count,
            release=self._release,
        )

    async def _explain(
        self, step: Step, ready: Mapping[int, Ready], answer: Answer
    ) -> dict[str, Any]:
        """Put the reason of a refusal below the plan, as for a single command."""
        command = step.command(self._document)
        one = ready.get(step.number)
        if command is None or one is None:
            return {}
        return await follow_up(self._session, self._document, command, one.check.command, answer)

    async def _refuse_all(self, ready: Iterable[Ready], reason: str | None) -> None:
        refused = [
            {**decision_details(one.check.command, reason=reason), "plan": self._id}
            for one in ready
        ]

        def record(store: StorageService) -> None:
            for details in refused:
                store.audit.append(AuditEvent.REFUSED, details=details)

        await self._session.stored(record)

    async def _ended(self, told: list[dict[str, Any]], step: Step) -> dict[str, Any]:
        """Say where the plan stopped, and record what was given up with it."""
        status = told[-1]["status"]
        left = self._steps[step.number :]
        if told[-1].get("stopped"):
            for each in left:
                await self._record_given_up(each)
        elif left:
            many = len(left) > 1
            rest = (
                f"Steps {left[0].number} to {left[-1].number} were"
                if many
                else (f"Step {left[0].number} was")
            )
            show(
                self._session.server,
                f"The plan stopped: step {step.number} is {status}. {rest} not run. Run the plan "
                f"again to go on with step {step.number}.",
                types.MessageType.Warning,
            )
        return {"status": status, "steps": told, "next": step.number}

    async def _record_given_up(self, step: Step) -> None:
        details: dict[str, JsonValue] = {
            "command": step.text,
            "plan": self._id,
            "reason": "the plan was stopped",
        }
        await self._session.stored(
            lambda store: store.audit.append(AuditEvent.REFUSED, details=details)
        )

    def _done(self, told: list[dict[str, Any]]) -> dict[str, Any]:
        return {"status": _SUCCESS, "steps": told, "next": None}


def _as_reviewed(before: Ready, now: Ready) -> bool:
    """Whether a step is still what was approved: the same words, on the same, no riskier."""
    was, is_ = before.check.command, now.check.command
    return (
        was.argv == is_.argv
        and set(was.resources) == set(is_.resources)
        and is_.risk.level.rank <= was.risk.level.rank
        and is_.reveals_secret == was.reveals_secret
    )

"""The question before a command runs; only a clear Yes is one.

Every client can be asked through ``window/showMessageRequest``. One whose ``initializationOptions``
hold ``{"client": {"confirm": true}}`` is asked with ``cloudops/confirm`` instead, which carries the
whole preview and takes a typed name and a reason (docs/safety.md).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal

from lsprotocol import types
from pydantic import BaseModel, ConfigDict, ValidationError
from pygls.exceptions import JsonRpcException

from cloudops_ls.commands.model import RiskLevel
from cloudops_ls.lsp.guard import ask, show

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from cloudops_ls.commands.preview import Preview
    from cloudops_ls.lsp.documents import RunbookDocument
    from cloudops_ls.lsp.session import Session

CONFIRM = "cloudops/confirm"
RUN = "Run"
REFUSE = "Don't run"
DRY_RUN = "Dry run first"
EXPLAIN = "Don't run, and say why"
STOP_PLAN = "Stop the plan"
LET_READ = "Let it read"

CHANGED = "the file changed meanwhile"
LATE = "the question was not answered in time"
CLOSED = "the question was closed without an answer"
NOT_TYPED = "the name that was typed is not the resource's"
MISUNDERSTOOD = "the editor's answer was not understood"


class Choice(StrEnum):
    """What the operator wants."""

    RUN = "run"
    """Run exactly this, once."""
    DRY_RUN = "dryRun"
    """See what AWS says to it first; then the question comes again."""
    REFUSE = "refuse"
    STOP_PLAN = "stopPlan"
    """Refuse this and everything that would follow it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a question.

    Attributes
    ----------
    reason
        Of a refusal: the operator's own words, or what happened in place of an answer.
    own_words
        The reason is the operator's, and goes to the assistant.
    explain
        The operator wants to say why, and could not yet.
    """

    choice: Choice
    reason: str | None = None
    own_words: bool = False
    explain: bool = False


class _Given(BaseModel):
    """The result of ``cloudops/confirm``."""

    model_config = ConfigDict(frozen=True)

    answer: Literal["run", "dryRun", "refuse", "stopPlan"]
    typed: str | None = None
    reason: str | None = None


_TITLES = {
    RUN: Choice.RUN,
    DRY_RUN: Choice.DRY_RUN,
    REFUSE: Choice.REFUSE,
    EXPLAIN: Choice.REFUSE,
    STOP_PLAN: Choice.STOP_PLAN,
}


async def confirm(
    session: Session,
    document: RunbookDocument,
    version: int,
    shown: Preview,
    *,
    in_plan: bool = False,
) -> Answer:
    """Ask the operator; high risk needs the resource's name typed back, or a second question.

    Local files that become parameters are asked about separately.

    Parameters
    ----------
    session, document
        Who is asked about which file.
    version
        The document's version that the command was read from.
    shown
        What the question says.
    in_plan
        More steps follow, which can be given up with this one.
    """
    if changed(document, version):
        return await _refused(session, CHANGED)
    if session.client.confirm:
        answer = await _ask_whole(session, shown, in_plan=in_plan)
    else:
        answer = await _ask_in_turn(session, document, version, shown, in_plan=in_plan)
    going_on = answer.choice in (Choice.RUN, Choice.DRY_RUN)
    if going_on and shown.files and not changed(document, version):
        answer = await _ask_about_files(session, shown, answer)
    if answer.choice in (Choice.RUN, Choice.DRY_RUN) and changed(document, version):
        return await _refused(session, CHANGED)
    if answer.reason == LATE:
        show(session.server, "Nothing was run: the question was not answered in time.")
    if answer.reason in (NOT_TYPED, MISUNDERSTOOD):
        show(session.server, f"Nothing was run: {answer.reason}.", types.MessageType.Warning)
    return answer


def changed(document: RunbookDocument, version: int) -> bool:
    """Whether the file is another than the one that was checked."""
    return document.closed or document.version != version


async def _refused(session: Session, reason: str) -> Answer:
    show(
        session.server,
        f"Nothing was run: {reason}. Run the command again to confirm it as it is now.",
        types.MessageType.Warning,
    )
    return Answer(Choice.REFUSE, reason)


async def _in_time(session: Session, question: Awaitable[Any]) -> Any:
    return await asyncio.wait_for(question, session.settings.commands.confirmation_seconds)


async def _ask_in_turn(
    session: Session, document: RunbookDocument, version: int, shown: Preview, *, in_plan: bool
) -> Answer:
    low = shown.risk is RiskLevel.LOW
    kind = types.MessageType.Info if low else types.MessageType.Warning
    # The first choice answers to Enter in some editors, so it is never the dangerous one.
    choices = [RUN, REFUSE] if low else [REFUSE, RUN]
    choices += [DRY_RUN] if shown.dry_run else []
    choices += [EXPLAIN, *([STOP_PLAN] if in_plan else [])]
    message = "\n".join([f"{shown.title}?", *shown.lines])
    try:
        title = await _in_time(session, ask(session.server, message, choices, kind))
        if title == RUN and shown.risk is RiskLevel.HIGH and not changed(document, version):
            yes = f"Run on {shown.subject}"
            second = f"High risk. Really run this on {shown.subject} in {shown.place}?"
            title = await _in_time(session, ask(session.server, second, [REFUSE, yes], kind))
            title = RUN if title == yes else title
    except TimeoutError:
        return Answer(Choice.REFUSE, LATE)
    choice = _TITLES.get(title or "")
    if choice is None:
        return Answer(Choice.REFUSE, CLOSED)
    return Answer(choice, explain=title == EXPLAIN)


async def _ask_about_files(session: Session, shown: Preview, answer: Answer) -> Answer:
    """Ask whether local files may be read; return ``answer`` for a Yes."""
    question = ask(session.server, shown.about_files, [REFUSE, LET_READ], types.MessageType.Warning)
    try:
        title = await _in_time(session, question)
    except TimeoutError:
        return Answer(Choice.REFUSE, LATE)
    if title == LET_READ:
        return answer
    return Answer(Choice.REFUSE, None if title == REFUSE else CLOSED)


async def _ask_whole(session: Session, shown: Preview, *, in_plan: bool) -> Answer:
    """Ask through ``cloudops/confirm``; the answer is checked, not believed."""
    wanted = shown.subject if shown.risk is RiskLevel.HIGH else None
    params = {
        **shown.model_dump(mode="json"),
        "typeToConfirm": wanted,
        "choices": [
            *("run", "refuse"),
            *(["dryRun"] if shown.dry_run else []),
            *(["stopPlan"] if in_plan else []),
        ],
        "seconds": session.settings.commands.confirmation_seconds,
    }
    try:
        result = await _in_time(session, session.request_client(CONFIRM, params))
    except TimeoutError:
        return Answer(Choice.REFUSE, LATE)
    except JsonRpcException:
        return Answer(Choice.REFUSE, MISUNDERSTOOD)
    if result is None:
        return Answer(Choice.REFUSE, CLOSED)
    try:
        given = _Given.model_validate(result)
    except ValidationError:
        return Answer(Choice.REFUSE, MISUNDERSTOOD)
    choice = Choice(given.answer)
    if choice.value not in params["choices"]:
        return Answer(Choice.REFUSE, MISUNDERSTOOD)
    if choice is Choice.RUN and wanted is not None and given.typed != wanted:
        return Answer(Choice.REFUSE, NOT_TYPED)
    reason = " ".join((given.reason or "").split()) or None
    return Answer(choice, reason, own_words=reason is not None and choice is Choice.REFUSE)

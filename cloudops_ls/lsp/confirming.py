"""The question before a command runs; only a clear Yes is one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from lsprotocol import types

from cloudops_ls.commands.approval import Approval, approval_digest
from cloudops_ls.commands.model import RiskLevel
from cloudops_ls.commands.preview import preview
from cloudops_ls.lsp.guard import ask, show

if TYPE_CHECKING:
    from cloudops_ls.commands.model import CheckedCommand
    from cloudops_ls.lsp.documents import RunbookDocument
    from cloudops_ls.lsp.session import Session
    from cloudops_ls.storage.resource import Resource

RUN = "Run"
REFUSE = "Don't run"


async def confirm(
    session: Session,
    document: RunbookDocument,
    version: int,
    checked: CheckedCommand,
    resources: list[Resource],
    undo: str | None,
) -> Approval | None:
    """Ask the operator, once or for high risk twice.

    Parameters
    ----------
    session, document
        Who is asked about which file.
    version
        The document's version that ``checked`` was read from.
    checked, resources, undo
        What the question shows.

    Returns
    -------
    Approval or None
        None for a No, no answer in time, a closed question, and a file that changed meanwhile.
    """
    shown = preview(checked, resources, undo=undo)
    questions = [("\n".join([f"{shown.title}?", *shown.lines]), RUN)]
    if checked.risk.level is RiskLevel.HIGH:
        subject = ", ".join(resource.name for resource in resources) or checked.command
        questions.append((f"High risk. Really run this on {subject}?", f"Run on {subject}"))
    kind = (
        types.MessageType.Info if checked.risk.level is RiskLevel.LOW else types.MessageType.Warning
    )
    if _changed(session, document, version):
        return None
    for message, yes in questions:
        # The first choice answers to Enter in some editors, so it is never the dangerous one.
        choices = [yes, REFUSE] if checked.risk.level is RiskLevel.LOW else [REFUSE, yes]
        try:
            answer = await asyncio.wait_for(
                ask(session.server, message, choices, kind),
                session.settings.commands.confirmation_seconds,
            )
        except TimeoutError:
            show(session.server, "Nothing was run: the question was not answered in time.")
            return None
        if answer != yes:
            return None
        if _changed(session, document, version):
            return None
    return session.approvals.grant(approval_digest(checked, document.uri, version))


def _changed(session: Session, document: RunbookDocument, version: int) -> bool:
    """Whether the file is another than the one that was checked; says so."""
    if not document.closed and document.version == version:
        return False
    show(
        session.server,
        "Nothing was run: the file changed meanwhile. Run the command again to confirm it as it "
        "is now.",
        types.MessageType.Warning,
    )
    return True

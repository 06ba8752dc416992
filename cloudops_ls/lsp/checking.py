"""Asking the worker what a command is, once per text and place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudops_ls.commands.model import CheckedCommand
from cloudops_ls.worker import wire

if TYPE_CHECKING:
    from cloudops_ls.lsp.documents import RunbookDocument
    from cloudops_ls.lsp.session import Session


async def check(
    session: Session, document: RunbookDocument, text: str, *, identify: bool = False
) -> CheckedCommand:
    """Return the validated and classified command.

    Parameters
    ----------
    session, document
        Whose profile and region apply.
    text
        The command's logical line.
    identify
        Ask AWS which account the profile reaches when that is not known yet.

    Raises
    ------
    CloudOpsError
        It cannot run as it is written.
    """
    answer = await session.worker.request(
        wire.CHECK,
        {
            "text": text,
            "profile": session.profile_for(document.runbook),
            "region": session.region_for(document.runbook),
            "identify": identify,
        },
    )
    return CheckedCommand.model_validate(answer)

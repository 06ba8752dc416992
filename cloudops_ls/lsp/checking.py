"""Asking the worker what a command is, once per text and place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cloudops_ls.commands.model import CheckedCommand
from cloudops_ls.worker import wire

if TYPE_CHECKING:
    from cloudops_ls.lsp.documents import RunbookDocument
    from cloudops_ls.lsp.session import Session


@dataclass(frozen=True, slots=True)
class Checked:
    """A checked command and what it needs to run.

    Attributes
    ----------
    command
        Exactly what would run.
    environment
        Variables that lead to the profile files, where the usual ones are damaged.
    """

    command: CheckedCommand
    environment: dict[str, str]


async def check(
    session: Session, document: RunbookDocument, text: str, *, identify: bool = False
) -> Checked:
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
    return Checked(CheckedCommand.model_validate(answer["command"]), answer["environment"])

"""Everything that is wrong or doubtful about a command, as an editor underlines it."""

from __future__ import annotations

import shlex
from enum import StrEnum
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from cloudops_ls.commands.errors import CommandError
from cloudops_ls.commands.model import ProblemKind
from cloudops_ls.commands.placeholders import placeholders

if TYPE_CHECKING:
    from collections.abc import Callable

    from cloudops_ls.commands.model import CheckedCommand, Problem


class Severity(StrEnum):
    """How much a finding matters."""

    ERROR = "error"
    """The command cannot run."""
    WARNING = "warning"
    """It can run, and probably not as it is meant."""
    HINT = "hint"


class Finding(BaseModel):
    """One thing to underline; crosses the worker's socket."""

    model_config = ConfigDict(frozen=True)

    code: str
    """``ErrorKind`` or ``ProblemKind``."""
    severity: Severity
    message: str
    start: int | None = None
    """Code points into the command's text; None where the whole command is meant."""
    end: int | None = None
    replacement: str | None = None
    """What to write instead."""


def diagnose(text: str, check: Callable[[str], CheckedCommand]) -> list[Finding]:
    """Return what ``check`` finds; empty for a command with nothing to say about.

    A placeholder for the output of an earlier step stands for a value that is not known yet:
    nothing is said about it.

    Parameters
    ----------
    text
        The command.
    check
        Checks a text of the same length.
    """
    unknown = placeholders(text)
    readable = text
    for each in unknown:
        readable = f"{readable[: each.start]}{'x' * len(each.text)}{readable[each.end :]}"
    try:
        found = [_of_problem(problem) for problem in check(readable).problems]
    except CommandError as error:
        found = [_of_error(each) for each in (error, *error.more)]
    return [
        finding
        for finding in found
        if not any(_overlap(finding, each.start, each.end) for each in unknown)
    ]


def _overlap(finding: Finding, start: int, end: int) -> bool:
    if finding.start is None or finding.end is None:
        return False
    return finding.start < end and start < finding.end


def _of_error(error: CommandError) -> Finding:
    start, end = error.span or (None, None)
    return Finding(
        code=error.kind.value,
        severity=Severity.ERROR,
        message=_sentences(error.what, error.fix),
        start=start,
        end=end,
        replacement=_typable(error.suggestion) if error.span is not None else None,
    )


def _of_problem(problem: Problem) -> Finding:
    return Finding(
        code=problem.kind.value,
        severity=Severity.HINT if problem.kind is ProblemKind.DEPRECATED else Severity.WARNING,
        message=_sentences(problem.what, problem.fix),
        start=problem.start,
        end=problem.end,
        replacement=_typable(problem.replacement) if problem.start is not None else None,
    )


def _typable(word: str | None) -> str | None:
    """Return a replacement if it needs no quotes; one from the estate may hold anything."""
    return word if word is not None and shlex.quote(word) == word else None


def _sentences(*parts: str | None) -> str:
    return " ".join(part if part[-1] in ".?!" else f"{part}." for part in parts if part)

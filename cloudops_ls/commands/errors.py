"""Why a command was not understood."""

from __future__ import annotations

from enum import StrEnum

from cloudops_ls.errors import CloudOpsError


class ErrorKind(StrEnum):
    """What is wrong with a command."""

    NOT_AWS = "not-aws"
    SHELL = "shell"
    MISSING_COMMAND = "missing-command"
    UNKNOWN_SERVICE = "unknown-service"
    UNKNOWN_OPERATION = "unknown-operation"
    UNKNOWN_PARAMETER = "unknown-parameter"
    MISSING_PARAMETER = "missing-parameter"
    INVALID_VALUE = "invalid-value"
    UNSUPPORTED = "unsupported"
    """Valid for the AWS CLI, but not run from here."""


class CommandError(CloudOpsError):
    """A command that cannot run as it is written.

    Parameters
    ----------
    kind
        What is wrong.
    what
        The problem in one sentence, without a full stop.
    suggestion
        The nearest valid word, ready to replace the wrong one.
    fix
        What to do; made from ``suggestion`` when left out.
    word
        Index of the wrong word in the argument list.
    token
        The wrong characters within that word; None for all of them.
    span
        The wrong characters in the command's text, half-open; None for the whole command.
    """

    def __init__(
        self,
        kind: ErrorKind,
        what: str,
        *,
        suggestion: str | None = None,
        fix: str | None = None,
        word: int | None = None,
        token: str | None = None,
        span: tuple[int, int] | None = None,
    ) -> None:
        if fix is None and suggestion is not None:
            fix = f"Write {suggestion}, if that is what you mean"
        super().__init__(what, fix=fix)
        self.kind = kind
        self.suggestion = suggestion
        self.word = word
        self.token = token
        self.more: tuple[CommandError, ...] = ()
        """Further errors of the same command, where the first does not hide them."""
        self.span = span

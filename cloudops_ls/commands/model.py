"""What is known about a command before it runs; these records cross the worker's socket."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, JsonValue


class AccessLevel(StrEnum):
    """What a command can do, after AWS's own access levels."""

    READ = "read"
    WRITE = "write"
    DESTRUCTIVE = "destructive"
    """Removes something that cannot simply be put back."""
    PERMISSIONS = "permissions"
    """Changes who may do what."""
    UNKNOWN = "unknown"
    """Not classified: treated as the worst."""

    @property
    def mutates(self) -> bool:
        """Whether the command may change anything; an unknown one may."""
        return self is not AccessLevel.READ


class RiskLevel(StrEnum):
    """How much care a confirmation needs."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"

    @property
    def rank(self) -> int:
        """0 for low, 2 for high."""
        return ("low", "medium", "high").index(self.value)


class FileUse(StrEnum):
    """What a command does with something outside AWS that it names."""

    READ = "read"
    WRITE = "write"
    FETCH = "fetch"
    """Downloads the value from a URL."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class Risk(_Frozen):
    """A level with the reasons for it, each a short sentence without a full stop."""

    level: RiskLevel
    reasons: tuple[str, ...] = ()


class FileReference(_Frozen):
    """A file or URL that the command reads or writes; none is touched while checking."""

    parameter: str
    """The option, such as ``--template-body``, or the positional's name."""
    location: str
    use: FileUse


class ProblemKind(StrEnum):
    """What is doubtful about a command."""

    UNKNOWN_VALUE = "unknown-value"
    """Not among the values that the installed AWS CLI knows."""
    OUT_OF_RANGE = "out-of-range"
    DEPRECATED = "deprecated"
    ELSEWHERE = "elsewhere"
    """A resource in another account or region than the command's."""
    NOT_IN_ESTATE = "not-in-estate"
    NAME_FOR_ID = "name-for-id"
    """A resource's name where the API takes its id."""
    POINTLESS = "pointless"
    """The resource is in a state in which the command changes nothing or fails."""


class Problem(_Frozen):
    """Something doubtful that does not stop the command."""

    kind: ProblemKind
    what: str
    fix: str | None = None
    replacement: str | None = None
    """What to write instead of ``start`` to ``end``."""
    start: int | None = None
    """Code points into the command's text; None where the whole command is meant."""
    end: int | None = None
    word: int | None = None
    """Index of the doubtful word in the argument list, as long as the text is not known."""
    token: str | None = None
    """The doubtful characters within that word; None for all of them."""


class CommandContext(_Frozen):
    """Where a command would run, as its runbook says."""

    profile: str | None = None
    """AWS profile; None means the default credentials."""
    region: str | None = None
    account_id: str | None = None
    """The account that ``profile`` belongs to; None while it is not known."""
    account_alias: str | None = None


class CheckedCommand(_Frozen):
    """A command that was read, validated and classified: exactly what would run.

    Nothing here is taken from the environment: profile and region are written into ``argv``.
    """

    text: str
    """The command as it stands in the runbook."""
    argv: tuple[str, ...]
    """The argument list to run, ``aws`` first, with profile and region spelled out."""
    program: tuple[str, ...] = ()
    """What is started in place of the word ``aws``; empty for the CLI that comes with us."""
    service: str
    """botocore's name of the service, such as ``rds``."""
    operation: str
    """API operation (``StopDBInstance``); for the CLI's own commands their words (``cp``)."""
    command: str
    """The CLI's words for it, such as ``rds stop-db-instance``."""
    parameters: dict[str, JsonValue]
    profile: str | None
    region: str | None
    account_id: str | None
    account_alias: str | None
    access: AccessLevel
    reveals_secret: bool
    """The output holds credentials or plaintext."""
    risk: Risk
    calls: tuple[str, ...] = ()
    """API calls that it makes, as ``rds:StopDBInstance``; several for the CLI's own commands."""
    resources: tuple[str, ...] = ()
    """ARNs of the known resources that the parameters name."""
    unresolved: tuple[str, ...] = ()
    """Values that name a resource the estate does not know."""
    files: tuple[FileReference, ...] = ()
    """Local files and URLs it would use; each needs the operator's word."""
    problems: tuple[Problem, ...] = ()

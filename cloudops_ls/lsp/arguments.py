"""Arguments of ``workspace/executeCommand``, validated before anything is done with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from cloudops_ls.assistant.transcript import TranscriptFormat
from cloudops_ls.config import REGION_PATTERN
from cloudops_ls.errors import CloudOpsError

if TYPE_CHECKING:
    from collections.abc import Sequence


class _Arguments(BaseModel):
    model_config = ConfigDict(frozen=True, populate_by_name=True)


class Position(_Arguments):
    """A position in client units."""

    line: int = Field(ge=0)
    character: int = Field(ge=0)


class Place(_Arguments):
    """A place in an open runbook."""

    uri: str
    position: Position
    text: str | None = None
    """The command as it was shown there; it is not run when it has changed since."""


class Range(_Arguments):
    """From one position up to another."""

    start: Position
    end: Position


class Selection(_Arguments):
    """Selected words in an open runbook."""

    uri: str
    range: Range


class PreviewRequest(_Arguments):
    """A place in an open runbook, or selected words of it."""

    uri: str
    position: Position | None = None
    range: Range | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.position is None) == (self.range is None):
            raise ValueError("either position or range is needed")
        return self


class SendMessage(_Arguments):
    """A prompt in a conversation, without a file."""

    conversation_id: str = Field(alias="conversationId", min_length=1, max_length=64)
    prompt: str


class PickChoice(_Arguments):
    """One of the choices that a question of the assistant offers."""

    uri: str
    position: Position
    """In the question."""
    number: int = Field(ge=1, le=100)


class RunPlan(_Arguments):
    """A plan in an open runbook."""

    uri: str
    position: Position
    mode: Literal["step", "all"] | None = None
    """Ask before each step, or show all of them and ask once; left out, as the user prefers."""
    start: int | None = Field(default=None, ge=1)
    """The step to begin with; the first that has not run when left out."""


class CancelExecution(_Arguments):
    """An execution under way."""

    execution_id: str = Field(alias="executionId", min_length=1)


class UndoExecution(_Arguments):
    """An execution to take back, and the command in an open runbook that it was a run of."""

    uri: str
    position: Position
    execution_id: str = Field(alias="executionId", min_length=1)


class SignIn(_Arguments):
    """A profile to sign in to; the selected one when left out."""

    profile: str | None = Field(default=None, min_length=1)


class ExecutionLogs(_Arguments):
    """Which executions to tell about."""

    conversation_id: str | None = Field(default=None, alias="conversationId")
    execution_id: str | None = Field(default=None, alias="executionId")
    """One, with its whole output."""
    limit: int = Field(default=50, ge=1, le=1000)
    reveal: bool = False
    """Tell output that holds a secret too; that is recorded."""


class ScanEstate(_Arguments):
    """What to scan; empty lists mean what the settings say."""

    profiles: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    types: tuple[str, ...] = ()


class TriggerSync(_Arguments):
    """How much of the estate to synchronise."""

    kind: Literal["full", "incremental"] = "incremental"


class SelectProfile(_Arguments):
    """The profile of runbooks that name none."""

    profile: str = Field(min_length=1)


class RunbookContext(_Arguments):
    """A runbook to tell about; what counts without any when left out."""

    uri: str | None = None


class SetRunbookContext(_Arguments):
    """What the front matter of an open runbook shall name."""

    uri: str
    profile: str | None = Field(default=None, min_length=1, max_length=256)
    region: str | None = Field(default=None, pattern=REGION_PATTERN)


class SetPreferences(_Arguments):
    """What this user prefers from now on; null forgets, what is left out stays."""

    profile: str | None = None
    region: str | None = None
    approval: str | None = None
    """``policy``, or ``always``: ask also where the policy allows."""
    plans: str | None = None
    """``step`` or ``all``: ask before each step of a plan, or once."""


class SearchResources(_Arguments):
    """A search of the estate."""

    query: str = Field(max_length=1000)
    """Words, and filters such as ``type:rds state:stopped``."""
    uri: str | None = None
    """The runbook it is asked from."""
    filters: dict[str, Any] = Field(default_factory=dict)
    limit: int = Field(default=20, ge=1, le=100)


class ResourceDetails(_Arguments):
    """One resource, by ARN, identifier or unique name."""

    arn: str = Field(min_length=1)
    refresh: bool = False
    """Ask AWS how it is now, unless that was done just before."""


class RestoreBackup(_Arguments):
    """Which backup to restore, and how."""

    date: str = Field(default="latest", min_length=1)
    """A backup's name, the beginning of one, or ``latest``."""
    replace: bool = False
    """Replace what is stored instead of adding what is missing."""


class VerifyBackups(_Arguments):
    """How thoroughly to check the backups."""

    readData: bool = False  # noqa: N815 -- as it is on the wire
    """Read and decrypt all content too."""


class AutoBackup(_Arguments):
    """Whether backups are made by themselves; None only asks."""

    enabled: bool | None = None


class CopyCommand(_Arguments):
    """The text of a command."""

    text: str


class CreateConversation(_Arguments):
    """A new conversation."""

    uri: str | None = None
    """The runbook that it will be continued in."""
    title: str = Field(default="", max_length=200)


class Conversations(_Arguments):
    """Which conversations, the most recently used first."""

    query: str = ""
    """Words that were said in them."""
    label: str | None = None
    limit: int = Field(default=50, ge=1, le=1_000)


class OneConversation(_Arguments):
    """One conversation."""

    id: str = Field(min_length=1, max_length=128)


class ConversationMessages(OneConversation):
    """The last messages of a conversation."""

    limit: int = Field(default=100, ge=1, le=10_000)


class RenameConversation(OneConversation):
    """Another title."""

    title: str = Field(min_length=1, max_length=200)


class LabelConversation(OneConversation):
    """The labels that it shall have."""

    labels: tuple[str, ...] = Field(max_length=100)


class ExportConversation(OneConversation):
    """A conversation as a document."""

    format: TranscriptFormat = TranscriptFormat.MARKDOWN


A = TypeVar("A", bound=_Arguments)


def read(kind: type[A], command: str, arguments: Sequence[Any]) -> A:
    """Validate the one argument object of a command.

    Raises
    ------
    CloudOpsError
        The client sent something else.
    """
    given = arguments[0] if arguments else {}
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise CloudOpsError(
            f"The editor sent a wrong argument: {first['msg']}",
            where=f"{command}: {'.'.join(str(step) for step in first['loc'])}",
            fix="Update the CloudOps extension of your editor",
        ) from None

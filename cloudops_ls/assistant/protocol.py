"""The versioned JSON protocol between CloudOps and an assistant.

These models are the source of ``docs/protocol.schema.json``; ``docs/protocol.md`` explains them
to somebody who writes a server. Sizes are limits of the protocol: what exceeds them is refused.
"""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    TypeAdapter,
)

from cloudops_ls.storage.records import Role

PROTOCOL: Final = "1"
"""Version of everything in this module; any change that an older peer cannot read raises it."""

MAX_PROMPT: Final = 32_768
"""Characters of one prompt."""
MAX_RESOURCES: Final = 100
"""Resources sent along with one prompt."""
MAX_ANSWER_BYTES: Final = 1_048_576
"""Bytes of one whole answer on the wire, events and line ends included."""
MAX_TEXT: Final = 131_072
"""Characters of a reply's text."""
MAX_STEPS: Final = 50
MAX_COMMAND: Final = 32_768
"""Characters of one command; inline JSON documents make commands long."""
MAX_REASON: Final = 4_096
MAX_CHOICES: Final = 100
MAX_LABEL: Final = 1_024

_CONTINUED_LINE = re.compile(r"\\\n")


class HowFound(StrEnum):
    """How a resource was identified in the prompt."""

    EXACT = "exact"
    """The prompt names it: its name, id or ARN, and nothing else has that name."""
    AMBIGUOUS = "ambiguous"
    """The prompt holds a name that several resources have; each of them is sent."""
    CHOICE = "choice"
    """The prompt picks it from the choices of the assistant's last question."""
    MISSPELLED = "misspelled"
    """The prompt holds a word that is within two misspellings of its name."""
    PREVIOUS = "previous"
    """The prompt points back at it ("restart it"): the turn before was about it alone."""
    DESCRIPTION = "description"
    """The prompt describes it: type, state, place, engine, words of its name and tags."""
    RELATION = "relation"
    """The prompt describes it by what it belongs to ("web servers behind shop-alb")."""
    SEARCH = "search"
    """The prompt seems to describe it: a guess, ordered by score."""


class ReplyKind(StrEnum):
    """The three kinds of reply."""

    COMMANDS = "commands"
    INFORMATION = "information"
    CLARIFICATION = "clarification"


class _Data(BaseModel):
    """What a request consists of: fields that a peer does not know are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class _ReplyData(BaseModel):
    """What a reply consists of: an unknown field may mean something that nobody would see."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _require_kind(schema: dict[str, JsonValue]) -> None:
    """Only Python code may leave ``kind`` out."""
    required = schema.setdefault("required", [])
    if isinstance(required, list):
        required.insert(0, "kind")


class Choice(_ReplyData):
    """One answer that a clarification offers."""

    label: str = Field(min_length=1, max_length=MAX_LABEL)
    """What the operator reads; one line of Markdown."""
    arn: str | None = Field(default=None, max_length=2_048)
    """The resource it stands for, where it stands for one."""


class ResourceRecord(_Data):
    """One resource with everything known about it; values that look like secrets are redacted."""

    resource_type: str
    """Name of the catalog type, such as ``rds_instance``."""
    identifier: str
    """What the AWS API takes to name it."""
    account_id: str
    account_alias: str | None = None
    profiles: tuple[str, ...] = ()
    """AWS profiles of the operator that reach the account."""
    region: str
    """AWS region; ``global`` for services without one."""
    arn: str
    """Its identity."""
    name: str
    """What operators call it."""
    current_state: str | None = None
    """State in the service's own words when it was last synced; null where it has none."""
    engine: str | None = None
    engine_version: str | None = None
    tags: dict[str, str] = Field(default_factory=dict)
    permissions: tuple[str, ...] = ()
    """IAM actions an operator usually needs for it."""
    constraints: dict[str, JsonValue] = Field(default_factory=dict)
    """What its state allows: ``can_stop``, ``multi_az``, …"""
    metadata: dict[str, JsonValue] = Field(default_factory=dict)
    last_synced: AwareDatetime


class IdentifiedResource(_Data):
    """A resource that the prompt means, or may mean."""

    how: HowFound
    score: float = Field(ge=0, le=1)
    """Confidence: 1 for names, ids, ARNs and choices, less for everything else."""
    mention: str | None = None
    """The words of the prompt that name or describe it; null for search hits."""
    resource: ResourceRecord


class ChatTurn(_Data):
    """An earlier turn of the conversation."""

    role: Role
    content: str
    timestamp: AwareDatetime
    kind: ReplyKind | None = None
    """For turns of the assistant: what kind of reply it was."""
    choices: tuple[Choice, ...] = ()
    """For clarifications: what was offered."""
    cut: int = Field(default=0, ge=0)
    """Characters that were cut out of the middle of ``content``, where a mark says so."""


class UserContext(_Data):
    """Who asks, and where commands would run by default."""

    user_id: str
    profile: str | None = None
    account_id: str | None = None
    account_alias: str | None = None
    default_region: str | None = None
    approval: str | None = None
    """``always`` where the operator wants to be asked about every command."""
    plans: str | None = None
    """How the operator likes to be asked about several steps: before each, or once for ``all``."""


class AssistantRequest(_Data):
    """One prompt with all that is needed to answer it."""

    protocol: Literal["1"] = PROTOCOL
    request_id: str = Field(min_length=1, max_length=128)
    """Idempotency key: the same for every attempt to send the same request."""
    conversation_id: str = Field(min_length=1, max_length=128)
    prompt: str = Field(min_length=1, max_length=MAX_PROMPT)
    identified_resources: tuple[IdentifiedResource, ...] = Field(
        default=(), max_length=MAX_RESOURCES
    )
    resources_omitted: int = Field(default=0, ge=0)
    """How many more resources were identified than fit."""
    chat_history: tuple[ChatTurn, ...] = ()
    """Earlier turns, fitted to a token budget: oldest first, what the prompt goes on from last."""
    history_omitted: int = Field(default=0, ge=0)
    """How many more turns there were than fit; the oldest are left out, whole."""
    user_context: UserContext
    locale: str | None = None
    """BCP 47 tag of the language the operator reads best, such as ``de-CH``."""


def _unix_line_ends(value: object) -> object:
    return value.replace("\r\n", "\n").strip() if isinstance(value, str) else value


def _one_visible_line(command: str) -> str:
    """Refuse what would read as another command than the one that runs."""
    if not command:
        raise ValueError("must not be empty")
    for character in _CONTINUED_LINE.sub("", command):
        if character in "\n\r\u2028\u2029":
            raise ValueError("must be one command, its lines joined by a backslash")
        if unicodedata.category(character) in {"Cc", "Cf"} and character != "\t":
            raise ValueError("must not hold control or invisible characters")
    return command


Command = Annotated[
    str,
    Field(max_length=MAX_COMMAND),
    BeforeValidator(_unix_line_ends),
    AfterValidator(_one_visible_line),
]


class Step(_ReplyData):
    """One command to review and run."""

    command: Command
    """One AWS CLI command, from ``aws`` on. Long ones may continue over lines with ``\\``."""
    reason: str = Field(max_length=MAX_REASON)
    """Why it is proposed; Markdown."""


class _KindOfReply(_ReplyData):
    model_config = ConfigDict(json_schema_extra=_require_kind)


class CommandsReply(_KindOfReply):
    """Reply kind A: commands for the operator to review, in the order they should run."""

    kind: Literal[ReplyKind.COMMANDS] = ReplyKind.COMMANDS
    text: str = Field(max_length=MAX_TEXT)
    """What will happen and what follows from it; Markdown."""
    steps: tuple[Step, ...] = Field(min_length=1, max_length=MAX_STEPS)


class InformationReply(_KindOfReply):
    """Reply kind B: an answer without anything to run."""

    kind: Literal[ReplyKind.INFORMATION] = ReplyKind.INFORMATION
    text: str = Field(min_length=1, max_length=MAX_TEXT)
    """Markdown."""


class ClarificationReply(_KindOfReply):
    """Reply kind C: a question; the operator's answer continues the conversation."""

    kind: Literal[ReplyKind.CLARIFICATION] = ReplyKind.CLARIFICATION
    question: str = Field(min_length=1, max_length=MAX_TEXT)
    """Markdown."""
    choices: tuple[Choice, ...] = Field(default=(), max_length=MAX_CHOICES)


Reply = Annotated[
    CommandsReply | InformationReply | ClarificationReply, Field(discriminator="kind")
]
"""Exactly one of the three kinds."""

REPLY: Final[TypeAdapter[CommandsReply | InformationReply | ClarificationReply]] = TypeAdapter(
    Reply
)
"""Reads and writes replies; unknown kinds and unknown fields are errors."""


class Capabilities(_Data):
    """What a server says of itself (``GET /v1/capabilities``); a server need not say anything."""

    protocols: tuple[str, ...] = Field(default=(PROTOCOL,), min_length=1, max_length=100)
    """Versions of the protocol that it speaks."""
    name: str = Field(default="", max_length=256)
    version: str = Field(default="", max_length=256)
    max_request_bytes: int | None = Field(default=None, ge=1)
    """Largest body of a request that it reads; null for no limit of its own."""


class Delta(_Data):
    """Data of a ``delta`` event: more of the text, shown while the reply is being made."""

    text: str

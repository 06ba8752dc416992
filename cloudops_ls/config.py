"""Typed settings from defaults, ``config.toml`` and the editor, later sources winning.

A bad value never stops the program: it is named in a :class:`SettingProblem` and ignored, so
that the default counts.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

if TYPE_CHECKING:
    from cloudops_ls.home import Home

_CLIENT_ONLY = frozenset({"client", "server", "suggest", "trace"})
"""Sections under ``cloudops`` that are about the editor."""
NOT_FROM_EDITORS = frozenset({"search", "qdrant", "database", "backup", "worker", "commands.aws"})
"""What counts in ``config.toml`` only: it is the background process's, which is shared."""

REGION_PATTERN = r"^[a-z]{2}(-[a-z]+)+-\d$"
"""The form of a region's name."""


class AssistantKind(StrEnum):
    """Which assistant answers."""

    BUILTIN = "builtin"
    """A planner inside the server: no network, no model."""
    HTTP = "http"
    """A CloudOps server, at the URL."""
    OPENAI = "openai"
    """A model behind an OpenAI-compatible chat-completions API, at the URL."""


class ReplyFormat(StrEnum):
    """How a model is made to keep to the shape of a reply."""

    TOOLS = "tools"
    """A forced tool call; what most servers support."""
    JSON_SCHEMA = "json_schema"
    """Structured output."""


class VectorEngine(StrEnum):
    """Which Qdrant engine holds the search index."""

    AUTO = "auto"
    EDGE = "edge"
    MEMORY = "memory"
    SERVER = "server"


class ServerSideEncryption(StrEnum):
    """How the backup bucket encrypts, on top of what is encrypted before it gets there."""

    S3 = "AES256"
    KMS = "aws:kms"
    NONE = "none"


class ObjectLock(StrEnum):
    """Retention mode of S3 Object Lock."""

    OFF = "off"
    GOVERNANCE = "governance"
    COMPLIANCE = "compliance"


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AssistantSettings(_Section):
    """Where paragraphs are sent."""

    kind: AssistantKind = AssistantKind.BUILTIN
    """``builtin`` needs no network, ``http`` is a CloudOps server, ``openai`` a chat-completions
    API (Ollama, vLLM, LiteLLM, …)."""
    url: str | None = Field(default=None, pattern=r"^https?://\S+$")
    """Base URL of a CloudOps server (kind ``http``) or of a chat-completions API (``openai``).
    Paragraphs, and what is known of the resources in them, are sent there."""
    model: str | None = Field(default=None, min_length=1, max_length=256)
    """Name of the model, for kind ``openai``."""
    format: ReplyFormat = ReplyFormat.TOOLS
    """For kind ``openai``: a forced tool call, or structured output (``json_schema``)."""
    timeout_seconds: float = Field(default=120, gt=0, le=3600)
    """Longest wait for a whole answer, in seconds."""
    history_tokens: int = Field(default=4000, ge=0, le=1_000_000)
    """Budget for earlier turns that are sent along, in tokens."""
    tokenizer: str | None = Field(default=None, min_length=1)
    """The model's ``tokenizer.json``, to measure that budget; unset, 4 characters are a token."""


class CommandSettings(_Section):
    """How confirmed commands are run."""

    timeout_seconds: float = Field(default=900, gt=0, le=86_400)
    """After this a command is stopped."""
    output_limit_bytes: int = Field(default=1_073_741_824, ge=1024)
    """Most output of one command that is stored. Nothing more is stored, either, where it would
    leave less than 256 MiB of the disk."""
    lines_in_file: int = Field(default=200, ge=1, le=10_000)
    """Most output lines written into the runbook; the whole output is stored."""
    confirmation_seconds: float = Field(default=300, gt=0, le=3600)
    """A question left unanswered this long is a No."""
    aws: tuple[str, ...] = ()
    """The AWS CLI that reads and runs them, as ``["aws"]``; ours when empty. The background
    process's; never from an editor, whose settings may come with a folder."""


class EstateSettings(_Section):
    """What is scanned, and how it is kept fresh."""

    profiles: tuple[str, ...] = ()
    """Profiles to scan, ``["*"]`` for all; empty means the selected profile alone."""
    regions: tuple[str, ...] = ()
    """Regions to scan, ``["*"]`` for all that are enabled; empty means each profile's own."""
    types: tuple[str, ...] = ()
    """Catalog types to scan; empty means all."""
    resource_explorer: bool = False
    """Whether types that the catalog does not know are listed through AWS Resource Explorer, which
    needs an index in each region; through the tagging API otherwise."""
    organization_role: str | None = Field(
        default=None, max_length=512, pattern=r"^[A-Za-z0-9_+=,.@/-]+$"
    )
    """Role to assume in every other account of the profiles' organization; unset for none."""
    concurrency: int = Field(default=16, ge=1, le=64)
    """Listings under way at once."""
    service_concurrency: int = Field(default=4, ge=1, le=64)
    """Listings under way at once for one service of one account."""
    sync: bool = True
    """Whether an estate that was scanned once is kept fresh by itself."""
    full_sync_hours: float = Field(default=6, ge=0.1, le=168)
    """Time between two full synchronisations."""
    incremental_sync_minutes: float = Field(default=15, ge=1, le=1440)
    """Time between two incremental synchronisations."""
    history_days: int = Field(default=30, ge=0, le=3650)
    """How long is kept what happened to resources."""


class HoverSettings(_Section):
    """How the card under the cursor and the states in the text are kept true."""

    live: bool = True
    """Ask AWS about the resource under the cursor; off, cards say what the last sync saw."""
    budget_seconds: float = Field(default=1.0, gt=0, le=30)
    """How long AWS has for its answer; a later one is shown the next time."""
    wait_seconds: float = Field(default=0.15, ge=0, le=2)
    """How long a card waits for that answer before it shows what is known; 0 never waits."""
    minimum_age_seconds: float = Field(default=10, ge=1, le=3600)
    """What AWS said within this time is not asked again."""
    states: bool = True
    """Show states in the text, behind the names of resources (inlay hints)."""


class SearchSettings(_Section):
    """The search index."""

    engine: VectorEngine = VectorEngine.AUTO
    """``server`` needs ``qdrant.url``; with that, ``auto`` means ``server``."""
    model: str | None = Field(default=None, pattern=r"^[\w.-]+(/[\w.-]+)?$")
    """Name of an installed embedding model; the one installed last when unset."""
    models_directory: str | None = Field(default=None, min_length=1)
    """Where embedding models are installed; ``models/`` in the home when unset."""


class QdrantSettings(_Section):
    """A Qdrant server for the search index; its API key is not a setting."""

    url: str | None = Field(default=None, pattern=r"^https?://[^\s@]+$")
    """Such as ``https://qdrant.example.com:6333``; unset, the index stays in this process."""
    ca_file: str | None = Field(default=None, min_length=1)
    """PEM file with the certificate authorities to trust instead of the system's."""
    prefix: str = Field(default="", pattern=r"^[\w-]*$", max_length=64)
    """Of the names of collections, for servers that others use too."""
    timeout_seconds: float = Field(default=10, ge=1, le=300)
    """Longest wait for one request."""


class DatabaseSettings(_Section):
    """Where everything is stored; read from ``config.toml`` alone, not from editors."""

    url: str | None = Field(default=None, pattern=r"^postgresql(\+psycopg)?://\S+$")
    """A PostgreSQL database; unset, the encrypted file of the home."""


class BackupSettings(_Section):
    """Backups in S3; of the home's own file alone."""

    bucket: str | None = Field(default=None, pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")
    """Where backups go; without it there are none."""
    prefix: str = Field(default="", pattern=r"^([\w.@+=,-]+/)*$")
    """Folder in the bucket; ends in ``/``."""
    user_id: str | None = Field(default=None, pattern=r"^[\w.@+=,-]{1,128}$")
    """Folder of this user's backups; the name of the user when unset."""
    profile: str | None = Field(default=None, min_length=1)
    """AWS profile for the bucket; else the profile of everything else."""
    region: str | None = Field(default=None, min_length=1)
    """Region of the bucket; else the profile's."""
    endpoint_url: str | None = Field(default=None, pattern=r"^https?://\S+$")
    """An S3-compatible service instead of AWS."""
    enabled: bool = False
    """Whether backups are made by themselves; ``cloudops-ls backup schedule`` overrides it."""
    interval_hours: float = Field(default=24, ge=0.25, le=24 * 31)
    """Between backups that are made by themselves."""
    retention_days: int = Field(default=30, ge=0, le=36_500)
    """Backups older than this before the newest one are removed; 0 removes none by itself."""
    server_side_encryption: ServerSideEncryption = ServerSideEncryption.S3
    """``none`` only for services that refuse the header."""
    kms_key_id: str | None = Field(default=None, min_length=1)
    """For ``aws:kms``; else the bucket's own key."""
    object_lock: ObjectLock = ObjectLock.OFF
    """Keeps objects from being deleted or replaced for a while; the bucket must have it on."""
    object_lock_days: int = Field(default=37, ge=2, le=36_500)
    """For how long; longer than ``retention_days``, so that every kept backup is covered."""


class WorkerSettings(_Section):
    """The shared background process."""

    idle_seconds: float = Field(default=300, gt=0)
    """How long it stays after the last editor window or command has gone."""


class Settings(_Section):
    """Everything that can be set."""

    profile: str | None = Field(default=None, min_length=1)
    """AWS profile of runbooks that name none; else ``AWS_PROFILE``, the preferred, ``default``."""
    region: str | None = Field(default=None, pattern=REGION_PATTERN)
    """AWS region of runbooks that name none; else the preferred one, else the profile's."""
    assistant: AssistantSettings = AssistantSettings()
    commands: CommandSettings = CommandSettings()
    estate: EstateSettings = EstateSettings()
    hover: HoverSettings = HoverSettings()
    search: SearchSettings = SearchSettings()
    qdrant: QdrantSettings = QdrantSettings()
    database: DatabaseSettings = DatabaseSettings()
    backup: BackupSettings = BackupSettings()
    worker: WorkerSettings = WorkerSettings()


@dataclass(frozen=True, slots=True)
class SettingProblem:
    """One setting that could not be used."""

    source: str
    """``config.toml``'s path, or what the editor sent."""
    setting: str
    """Dotted name, such as ``assistant.kind``."""
    reason: str

    def __str__(self) -> str:
        if not self.setting:
            return f"{self.source} is ignored: {self.reason}."
        return f"Setting cloudops.{self.setting} in {self.source} is ignored: {self.reason}."


def load_settings(home: Home, *editor: Mapping[str, Any]) -> tuple[Settings, list[SettingProblem]]:
    """Merge ``config.toml`` and the editor's settings over the defaults.

    Parameters
    ----------
    home
        Where ``config.toml`` may lie.
    editor
        The ``cloudops`` section as the editor sent it; several win over each other in turn.

    Returns
    -------
    tuple
        Valid settings, and one problem for each value that is ignored, so that the layer below
        it or the default counts.
    """
    problems: list[SettingProblem] = []
    merged: dict[str, Any] = {}
    layers: list[tuple[str, Mapping[str, Any]]] = [
        (str(home.config), _read_file(home, problems)),
        *(("the editor's settings", values) for values in editor),
    ]
    for source, values in layers:
        ours = {key: value for key, value in values.items() if key not in _CLIENT_ONLY}
        if source != str(home.config):
            ours = _without_programs(source, ours, problems)
        _merge(merged, _keep_valid(source, ours, problems))
    return Settings.model_validate(merged), list(dict.fromkeys(problems))


def _without_programs(
    source: str, values: dict[str, Any], problems: list[SettingProblem]
) -> dict[str, Any]:
    """Drop what names a program to start: an editor's settings may come with a folder."""
    commands = values.get("commands")
    if not isinstance(commands, Mapping) or not commands.get("aws"):
        return values
    problems.append(SettingProblem(source, "commands.aws", "it counts in config.toml only"))
    return {**values, "commands": {key: commands[key] for key in commands if key != "aws"}}


def _read_file(home: Home, problems: list[SettingProblem]) -> dict[str, Any]:
    try:
        # Some editors begin a file with a byte order mark, which TOML does not know.
        return tomllib.loads(home.config.read_bytes().decode("utf-8-sig"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except UnicodeDecodeError:
        problems.append(SettingProblem(str(home.config), "", "it is not UTF-8"))
    except tomllib.TOMLDecodeError as error:
        problems.append(SettingProblem(str(home.config), "", f"it is not valid TOML: {error}"))
    except OSError as error:
        problems.append(SettingProblem(str(home.config), "", error.strerror or "unreadable"))
    return {}


_FORMS = {
    "assistant.url": "an address begins with http:// or https://",
    "qdrant.url": "an address begins with http:// or https:// and holds no user name",
    "database.url": "an address begins with postgresql://",
    "backup.bucket": "a bucket's name has 3 to 63 lower-case letters, digits, dots and hyphens",
    "backup.prefix": "a folder of letters, digits and any of _ . @ + = , - ends in /",
    "backup.user_id": "a folder has letters, digits and any of _ . @ + = , -",
    "backup.endpoint_url": "an address begins with http:// or https://",
}
"""What settings with a pattern look like, in words."""


def _keep_valid(
    source: str, values: Mapping[str, Any], problems: list[SettingProblem]
) -> dict[str, Any]:
    """Drop what does not validate, naming each dropped value."""
    kept = _copy(values)
    while True:
        try:
            Settings.model_validate(kept)
        except ValidationError as error:
            for detail in error.errors(include_url=False):
                path = [str(step) for step in detail["loc"]]
                dropped = _drop(kept, path)
                if dropped:
                    setting = ".".join(dropped)
                    reason = detail["msg"]
                    if detail["type"] == "string_pattern_mismatch":
                        # A regular expression is nothing to correct a setting by.
                        reason = _FORMS.get(setting, reason)
                    elif detail["type"] == "extra_forbidden":
                        reason = "there is no such setting"
                    problems.append(SettingProblem(source, setting, reason))
        else:
            return kept


def _copy(values: Mapping[str, Any]) -> dict[str, Any]:
    # Editors send null for "not set".
    return {
        key: _copy(value) if isinstance(value, Mapping) else value
        for key, value in values.items()
        if value is not None
    }


def _drop(values: MutableMapping[str, Any], path: list[str]) -> list[str]:
    """Remove the setting that ``path`` leads to; return the path as far as it existed."""
    walked: list[str] = []
    current: Any = values
    for index, step in enumerate(path):
        if not isinstance(current, MutableMapping) or step not in current:
            return []
        walked.append(step)
        child = current[step]
        if index == len(path) - 1 or not isinstance(child, MutableMapping):
            del current[step]
            return walked
        current = child
    return []


def _merge(target: dict[str, Any], source: Mapping[str, Any]) -> None:
    for key, value in source.items():
        if isinstance(value, Mapping) and isinstance(target.get(key), dict):
            _merge(target[key], value)
        else:
            target[key] = value

"""What the AWS CLI's own commands do: reviewed tables.

``data/custom_commands.toml`` for those of version 1, which is the CLI that reads commands here,
``data/own_v2_commands.toml`` for those that only version 2 has.
"""

from __future__ import annotations

import tomllib
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from cloudops_ls.commands.model import AccessLevel

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import JsonValue


E = TypeVar("E", bound="CustomEffect")


class Direction(StrEnum):
    """Where an ``aws s3`` transfer goes."""

    UPLOAD = "upload"
    DOWNLOAD = "download"
    COPY = "copy"


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Effect(_Data):
    """What a command does, in one of its forms."""

    access: AccessLevel = AccessLevel.UNKNOWN
    calls: tuple[str, ...] = ()
    """API calls it may make, as ``s3:DeleteObject``."""


class Variant(Effect):
    """The effect with certain options or in one direction; all conditions must hold."""

    option: str | None = None
    direction: Direction | None = None

    def holds(self, parameters: Mapping[str, JsonValue]) -> bool:
        """Whether a command with these parameters is of this form."""
        if self.option is not None and not parameters.get(self.option):
            return False
        return self.direction is None or self.direction is direction_of(parameters)


class CustomEffect(Effect):
    """Everything reviewed about one of the CLI's own commands."""

    secret: bool = False
    """Its answer holds credentials or signed addresses."""
    reads: dict[str, str] = Field(default_factory=dict)
    """Options that name local files it reads, each with its default."""
    writes: dict[str, str] = Field(default_factory=dict)
    """Options that name local files it writes, each with its default."""
    file: str | None = None
    """A local file that it writes whatever its options say."""
    notes: tuple[str, ...] = ()
    refused: str | None = None
    """Why it never runs from here, as half a sentence that begins with "it"."""
    fix: str | None = None
    when: tuple[Variant, ...] = ()

    @model_validator(mode="after")
    def _whole(self) -> CustomEffect:
        if (self.refused is None) == (self.access is AccessLevel.UNKNOWN):
            raise ValueError("give either an access level or the reason why it is refused")
        return self

    def of(self, parameters: Mapping[str, JsonValue]) -> Effect:
        """Return the effect of the command with these parameters."""
        return next((variant for variant in self.when if variant.holds(parameters)), self)


class V2Effect(CustomEffect):
    """The same about a command of version 2, and which words it takes."""

    positional: tuple[str, ...] = ()
    options: dict[str, Literal["text", "list", "switch"] | tuple[str, ...]] = Field(
        default_factory=dict
    )
    """What each option takes; a tuple are its values."""


@cache
def custom_effects() -> Mapping[str, CustomEffect]:
    """Return the table of version 1, by the CLI's words such as ``s3 cp``."""
    return _table("custom_commands.toml", CustomEffect)


@cache
def v2_effects() -> Mapping[str, V2Effect]:
    """Return the table of what only version 2 has, by its words such as ``logs tail``."""
    return _table("own_v2_commands.toml", V2Effect)


def effect_of(command: str) -> CustomEffect | None:
    """Return what one of the CLI's own commands does; None where that is not known."""
    return custom_effects().get(command) or v2_effects().get(command)


def _table(name: str, kind: type[E]) -> dict[str, E]:
    source = files("cloudops_ls.commands").joinpath("data", name)
    table = tomllib.loads(source.read_text(encoding="utf-8"))
    return TypeAdapter(dict[str, kind]).validate_python(table)  # type: ignore[valid-type]


def direction_of(parameters: Mapping[str, JsonValue]) -> Direction | None:
    """Return where an ``aws s3`` transfer goes, None for other commands."""
    paths = parameters.get("paths")
    if not isinstance(paths, list) or len(paths) != 2:
        return None
    source, target = (str(path).startswith("s3://") for path in paths)
    if source and target:
        return Direction.COPY
    return Direction.DOWNLOAD if source else Direction.UPLOAD

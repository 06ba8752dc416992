"""What the AWS CLI's own commands do: the reviewed table ``data/custom_commands.toml``."""

from __future__ import annotations

import tomllib
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from cloudops_ls.commands.model import AccessLevel

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import JsonValue


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


@cache
def custom_effects() -> Mapping[str, CustomEffect]:
    """Return the table, by the CLI's words such as ``s3 cp``."""
    source = files("cloudops_ls.commands").joinpath("data", "custom_commands.toml")
    table = tomllib.loads(source.read_text(encoding="utf-8"))
    return TypeAdapter(dict[str, CustomEffect]).validate_python(table)


def direction_of(parameters: Mapping[str, JsonValue]) -> Direction | None:
    """Return where an ``aws s3`` transfer goes, None for other commands."""
    paths = parameters.get("paths")
    if not isinstance(paths, list) or len(paths) != 2:
        return None
    source, target = (str(path).startswith("s3://") for path in paths)
    if source and target:
        return Direction.COPY
    return Direction.DOWNLOAD if source else Direction.UPLOAD

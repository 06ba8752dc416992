"""One rule of a policy, and whether it applies to a command."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

from cloudops_ls.commands.model import AccessLevel
from cloudops_ls.commands.request_tags import request_tags
from cloudops_ls.commands.time_window import Window, as_list
from cloudops_ls.commands.verdict import Decision

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from cloudops_ls.commands.model import CheckedCommand
    from cloudops_ls.storage.resource import Resource

_PATTERN = re.compile(r"[\w.:*?-]+")


class Match(StrEnum):
    """Whether a rule applies to a command."""

    YES = "applies"
    NO = "does not apply"
    UNKNOWN = "cannot be excluded"


def _glob(text: str) -> str:
    if not _PATTERN.fullmatch(text):
        raise ValueError("a pattern holds letters, digits, '.', ':', '_', '-', '*' and '?' only")
    return text


_Globs = Annotated[
    tuple[Annotated[str, AfterValidator(_glob)], ...],
    BeforeValidator(as_list),
    Field(min_length=1),
]
_Levels = Annotated[tuple[AccessLevel, ...], BeforeValidator(as_list), Field(min_length=1)]
_Texts = Annotated[tuple[str, ...], BeforeValidator(as_list), Field(min_length=1)]


class Rule(BaseModel):
    """One rule. It applies when all conditions that it names hold; a list holds if any item does.

    ``service``, ``operation``, ``profile``, ``account`` and ``region`` take ``*`` and ``?``, in
    either case; operations may be written as the API or as the CLI does (``Delete*``,
    ``delete-*``), and also mean the calls that the CLI's own commands make: ``DeleteObject``
    covers ``aws s3 rm``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    decision: Decision
    name: str = Field(default="", max_length=200)
    reason: str = Field(default="", max_length=500)
    """Shown to the operator when the rule decides."""
    service: _Globs | None = None
    operation: _Globs | None = None
    access: _Levels | None = None
    profile: _Globs | None = None
    account: _Globs | None = None
    """Account ids or aliases."""
    region: _Globs | None = None
    tags: dict[str, _Texts] | None = Field(default=None, min_length=1)
    """Tags of the resources it touches or that the command gives, with ``*`` and ``?``."""
    during: tuple[Window, ...] | None = Field(default=None, min_length=1)
    outside: tuple[Window, ...] | None = Field(default=None, min_length=1)

    @field_validator("during", "outside", mode="before")
    @classmethod
    def _windows(cls, value: Any) -> Any:
        return [value] if isinstance(value, dict) else value

    @model_validator(mode="after")
    def _possible(self) -> Rule:
        if self.decision is Decision.ALLOW and set(self.access or ()) - {AccessLevel.READ}:
            raise ValueError("only reads can be allowed without a question; use 'ask'")
        return self

    def applies(
        self, checked: CheckedCommand, resources: Sequence[Resource], now: datetime
    ) -> tuple[Match, str]:
        """Say whether the rule applies, and the condition that tells.

        Parameters
        ----------
        resources
            Those that the command touches, as the estate knows them.
        now
            With its time zone.
        """
        unknown = ""
        for condition, match in self._conditions(checked, resources, now):
            if match is Match.NO:
                return match, condition
            if match is Match.UNKNOWN:
                unknown = unknown or condition
        return (Match.UNKNOWN, unknown) if unknown else (Match.YES, "")

    def _conditions(
        self, checked: CheckedCommand, resources: Sequence[Resource], now: datetime
    ) -> Iterator[tuple[str, Match]]:
        if self.during is not None:
            yield "the time", _yes(any(window.holds(now) for window in self.during))
        if self.outside is not None:
            yield "the time", _yes(not any(window.holds(now) for window in self.outside))
        if self.access is not None:
            yield "the access level", _yes(checked.access in self.access)
        if self.service is not None or self.operation is not None:
            yield "the operation", _yes(self._names(checked))
        if self.profile is not None:
            yield "the profile", _yes(_any(self.profile, [checked.profile or "default"]))
        if self.account is not None:
            yield "the account", self._account(checked)
        if self.region is not None:
            yield (
                "the region",
                Match.UNKNOWN
                if checked.region is None
                else _yes(_any(self.region, [checked.region])),
            )
        if self.tags is not None:
            yield "the tags of what it touches", self._tagged(checked, resources)

    def _names(self, checked: CheckedCommand) -> bool:
        """Whether the rule means the command, or calls that it makes.

        To allow, it must mean all of them.
        """
        if self._means(checked.service, checked.operation):
            return True
        calls = [self._means(*call.split(":", 1)) for call in checked.calls]
        return all(calls) and bool(calls) if self.decision is Decision.ALLOW else any(calls)

    def _means(self, service: str, operation: str) -> bool:
        return (self.service is None or _any(self.service, [service])) and (
            self.operation is None or _any(self.operation, [operation])
        )

    def _account(self, checked: CheckedCommand) -> Match:
        assert self.account is not None  # noqa: S101 -- narrows for the type checker
        if checked.account_id is None:
            return Match.UNKNOWN
        if _any(self.account, [checked.account_id, checked.account_alias or ""]):
            return Match.YES
        # An id is never an alias; whether a missing alias would fit nobody knows.
        ids = all(re.fullmatch(r"[\d?*]+", pattern) for pattern in self.account)
        return Match.NO if ids or checked.account_alias is not None else Match.UNKNOWN

    def _tagged(self, checked: CheckedCommand, resources: Sequence[Resource]) -> Match:
        each = [self._has_tags(resource.tags) for resource in resources]
        if self.decision is Decision.ALLOW:
            return _yes(bool(each) and all(each) and not checked.unresolved)
        if any(each) or self._has_tags(dict(request_tags(checked.parameters))):
            return Match.YES
        sighted = bool(resources) and not checked.unresolved
        return Match.NO if sighted or not checked.access.mutates else Match.UNKNOWN

    def _has_tags(self, tags: Mapping[str, str]) -> bool:
        folded = {key.casefold(): value for key, value in tags.items()}
        return all(
            key.casefold() in folded and _any(wanted, [folded[key.casefold()]], words=True)
            for key, wanted in (self.tags or {}).items()
        )


def _yes(holds: bool) -> Match:
    return Match.YES if holds else Match.NO


def _any(patterns: Iterable[str], texts: Iterable[str], *, words: bool = False) -> bool:
    """Whether one of the patterns covers one of the texts.

    Parameters
    ----------
    words
        Compare as they are; otherwise ``delete-db-instance`` equals ``DeleteDBInstance``.
    """
    folded = [text.casefold() if words else text.replace("-", "").casefold() for text in texts]
    for pattern in patterns:
        plain = pattern.casefold() if words else pattern.replace("-", "").casefold()
        steps = (
            ".*" if step == "*" else "." if step == "?" else re.escape(step)
            for step in re.split(r"([*?])", plain)
        )
        compiled = re.compile("".join(steps), re.DOTALL)
        if any(compiled.fullmatch(text) for text in folded):
            return True
    return False

"""What the operator's policy says about a command: deny, ask, or allow without a question.

The strictest rule that applies decides: deny over ask, ask over allow, whatever their order in the
file. Where it is not known whether a rule applies (the account could not be read, the estate does
not know what the command touches), a denying rule counts and an allowing one does not.
"""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    field_validator,
    model_validator,
)

from cloudops_ls.commands.model import AccessLevel, RiskLevel

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from cloudops_ls.commands.model import CheckedCommand
    from cloudops_ls.storage.resource import Resource

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_PATTERN = re.compile(r"[\w.:*?-]+")
_TAG_LISTS = re.compile(r"tag(s|list|set|specifications)?|taglist", re.IGNORECASE)


class Decision(StrEnum):
    """What happens to a command."""

    ALLOW = "allow"
    """It runs without a question; only ever a read that reveals no secret."""
    ASK = "ask"
    DENY = "deny"
    """It does not run; no confirmation changes that."""

    @property
    def rank(self) -> int:
        """0 for allow, 2 for deny."""
        return ("allow", "ask", "deny").index(self.value)


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Verdict(_Frozen):
    """A decision on one command, and where it comes from."""

    decision: Decision
    rule: str | None = None
    """Name of the rule that decided; None where none applies."""
    reason: str
    """Why, as one sentence without a full stop."""
    source: str = ""
    """Digest of the policy file that was read; empty where there is none.

    An approval is bound to it and to the rule: a changed policy takes a given yes back.
    """

    @property
    def binding(self) -> str:
        """What an approval is bound to."""
        return f"{self.source}:{self.rule or ''}:{self.decision}"


def always_asked(verdict: Verdict) -> Verdict:
    """Return ``verdict`` for somebody who wants to be asked about everything; never looser."""
    if verdict.decision is not Decision.ALLOW:
        return verdict
    reason = f"{verdict.reason}, and you prefer to be asked always"
    return verdict.model_copy(update={"decision": Decision.ASK, "reason": reason})


class Match(StrEnum):
    """Whether a rule applies to a command."""

    YES = "applies"
    NO = "does not apply"
    UNKNOWN = "cannot be excluded"


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _glob(text: str) -> str:
    if not _PATTERN.fullmatch(text):
        raise ValueError("a pattern holds letters, digits, '.', ':', '_', '-', '*' and '?' only")
    return text


_Globs = Annotated[
    tuple[Annotated[str, AfterValidator(_glob)], ...],
    BeforeValidator(_as_list),
    Field(min_length=1),
]
_Levels = Annotated[tuple[AccessLevel, ...], BeforeValidator(_as_list), Field(min_length=1)]
_Texts = Annotated[tuple[str, ...], BeforeValidator(_as_list), Field(min_length=1)]
_Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class Window(_Frozen):
    """A time window; what is left out does not limit it.

    A window whose end is not after its start goes on until that time of the next day, and belongs
    to the day it begins on.
    """

    days: Annotated[tuple[_Day, ...], BeforeValidator(_as_list), Field(min_length=1)] = _DAYS  # type: ignore[assignment]
    start: time = Field(default=time(0), alias="from")
    end: time = Field(default=time(0), alias="to")
    first: date | None = None
    """First date on which it begins."""
    last: date | None = None
    """Last date on which it begins."""
    zone: str | None = None
    """IANA time zone, such as ``Europe/Berlin``; the computer's own where it is left out."""

    @field_validator("zone")
    @classmethod
    def _known(cls, zone: str | None) -> str | None:
        try:
            if zone is not None:
                ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"there is no time zone {zone!r}") from None
        return zone

    @field_validator("first", "last", mode="before")
    @classmethod
    def _whole_day(cls, value: Any) -> Any:
        if isinstance(value, datetime):
            raise ValueError("write a date without a time")
        return value

    def holds(self, now: datetime) -> bool:
        """Whether ``now``, which knows its zone, lies in the window."""
        local = now.astimezone(ZoneInfo(self.zone) if self.zone else None)
        clock = local.time()
        if self.start < self.end:
            return self.start <= clock < self.end and self._begins_on(local.date())
        if clock >= self.start and self._begins_on(local.date()):
            return True
        return clock < self.end and self._begins_on(local.date() - timedelta(days=1))

    def _begins_on(self, day: date) -> bool:
        return (
            _DAYS[day.weekday()] in self.days
            and (self.first is None or day >= self.first)
            and (self.last is None or day <= self.last)
        )


class Rule(_Frozen):
    """One rule. It applies when all conditions that it names hold; a list holds if any item does.

    ``service``, ``operation``, ``profile``, ``account`` and ``region`` take ``*`` and ``?``, in
    either case; operations may be written as the API or as the CLI does (``Delete*``,
    ``delete-*``), and also mean the calls that the CLI's own commands make: ``DeleteObject``
    covers ``aws s3 rm``.
    """

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


class Explanation(_Frozen):
    """What one rule says about a command."""

    rule: str
    decision: Decision
    match: Match
    condition: str = ""
    """The condition that does not hold, or cannot be told."""


class Policy(_Frozen):
    """The rules of a policy file."""

    version: Literal[1] = 1
    default: Literal[Decision.ASK, Decision.DENY] = Decision.ASK
    """What happens where no rule applies."""
    rule: tuple[Rule, ...] = ()

    @cached_property
    def named(self) -> tuple[tuple[str, Rule], ...]:
        """The rules with their names; one without is called by its number."""
        return tuple(
            (rule.name or f"rule {number}", rule) for number, rule in enumerate(self.rule, 1)
        )

    def explain(
        self, checked: CheckedCommand, resources: Sequence[Resource], now: datetime
    ) -> list[Explanation]:
        """Return for every rule, in the file's order, whether it applies and why not."""
        return [
            Explanation(rule=name, decision=rule.decision, match=match, condition=condition)
            for name, rule in self.named
            for match, condition in [rule.applies(checked, resources, now)]
        ]

    def decide(
        self,
        checked: CheckedCommand,
        resources: Sequence[Resource],
        now: datetime,
        *,
        source: str = "",
    ) -> Verdict:
        """Decide on a command.

        Parameters
        ----------
        resources
            Those that the command touches, as the estate knows them.
        now
            With its time zone.
        source
            Digest of the policy, for the verdict.
        """
        best: Verdict | None = None
        for name, rule in self.named:
            match, condition = rule.applies(checked, resources, now)
            decision, reason = rule.decision, rule.reason.rstrip(".")
            if match is Match.NO or (match is Match.UNKNOWN and decision is Decision.ALLOW):
                continue
            if match is Match.UNKNOWN:
                reason = f"It cannot be told whether the rule applies: {condition} is not known"
            if decision is Decision.ALLOW and (obstacle := obstacle_to_allowing(checked)):
                decision = Decision.ASK
                reason = f"The rule allows it, but {obstacle}"
            if best is None or decision.rank > best.decision.rank:
                best = Verdict(
                    decision=decision,
                    rule=name,
                    reason=reason or f"The policy's {name!r} says so",
                    source=source,
                )
        if best is not None:
            return best
        return Verdict(decision=self.default, reason="No rule applies", source=source)


def obstacle_to_allowing(checked: CheckedCommand) -> str | None:
    """Return why a command cannot run without a question, as half a sentence, or None."""
    if checked.access is not AccessLevel.READ:
        return f"its access level is {checked.access.value}, not read"
    if checked.reveals_secret:
        return "its answer holds secrets"
    if checked.files:
        return "it uses files or addresses outside AWS"
    if checked.risk.level is not RiskLevel.LOW:
        return f"its risk is {checked.risk.level.value}"
    return None


def request_tags(parameters: Mapping[str, JsonValue]) -> Iterator[tuple[str, str]]:
    """Yield the tags that a command gives to what it makes or changes, as key and value."""
    for name, value in parameters.items():
        if _TAG_LISTS.fullmatch(name):
            yield from _tags(value)
        elif isinstance(value, dict):
            yield from request_tags(value)


def _tags(value: JsonValue) -> Iterator[tuple[str, str]]:
    if isinstance(value, list):
        for item in value:
            yield from _tags(item)
        return
    if not isinstance(value, dict):
        return
    folded = {key.casefold(): item for key, item in value.items()}
    key = folded.get("key", folded.get("tagkey"))
    if isinstance(key, str):
        yield key, str(folded.get("value", folded.get("tagvalue")) or "")
    elif "tags" in folded:
        yield from _tags(folded["tags"])
    else:
        yield from ((name, item) for name, item in value.items() if isinstance(item, str))


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

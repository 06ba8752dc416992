"""Time windows of a policy."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


def as_list(value: Any) -> Any:
    """Return one text as a list of it: a file may give one or several."""
    return [value] if isinstance(value, str) else value


class Window(BaseModel):
    """A time window; what is left out does not limit it.

    A window whose end is not after its start goes on until that time of the next day, and belongs
    to the day it begins on.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    days: Annotated[tuple[_Day, ...], BeforeValidator(as_list), Field(min_length=1)] = _DAYS  # type: ignore[assignment]
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

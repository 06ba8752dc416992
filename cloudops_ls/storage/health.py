"""How the parts of the store are, and what to do about those that are not well."""

from __future__ import annotations

from enum import StrEnum

from cloudops_ls.storage.records import Record


class PartState(StrEnum):
    """How one part is."""

    OK = "ok"
    DEGRADED = "degraded"
    """It works, with less than it could have."""
    FAILED = "failed"


class HealthPart(Record):
    """One part of the store."""

    name: str
    state: PartState
    detail: str
    """What there is to know, as one sentence."""
    fix: str | None = None
    """What the operator can do, in the imperative."""


class StorageHealth(Record):
    """All parts of the store."""

    parts: tuple[HealthPart, ...]

    @property
    def state(self) -> PartState:
        """The worst state of any part."""
        order = list(PartState)
        return max((part.state for part in self.parts), key=order.index, default=PartState.OK)

    def part(self, name: str) -> HealthPart:
        """Return the part called ``name``; raises KeyError where there is none."""
        for part in self.parts:
            if part.name == name:
                return part
        raise KeyError(name)

"""What a policy decides about a command."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict


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


class Verdict(BaseModel):
    """A decision on one command, and where it comes from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

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

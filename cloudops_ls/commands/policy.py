"""What the operator's policy says about a command: deny, ask, or allow without a question.

The strictest rule that applies decides: deny over ask, ask over allow, whatever their order in the
file. Where it is not known whether a rule applies (the account could not be read, the estate does
not know what the command touches), a denying rule counts and an allowing one does not.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict

from cloudops_ls.commands.model import AccessLevel, RiskLevel
from cloudops_ls.commands.policy_rule import Match, Rule
from cloudops_ls.commands.verdict import Decision, Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from cloudops_ls.commands.model import CheckedCommand
    from cloudops_ls.storage.resource import Resource


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


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

"""How decisions on commands are recorded in the audit log, the same from every front end."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import JsonValue

    from cloudops_ls.commands.impact import Impact
    from cloudops_ls.commands.model import CheckedCommand


def decision_details(
    checked: CheckedCommand, *, reason: str | None, approval_digest: str | None = None
) -> dict[str, JsonValue]:
    """Return the details of a ``refused`` or ``denied`` entry.

    Parameters
    ----------
    reason
        The operator's own words, or what happened in place of an answer.
    approval_digest
        What a yes would have been bound to.
    """
    return {
        "argv": list(checked.argv),
        "profile": checked.profile,
        "region": checked.region,
        "account_id": checked.account_id,
        "resource_ids": list(checked.resources),
        "access": checked.access.value,
        "risk": checked.risk.level.value,
        "reason": reason,
        "approval_digest": approval_digest,
    }


def execution_details(
    checked: CheckedCommand, impact: Impact, *, approved_by: str, asked: bool
) -> dict[str, JsonValue]:
    """Return the metadata of an execution, the seed's and what must be found again tomorrow.

    Parameters
    ----------
    approved_by
        The operator, or the rule of the policy that allows it without a question.
    asked
        Whether somebody was asked.
    """
    details: dict[str, JsonValue] = {
        "resource_ids": list(checked.resources),
        "access": checked.access.value,
        "risk": checked.risk.level.value,
        "approval_required": asked,
        "approved_by": approved_by,
        "principal": impact.principal,
        "undo": impact.undo,
    }
    if checked.reveals_secret:
        details["reveals_secret"] = True
    return details

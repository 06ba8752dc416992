"""What a dry run showed, in one line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cloudops_ls.storage.records import ExecutionStatus

if TYPE_CHECKING:
    from cloudops_ls.commands.executor import Outcome

_WOULD = re.compile(r"\bDryRunOperation\b")
_CODE = re.compile(r"An error occurred \((?P<code>[\w.]+)\)[^:]*: (?P<text>[^\n]*)")
_LONGEST = 300


def rehearsal_in_words(outcome: Outcome) -> str:
    """Return what a dry run showed; EC2 says "it would have succeeded" with an error."""
    output = outcome.output.text
    if _WOULD.search(output):
        return "Dry run: AWS says that it would succeed"
    if outcome.status is ExecutionStatus.SUCCESS:
        said = " ".join(output.split())[:_LONGEST]
        return f"Dry run: it went well{f': {said}' if said else ''}"
    if outcome.status is ExecutionStatus.CANCELLED:
        return "Dry run: it was cancelled"
    found = _CODE.search(output)
    if found is not None:
        return f"Dry run: it would fail with {found['code']}: {found['text'][:_LONGEST]}"
    return f"Dry run: it failed ({outcome.error or outcome.exit_status})"

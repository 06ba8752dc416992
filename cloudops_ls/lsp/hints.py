"""``textDocument/inlayHint``: states of resources behind their names, as of the last word of AWS.

From memory alone: the client asks at every key. States that a hover, a sync or a command brings
in are shown at once, where the client can be asked to fetch hints again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsprotocol import types

from cloudops_ls.estate.untrusted import visible
from cloudops_ls.runbook.mentions import find_mentions
from cloudops_ls.runbook.text import Span

if TYPE_CHECKING:
    from cloudops_ls.estate.search.names import NameIndex
    from cloudops_ls.lsp.documents import RunbookDocument
    from cloudops_ls.lsp.session import Session

_MOST = 300
_LONGEST = 40_000
"""Characters looked at, from the first line on that is shown."""
_LONGEST_STATE = 40


def inlay_hints(
    session: Session, document: RunbookDocument, shown: types.Range
) -> list[types.InlayHint]:
    """Return a hint behind every name in a range: its state, how many have it, or that it is gone.

    Outputs are what a command printed, so nothing is said about them.
    """
    if not session.settings.hover.states:
        return []
    start = document.offset(types.Position(shown.start.line, 0))
    end = min(document.offset(shown.end), start + _LONGEST)
    names = session.estate.names
    hints: list[types.InlayHint] = []
    for mention in find_mentions(document.source, names, Span(start, end)):
        label = _label(names, mention.target)
        if label is None or document.runbook.in_output(mention.span.start):
            continue
        hints.append(
            types.InlayHint(
                position=document.position(mention.span.end),
                label=label,
                padding_left=True,
            )
        )
        if len(hints) == _MOST:
            break
    return hints


def _label(names: NameIndex, target: str) -> str | None:
    entries = names.find(target)
    if len(entries) > 1:
        return f"{len(entries)} resources"
    if entries:
        return visible(entries[0].state, _LONGEST_STATE) if entries[0].state else None
    return "deleted" if names.gone(target) else None

"""``textDocument/inlayHint``: states of resources behind their names, as of the last word of AWS.

Behind a paragraph that names nothing stands what it is understood to be about, before it is sent.

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
_MOST_PARAGRAPHS = 20


async def inlay_hints(
    session: Session, document: RunbookDocument, shown: types.Range
) -> list[types.InlayHint]:
    """Return the hints of a range: states behind names, and what paragraphs are about."""
    if not session.settings.hover.states:
        return []
    start = document.offset(types.Position(shown.start.line, 0))
    span = Span(start, min(document.offset(shown.end), start + _LONGEST))
    version = document.version
    hints = _states(session, document, span)
    if session.estate.can_identify:
        hints += await _understood(session, document, span)
    elif session.estate.names:
        # At first it takes a while to read what refers to what; states need not wait for it.
        session.spawn(_prepare(session))
    # The text may have moved on meanwhile; then the client asks again.
    return hints if document.version == version else []


async def _prepare(session: Session) -> None:
    await session.estate.identifier()
    session.refresh_hints()


async def _understood(
    session: Session, document: RunbookDocument, span: Span
) -> list[types.InlayHint]:
    """Return what the unanswered paragraphs are understood to be about, before they are sent."""
    from cloudops_ls.lsp.understanding import understanding_of

    runbook = document.runbook
    hints: list[types.InlayHint] = []
    offset = span.start
    while offset < span.end and len(hints) < _MOST_PARAGRAPHS:
        turn = runbook.user_turn_at(offset)
        if turn is None or turn.span.end <= offset:
            line = document.source.find("\n", offset)
            offset = line + 1 if line >= 0 else span.end
            continue
        offset = turn.span.end + 1
        meaning = await understanding_of(session, document, turn)
        if meaning is not None:
            end = turn.span.start + len(turn.text.rstrip())
            hints.append(
                types.InlayHint(
                    position=document.position(end),
                    label=meaning[0],
                    tooltip=meaning[1],
                    padding_left=True,
                )
            )
    return hints


def _states(session: Session, document: RunbookDocument, span: Span) -> list[types.InlayHint]:
    """Return a hint behind every name: its state, how many have it, or that it is gone.

    Only in what the operator wrote as prose: in code a hint would read as a part of the command,
    an answer says itself how things were, and comments are not for whoever follows the runbook.
    """
    names = session.estate.names
    hints: list[types.InlayHint] = []
    for mention in find_mentions(document.source, names, span):
        label = _label(names, mention.target)
        if label is None or not _is_prose(document, mention.span):
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


def _is_prose(document: RunbookDocument, span: Span) -> bool:
    runbook, source = document.runbook, document.source
    if runbook.in_code(span.start) or runbook.in_html(span.start):
        return False
    if runbook.assistant_turn_at(span.start) is not None:
        return False
    return source[span.start - 1 : span.start] != "`" and source[span.end : span.end + 1] != "`"


def _label(names: NameIndex, target: str) -> str | None:
    entries = names.find(target)
    if len(entries) > 1:
        return f"{len(entries)} resources"
    if entries:
        return visible(entries[0].state, _LONGEST_STATE) if entries[0].state else None
    return "deleted" if names.gone(target) else None

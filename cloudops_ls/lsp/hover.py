"""``textDocument/hover``: the card of the resource under the cursor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsprotocol import types

from cloudops_ls.estate.untrusted import code
from cloudops_ls.runbook.mentions import find_mentions
from cloudops_ls.runbook.text import Span

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cloudops_ls.estate.search.names import NameEntry
    from cloudops_ls.lsp.documents import RunbookDocument
    from cloudops_ls.lsp.session import Session

_AMBIGUOUS_SHOWN = 10


async def hover(
    session: Session, document: RunbookDocument, position: types.Position
) -> types.Hover | None:
    """Return the card of the mention under the cursor, or its candidates when ambiguous."""
    offset = document.offset(position)
    line = document.line_span(offset)
    mention = next(
        (
            found
            for found in find_mentions(document.source, session.estate.names, line)
            if found.span.start <= offset <= found.span.end
        ),
        None,
    )
    if mention is None:
        return None
    text = await _card(session, mention.target)
    if text is None:
        return None
    return types.Hover(
        contents=types.MarkupContent(types.MarkupKind.Markdown, text),
        range=document.range(Span(mention.span.start, mention.span.end)),
    )


async def _card(session: Session, target: str) -> str | None:
    from cloudops_ls.lsp.cards import card_of, card_of_gone, card_of_unknown

    names = session.estate.names
    entries = names.find(target)
    if len(entries) == 1:
        arn = entries[0].arn
        freshness = await session.live.freshen(arn)
        card = await card_of(session, arn, freshness)
        # AWS may just have said that it is gone.
        return card if card is not None else await card_of_gone(session, entries[0])
    if entries:
        return _candidates(session, entries)
    gone = names.gone(target)
    if gone:
        return await card_of_gone(session, gone[0])
    return await card_of_unknown(session, target) if target.startswith("arn:") else None


def _candidates(session: Session, entries: Sequence[NameEntry]) -> str:
    lines = [f"**{len(entries)} resources have this name**", ""]
    lines += [
        f"- {entry.resource_type} · "
        f"{code(session.estate.account_name(entry.account_id))} · {entry.region}"
        + (f" · {code(entry.state)}" if entry.state else "")
        for entry in entries[:_AMBIGUOUS_SHOWN]
    ]
    if len(entries) > _AMBIGUOUS_SHOWN:
        lines.append(f"- and {len(entries) - _AMBIGUOUS_SHOWN} more")
    return "\n".join(lines)

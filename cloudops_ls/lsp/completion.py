"""``textDocument/completion``: names of the estate, from memory only."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lsprotocol import types

from cloudops_ls.runbook.text import Span

if TYPE_CHECKING:
    from cloudops_ls.estate.names import NameEntry
    from cloudops_ls.lsp.documents import RunbookDocument
    from cloudops_ls.lsp.session import Session

LIMIT = 100
"""Longer lists are slower to send and no easier to read; typing on narrows them."""

_WORD = re.compile(r"@?[\w.:/-]*$")
_SHORTEST = 2
"""Letters typed before names are offered without ``@``."""


def complete(
    session: Session, document: RunbookDocument, position: types.Position
) -> types.CompletionList:
    """Return the names that what stands before the cursor may become.

    The list is always incomplete, so that the client asks again as the word grows.
    """
    nothing = types.CompletionList(is_incomplete=True, items=[])
    offset = document.offset(position)
    match = _WORD.search(document.line_before(offset))
    typed = match.group() if match else ""
    word = typed.removeprefix("@")
    if typed == word and len(word) < _SHORTEST:
        return nothing
    runbook = document.runbook
    if runbook.in_output(offset):
        return nothing
    in_command = runbook.in_code(offset)
    replaced = document.range(Span(offset - len(typed), offset))
    region = session.region_for(runbook)
    entries = session.names.complete(word, limit=LIMIT, region=region)
    items = [
        _item(entry, typed, replaced, rank, unique=unique, in_command=in_command)
        for rank, (entry, unique) in enumerate(
            (entry, session.names.is_unique(entry.name)) for entry in entries
        )
    ]
    return types.CompletionList(is_incomplete=True, items=items)


def _item(
    entry: NameEntry,
    typed: str,
    replaced: types.Range,
    rank: int,
    *,
    unique: bool,
    in_command: bool,
) -> types.CompletionItem:
    if in_command:
        # The AWS API takes identifiers; a Name tag would not work there.
        text = entry.identifier
    elif unique:
        text = entry.name
    else:
        text = f"[{entry.name}]({entry.arn})"
    state = f" · {entry.state}" if entry.state else ""
    return types.CompletionItem(
        label=entry.name,
        label_details=types.CompletionItemLabelDetails(
            description=f"{entry.resource_type} · {entry.region}{state}"
        ),
        detail=f"{entry.resource_type} · {entry.account_id} · {entry.region}{state}",
        kind=types.CompletionItemKind.Reference,
        # What was typed matches by definition; clients filter by this text.
        filter_text=typed,
        sort_text=f"{rank:04d}",
        text_edit=types.TextEdit(range=replaced, new_text=text),
        data={"arn": entry.arn},
    )


async def resolve(session: Session, item: types.CompletionItem) -> types.CompletionItem:
    """Fill in the card of one completion item."""
    from cloudops_ls.lsp.cards import card_of

    data = item.data
    arn = data.get("arn") if isinstance(data, dict) else getattr(data, "arn", None)
    if isinstance(arn, str):
        card = await card_of(session, arn)
        if card is not None:
            item.documentation = types.MarkupContent(types.MarkupKind.Markdown, card)
    return item

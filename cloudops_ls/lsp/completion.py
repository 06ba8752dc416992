"""``textDocument/completion``: names of the estate, from memory only."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lsprotocol import types

from cloudops_ls.estate.untrusted import visible
from cloudops_ls.runbook.text import Span

if TYPE_CHECKING:
    from cloudops_ls.estate.search.names import NameEntry
    from cloudops_ls.lsp.documents import RunbookDocument
    from cloudops_ls.lsp.session import Session

LIMIT = 100
"""Longer lists are slower to send and no easier to read; typing on narrows them."""

_MARKDOWN = re.compile(r"[\\\[\]<>`*_]")
_WORD = re.compile(r"@?[\w.:/-]*$")
_SHORTEST = 2
"""Letters typed before names are offered without ``@``."""


def complete(
    session: Session, document: RunbookDocument, position: types.Position
) -> types.CompletionList:
    """Return the names that what stands before the cursor may become.

    In a command the identifier is inserted: the AWS API takes no Name tags.

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
    account = session.estate.account_of(session.profile_for(runbook))
    entries = session.estate.names.complete(
        word,
        limit=LIMIT,
        account_id=account.account_id if account is not None else None,
        region=session.region_for(runbook),
    )
    items = []
    for rank, entry in enumerate(entries):
        text = entry.identifier if in_command else _mention(session, entry)
        items.append(_item(session, entry, text, typed, replaced, rank))
    return types.CompletionList(is_incomplete=True, items=items)


def _mention(session: Session, entry: NameEntry) -> str:
    """Return what stands for a resource in prose: its name, or a link where that is not exact."""
    if session.estate.names.is_unique(entry.name) and entry.name == visible(
        entry.name, len(entry.name)
    ):
        return entry.name
    label = _MARKDOWN.sub(r"\\\g<0>", visible(entry.name))
    return f"[{label}]({entry.arn})"


def _item(
    session: Session,
    entry: NameEntry,
    text: str,
    typed: str,
    replaced: types.Range,
    rank: int,
) -> types.CompletionItem:
    state = f" · {entry.state}" if entry.state else ""
    place = f"{session.estate.account_name(entry.account_id)} · {entry.region}"
    return types.CompletionItem(
        label=visible(entry.name),
        label_details=types.CompletionItemLabelDetails(
            description=f"{entry.resource_type} · {place}{state}"
        ),
        detail=f"{entry.resource_type} · {place}{state}",
        kind=types.CompletionItemKind.Reference,
        filter_text=_filter_text(entry, typed),
        sort_text=f"{rank:04d}",
        text_edit=types.TextEdit(range=replaced, new_text=text),
        data={"arn": entry.arn},
    )


def _filter_text(entry: NameEntry, typed: str) -> str:
    """Return what the client matches further typing against.

    VS Code filters by itself at every ``-``, which ends a Markdown word, before it asks again,
    and Neovim keeps what begins with the typed: so the text begins with that, also where it is
    found inside a name, and goes on as the name does.
    """
    folded = typed.removeprefix("@").lower()
    for text in (entry.name, entry.identifier, entry.arn):
        start = text.lower().find(folded)
        if start >= 0:
            return typed + text[start + len(folded) :]
    return typed


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

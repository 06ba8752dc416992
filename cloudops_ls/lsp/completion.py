"""``textDocument/completion``: names of the estate, from memory only.

Plain words complete as they are. ``@`` asks on purpose, and may be followed by filters:
``@type:rds state:stopped main`` offers what passes them, and inserts it over the whole query.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lsprotocol import types

from cloudops_ls.estate.search.query import FILTER_PATTERN, SearchQuery
from cloudops_ls.estate.untrusted import visible
from cloudops_ls.lsp.whereabouts import whereabouts
from cloudops_ls.runbook.text import Span

if TYPE_CHECKING:
    from cloudops_ls.estate.search.names import NameEntry
    from cloudops_ls.lsp.documents import RunbookDocument
    from cloudops_ls.lsp.session import Session

LIMIT = 100
"""Longer lists are slower to send and no easier to read; typing on narrows them."""

_MARKDOWN = re.compile(r"[\\\[\]<>`*_]")
_QUERY = re.compile(
    rf"(?<!\w)@((?:{FILTER_PATTERN} +)*(?:{FILTER_PATTERN}|[\w.:/-]*))$", re.IGNORECASE
)
_LONGEST_QUERY = 500
_WORD = re.compile(r"[\w.:/-]*$")
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
    before = document.line_before(offset)
    asked = _QUERY.search(before, max(len(before) - _LONGEST_QUERY, 0))
    if asked is not None:
        typed, query = asked[0], SearchQuery.parse(asked[1])
    else:
        match = _WORD.search(before)
        typed = match.group() if match else ""
        query = SearchQuery(typed)
        if len(typed) < _SHORTEST:
            return nothing
    runbook = document.runbook
    if runbook.in_output(offset):
        return nothing
    in_command = runbook.in_code(offset)
    replaced = document.range(Span(offset - len(typed), offset))
    items: list[types.CompletionItem] = []
    where = whereabouts(session, document, offset - len(typed))
    for rank, hit in enumerate(session.estate.finder.find(query, LIMIT, where).hits):
        text = hit.entry.identifier if in_command else _mention(session, hit.entry)
        shown = _filter_text(hit.entry, typed, query.text)
        items.append(_item(session, hit.entry, text, shown, replaced, rank))
    if asked is not None:
        from cloudops_ls.lsp.filter_completion import filter_items

        filters = filter_items(session.estate.finder, asked[1], replaced)
        items = (
            [*filters, *items] if ":" in asked[1] else [*items[: LIMIT - len(filters)], *filters]
        )
        items = items[:LIMIT]
        for rank, item in enumerate(items):
            item.sort_text = f"{rank:04d}"
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
    filter_text: str,
    replaced: types.Range,
    rank: int,
) -> types.CompletionItem:
    state = f" · {entry.state}" if entry.state else ""
    account = f"{session.estate.account_name(entry.account_id)} · "
    place = f"{account}{entry.region}"
    # Editors cut the name to make room for this; so it only says what tells resources apart.
    apart = "" if session.estate.names.is_unique(entry.name) else account
    return types.CompletionItem(
        label=visible(entry.name),
        label_details=types.CompletionItemLabelDetails(
            description=f"{entry.resource_type} · {apart}{entry.region}"
        ),
        detail=f"{entry.resource_type} · {place}{state}",
        kind=types.CompletionItemKind.Reference,
        filter_text=filter_text,
        sort_text=f"{rank:04d}",
        text_edit=types.TextEdit(range=replaced, new_text=text),
        data={"arn": entry.arn},
    )


def _filter_text(entry: NameEntry, typed: str, word: str) -> str:
    """Return what the client matches further typing against.

    VS Code filters by itself at every ``-``, which ends a Markdown word, before it asks again,
    and Neovim keeps what begins with the typed: so the text begins with that, also where it is
    found inside a name, and goes on as the name does.
    """
    folded = word.lower()
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

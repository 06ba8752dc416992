"""``workspace/symbol``: the resources of the estate, with the search that completion has.

A resource is in no file. Where an open runbook mentions it, that is its place; else it is a
virtual document, ``cloudops-resource:/<ARN>.md``, for clients that show its card.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote

from lsprotocol import types

from cloudops_ls.estate.search.query import SearchQuery
from cloudops_ls.estate.untrusted import visible
from cloudops_ls.runbook.text import Span

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cloudops_ls.estate.search.names import NameEntry
    from cloudops_ls.lsp.documents import RunbookDocument
    from cloudops_ls.lsp.session import Session

LIMIT = 100
SCHEME = "cloudops-resource"


def workspace_symbols(session: Session, query: str) -> list[types.WorkspaceSymbol]:
    """Return the best resources for a query, which may hold filters."""
    from cloudops_ls.estate.search.finder import Where

    account = session.estate.account_of(session.default_profile)
    where = Where(account.account_id if account is not None else None, session.settings.region)
    found = session.estate.finder.find(SearchQuery.parse(query), LIMIT, where)
    documents = session.open_runbooks()
    return [_symbol(session, hit.entry, documents) for hit in found.hits]


def _symbol(
    session: Session, entry: NameEntry, documents: Sequence[RunbookDocument]
) -> types.WorkspaceSymbol:
    details = [entry.resource_type, session.estate.account_name(entry.account_id), entry.region]
    if entry.state:
        details.append(entry.state)
    return types.WorkspaceSymbol(
        name=visible(entry.name),
        kind=types.SymbolKind.Object,
        container_name=" · ".join(details),
        location=_place(entry, documents),
        data={"arn": entry.arn},
    )


def _place(
    entry: NameEntry, documents: Sequence[RunbookDocument]
) -> types.Location | types.LocationUriOnly:
    for text in (entry.arn, entry.identifier, entry.name):
        word = re.compile(rf"(?<![\w-]){re.escape(text)}(?![\w-])")
        for document in documents:
            if text in document.source and (match := word.search(document.source)):
                return types.Location(document.uri, document.range(Span(*match.span())))
    return types.LocationUriOnly(f"{SCHEME}:/{quote(entry.arn, safe='')}.md")

"""Where in the estate a runbook works, and what it mentioned last: how results are ordered."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING

from cloudops_ls.estate.search.finder import Where

if TYPE_CHECKING:
    from cloudops_ls.lsp.backend import Backend
    from cloudops_ls.lsp.documents import RunbookDocument

_RECENT_LENGTH = 4096
"""Characters before the cursor in which mentions are looked for: it happens at every key."""
_RECENT = 20
_TOKEN = re.compile(r"[\w][\w.:/-]{2,}")


def whereabouts(backend: Backend, document: RunbookDocument, offset: int | None = None) -> Where:
    """Return the account and region of a runbook, and its mentions before ``offset``.

    Names with spaces are not looked for.
    """
    account = backend.estate.account_of(backend.profile_for(document.runbook))
    source = document.source
    end = len(source) if offset is None else offset
    tokens = _TOKEN.findall(source, max(end - _RECENT_LENGTH, 0), end)
    known = backend.estate.names.canonical
    names = (token for word in reversed(tokens) if known(token := word.rstrip(".:/-")))
    return Where(
        account.account_id if account is not None else None,
        backend.region_for(document.runbook),
        list(islice(dict.fromkeys(names), _RECENT)),
    )

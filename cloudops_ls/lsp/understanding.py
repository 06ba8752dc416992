"""What the paragraphs of a runbook are about, as it is understood before they are sent."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from cloudops_ls.estate.untrusted import visible
from cloudops_ls.lsp.whereabouts import whereabouts
from cloudops_ls.runbook.mentions import find_mentions
from cloudops_ls.runbook.text import Span

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cloudops_ls.estate.identify.model import Candidate, Named
    from cloudops_ls.lsp.backend import Backend
    from cloudops_ls.lsp.documents import RunbookDocument
    from cloudops_ls.runbook.model import UserTurn

_SHOWN: Final = 2
"""Names in a hint; of more, their kind is told."""
_LISTED: Final = 10
_LONGEST: Final = 2_000
"""Longer paragraphs are text to be read, not requests."""


async def understood(
    backend: Backend,
    document: RunbookDocument,
    prompt: str,
    named: Sequence[Named],
    previous: Sequence[str],
) -> list[Candidate]:
    """Return what a prompt means beside the names in it, surest first."""
    identifier = await backend.estate.identifier()
    where = whereabouts(backend, document)
    return await asyncio.to_thread(
        identifier.identify, prompt, named, previous=previous, where=where
    )


async def understanding_of(
    backend: Backend, document: RunbookDocument, turn: UserTurn
) -> tuple[str, str] | None:
    """Return what a paragraph without names is understood to be about: short, and in full.

    None where it names what it is about, is answered already, or nothing was understood.
    """
    if document.runbook.assistant_turn_for(turn) is not None or len(turn.text) > _LONGEST:
        return None
    named = _named(backend, document, turn)
    previous = await backend.turn_before(document, turn)
    candidates = await understood(backend, document, turn.text, named, previous)
    if not candidates:
        return None
    names = backend.estate.names
    entries = [entry for one in candidates for entry in names.find(one.arn)]
    if not entries:
        return None
    lines = [
        f"- {visible(entry.name)} · {entry.resource_type} · "
        f"{backend.estate.account_name(entry.account_id)} · {entry.region}"
        + (f" · {visible(entry.state)}" if entry.state else "")
        for entry in entries[:_LISTED]
    ]
    if len(entries) > _LISTED:
        lines.append(f"- and {len(entries) - _LISTED} more")
    first = candidates[0]
    full = f"Understood from “{visible(first.words)}” ({first.how}):\n" + "\n".join(lines)
    if len(entries) <= _SHOWN:
        return "→ " + ", ".join(visible(entry.name) for entry in entries), full
    kinds = {_title(backend, entry.resource_type) for entry in entries}
    # Of several kinds is mostly prose that was not meant for anybody: said as quietly as can be.
    what = f"× {kinds.pop()}" if len(kinds) == 1 else "resources"
    return f"→ {len(entries)} {what}", full


def _title(backend: Backend, resource_type: str) -> str:
    kind = backend.estate.catalog.get(resource_type)
    return kind.title if kind is not None else resource_type


def _named(backend: Backend, document: RunbookDocument, turn: UserTurn) -> list[Named]:
    from cloudops_ls.estate.identify.model import Named

    names = backend.estate.names
    end = turn.attachments.end if turn.attachments is not None else turn.span.end
    mentions = find_mentions(document.source, names, Span(turn.span.start, end))
    return [
        Named(mention.text, tuple(entry.arn for entry in names.find(mention.target)))
        for mention in mentions
    ]

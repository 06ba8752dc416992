"""Completion of an ``aws`` command's own words: services, operations, parameters, values."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any

from lsprotocol import types

from cloudops_ls.errors import CloudOpsError
from cloudops_ls.logs import logger
from cloudops_ls.lsp.completion import complete
from cloudops_ls.runbook.text import Span

if TYPE_CHECKING:
    from cloudops_ls.lsp.documents import RunbookDocument
    from cloudops_ls.lsp.session import Session

LIMIT = 100
_PATIENCE = 0.3
"""Seconds; a worker that is loading the CLI answers the next key."""
_FIRST_VALUE = 3
"""Behind ``aws``, service and operation values may stand."""
_NO_WORDS = re.compile(r"['\"`$|;&<>(){}#]")
"""Inside quotes, or where a shell would be needed, no word of the CLI can stand."""
_KINDS = {
    "service": types.CompletionItemKind.Module,
    "operation": types.CompletionItemKind.Function,
    "parameter": types.CompletionItemKind.Field,
    "value": types.CompletionItemKind.EnumMember,
}


async def complete_anywhere(
    session: Session, document: RunbookDocument, position: types.Position
) -> types.CompletionList:
    """Return names of the estate, or the words that may stand at a position of a command.

    Names never wait for anybody: where one fits what is typed, the worker is not asked.
    """
    names = complete(session, document, position)
    if names.items and not _begins_a_command(document, position):
        return names
    return await _command_words(session, document, position) or names


def _begins_a_command(document: RunbookDocument, position: types.Position) -> bool:
    """Whether a service or an operation is being typed, or a parameter."""
    before = _text_before(document, document.offset(position)) or ""
    *words, typed = before.split(" ") if before else [""]
    return typed.startswith("-") or 0 < len([word for word in words if word]) < _FIRST_VALUE


async def _command_words(
    session: Session, document: RunbookDocument, position: types.Position
) -> types.CompletionList | None:
    """Return the words that the worker knows; None where it has none, or takes too long."""
    offset = document.offset(position)
    before = _text_before(document, offset)
    if before is None or _NO_WORDS.search(before):
        return None
    typed = re.search(r"\S*$", before)
    prefix = typed.group() if typed is not None else ""
    words = before[: len(before) - len(prefix)].split()
    if words[:1] != ["aws"] or "=" in prefix:
        return None
    found = await _next_words(session, words, prefix)
    if not found:
        return None
    replaced = document.range(Span(offset - len(prefix), offset))
    return types.CompletionList(
        is_incomplete=True,
        items=[_item(word, prefix, replaced, rank) for rank, word in enumerate(found)],
    )


def _text_before(document: RunbookDocument, offset: int) -> str | None:
    """Return what stands of the command around ``offset`` before it, as one line."""
    command = document.runbook.command_at(offset)
    if command is None or offset < command.span.start:
        return None
    if offset > command.span.end and document.source[command.span.end : offset].strip(" \t"):
        return None
    text = document.source[command.span.start : offset]
    return re.sub(r"\\\r?\n", " ", text)


async def _next_words(session: Session, words: list[str], typed: str) -> list[dict[str, Any]]:
    from cloudops_ls.worker import wire

    if not session.worker.connected:
        return []
    params = {"words": words, "typed": typed, "limit": LIMIT}
    asking = asyncio.ensure_future(session.worker.request(wire.NEXT_WORDS, params))
    done, _ = await asyncio.wait([asking], timeout=_PATIENCE)
    if not done:
        asking.add_done_callback(_forget)
        return []
    try:
        answer: list[dict[str, Any]] = asking.result()
    except CloudOpsError as error:
        logger.info("completion: %s", type(error).__name__)
        return []
    return answer


def _forget(asking: asyncio.Future[Any]) -> None:
    """Take an answer that came too late, so that nobody complains about it."""
    if not asking.cancelled():
        asking.exception()


def _item(
    word: dict[str, Any], typed: str, replaced: types.Range, rank: int
) -> types.CompletionItem:
    # Some clients keep only what begins with the typed, also where it is found inside a word.
    start = word["text"].casefold().find(typed.casefold())
    return types.CompletionItem(
        label=word["text"],
        label_details=types.CompletionItemLabelDetails(description=word["detail"][:60] or None),
        detail=word["detail"] or None,
        kind=_KINDS[word["kind"]],
        filter_text=typed + word["text"][start + len(typed) :],
        sort_text=f"{rank:04d}",
        text_edit=types.TextEdit(range=replaced, new_text=word["text"]),
    )

"""``cloudops.previewRequest``: exactly what would be sent, before it is."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, Final

from lsprotocol import types

from cloudops_ls.lsp.asking import turn_at, words_in
from cloudops_ls.lsp.guard import show
from cloudops_ls.lsp.question import Asked, Question
from cloudops_ls.lsp.thread import thread_of
from cloudops_ls.storage.records import new_id

if TYPE_CHECKING:
    from cloudops_ls.assistant.protocol import AssistantRequest
    from cloudops_ls.lsp.arguments import PreviewRequest
    from cloudops_ls.lsp.backend import Backend
    from cloudops_ls.lsp.documents import RunbookDocument
    from cloudops_ls.lsp.session import Session
    from cloudops_ls.lsp.thread import Thread
    from cloudops_ls.runbook.text import Span

REQUEST_PREVIEW: Final = "cloudops/requestPreview"
SCHEME: Final = "cloudops-preview"
_KEPT: Final = 20
"""Previews that clients may still fetch."""


async def preview_request(session: Session, wanted: PreviewRequest) -> dict[str, Any]:
    """Show what asking at a place would send, without sending it.

    If the same is asked next, the very request that was shown is sent, unless the conversation,
    the resources or the settings have changed meanwhile.

    Returns
    -------
    dict
        As `preview`, and ``uri`` of the shown document.

    Raises
    ------
    CloudOpsError
        There is nothing to ask there, or no assistant to send it to.
    """
    document = session.require_document(wanted.uri)
    words: Span | None = None
    if wanted.range is not None:
        words = words_in(document, wanted.range)
        turn = turn_at(document, words.start)
    else:
        place = wanted.position
        position = types.Position(place.line, place.character) if place else types.Position(0, 0)
        turn = turn_at(document, document.offset(position))
    thread = await thread_of(session, document)
    asked = Asked.of(document, turn, thread.digests, words)
    request_id = session.planned_requests.setdefault((thread.id, asked.prompt), new_id())
    shown = await preview(session, document, asked, thread, request_id)
    uri = f"{SCHEME}:/{request_id}.json"
    session.previews.pop(uri, None)
    session.previews[uri] = shown["text"]
    while len(session.previews) > _KEPT:
        del session.previews[next(iter(session.previews))]
    await _show(session, uri, shown)
    return {**shown, "uri": uri}


async def preview(
    backend: Backend, document: RunbookDocument, asked: Asked, thread: Thread, request_id: str
) -> dict[str, Any]:
    """Return what asking would send.

    Returns
    -------
    dict
        ``body`` exactly as it goes on the wire; ``method``, ``url`` and ``headers``, None where
        nothing leaves this machine; ``bytes``, ``tokens`` and what counted them, ``tokenizer``;
        ``history``, a sentence where not all earlier turns are sent whole, else None;
        ``text``, all of it as JSON to be read.
    """
    request = await Question(backend, document, asked, thread).request(request_id)
    assistant = await backend.assistant()
    sent = assistant.outgoing(request)
    body = sent.body if sent is not None else request.model_dump_json().encode()
    text = body.decode()
    counter = await asyncio.to_thread(backend.token_counter)
    tokens = await asyncio.to_thread(counter.count, text)
    told = {
        "method": sent.method if sent is not None else None,
        "url": sent.url if sent is not None else None,
        "headers": dict(sent.headers) if sent is not None else None,
        "bytes": len(body),
        "tokens": tokens,
        "tokenizer": counter.name,
        "history": _of_history(request, backend.settings.assistant.history_tokens),
    }
    page = {
        "about": "What is sent when you ask; the token of the assistant goes along as a header."
        if sent is not None
        else "What the built-in planner reads; nothing leaves this machine.",
        **{key: value for key, value in told.items() if value is not None},
        "body": json.loads(text),
    }
    return {**told, "body": text, "text": json.dumps(page, ensure_ascii=False, indent=2) + "\n"}


def _of_history(request: AssistantRequest, budget: int) -> str | None:
    """Say what of the earlier turns is not sent; None where all of them are, whole."""
    cut = sum(turn.cut > 0 for turn in request.chat_history)
    sent, omitted = len(request.chat_history), request.history_omitted
    if not cut and not omitted:
        return None
    shortened = f", {cut} of them cut in the middle" if cut else ""
    return (
        f"{sent} of {sent + omitted} earlier turns are sent{shortened}: "
        f"assistant.history_tokens is {budget:,}."
    )


async def _show(session: Session, uri: str, shown: dict[str, Any]) -> None:
    """Show the text as a document that is nowhere on disk, where the client can."""
    server = session.server
    if session.client.request_preview:
        server.protocol.notify(
            REQUEST_PREVIEW, {"uri": uri, "languageId": "json", "text": shown["text"]}
        )
        return
    capabilities = server.client_capabilities
    window, workspace = capabilities.window, capabilities.workspace
    showable = window is not None and window.show_document is not None
    if workspace is not None and workspace.text_document_content is not None and showable:
        await server.window_show_document_async(types.ShowDocumentParams(uri=uri, take_focus=True))
        return
    where = f"to {shown['url']}" if shown["url"] else "to the built-in planner, on this machine"
    show(
        server,
        f"Asking sends {shown['bytes']:,} bytes, about {shown['tokens']:,} tokens, {where}. "
        f"{shown['history'] + ' ' if shown['history'] else ''}All of it is printed by: "
        "cloudops-ls preview FILE:LINE",
    )

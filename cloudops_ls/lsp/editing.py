"""Writing into the operator's file: small versioned edits that are checked to have arrived."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from typing import TYPE_CHECKING

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from cloudops_ls.logs import logger

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pygls.lsp.server import LanguageServer

    from cloudops_ls.lsp.documents import RunbookDocument
    from cloudops_ls.runbook.text import TextEdit

_TRIES = 8
_ARRIVAL_SECONDS = 2.0
"""Longest wait for an applied edit to come back; Neovim sends changes 150 ms late."""
_MOVE_SECONDS = 0.5
"""Wait for the change that made the editor refuse an edit."""


class Written(StrEnum):
    """What became of an edit."""

    DONE = "done"
    NO_PLACE = "no place"
    """The place it belongs to is gone, or the file is closed."""
    REFUSED = "refused"
    """The editor would not apply it, such as in a read-only buffer."""


async def write(
    server: LanguageServer,
    document: RunbookDocument,
    label: str,
    make: Callable[[], Sequence[TextEdit] | None],
) -> Written:
    """Apply edits computed on the current text, again when the text has moved on meanwhile.

    Parameters
    ----------
    server
        Whose client holds the buffer.
    document
        The open document.
    label
        Name of the undo step.
    make
        Computes the edits of the current text, none when they are in it already, None when
        their place is gone. Called again after every change that crossed the edit, so it must
        look at the document afresh.
    """
    async with document.editing:
        for _ in range(_TRIES):
            if document.closed:
                return Written.NO_PLACE
            edits = make()
            if edits is None:
                return Written.NO_PLACE
            if not edits:
                return Written.DONE
            version = document.version
            expected = _applied(document.source, edits)
            applied = await _send(server, document, label, edits)
            # An editor whose buffer has moved on skips the edit, and Neovim says "applied" all
            # the same: only the text that comes back tells. If the operator typed meanwhile,
            # it differs from what was expected, and the next round sees what is there.
            if await _settle(document, expected, _ARRIVAL_SECONDS if applied else _MOVE_SECONDS):
                return Written.DONE
            if not applied and document.version == version:
                break
    logger.info("the editor refused an edit")
    return Written.REFUSED


async def _send(
    server: LanguageServer, document: RunbookDocument, label: str, edits: Sequence[TextEdit]
) -> bool:
    changes = document.text_edits(edits)
    workspace = server.client_capabilities.workspace
    capability = workspace.workspace_edit if workspace is not None else None
    if capability is not None and capability.document_changes:
        identifier = types.OptionalVersionedTextDocumentIdentifier(
            uri=document.uri, version=document.version
        )
        edit = types.WorkspaceEdit(
            document_changes=[types.TextDocumentEdit(text_document=identifier, edits=changes)]
        )
    else:
        edit = types.WorkspaceEdit(changes={document.uri: changes})
    try:
        answer = await server.workspace_apply_edit_async(
            types.ApplyWorkspaceEditParams(edit=edit, label=label)
        )
    except JsonRpcException:
        return False
    return answer.applied


def _applied(text: str, edits: Sequence[TextEdit]) -> str:
    for edit in sorted(edits, key=lambda e: e.span.start, reverse=True):
        text = text[: edit.span.start] + edit.new_text + text[edit.span.end :]
    return text


async def _settle(document: RunbookDocument, expected: str, seconds: float) -> bool:
    """Wait until the change that the edit caused has come back as ``didChange``."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while document.source != expected:
        if document.closed or not await document.wait_for_change(deadline - loop.time()):
            return False
    return True

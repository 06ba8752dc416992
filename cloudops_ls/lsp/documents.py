"""Open runbooks: their text, their parse, and places that survive edits."""

from __future__ import annotations

import asyncio
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

from lsprotocol import types
from pygls.workspace import TextDocument, Workspace

from cloudops_ls.runbook.text import Encoding, LineIndex, Span, TextEdit

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cloudops_ls.runbook.model import Runbook

RUNBOOK_SUFFIX = ".cloudops.md"

_PENDING_EDITS = 64
"""Above this many unparsed edits one full parse is cheaper."""


@dataclass(slots=True, eq=False, weakref_slot=True)
class Anchor:
    """A stretch of a document that moves with the edits around it.

    Attributes
    ----------
    span
        Where it is now.
    alive
        False once an edit has removed or cut into it from outside.
    """

    span: Span
    alive: bool = True

    def shift(self, edit: TextEdit) -> None:
        """Follow one edit."""
        start, end = self.span.start, self.span.end
        grown = len(edit.new_text) - (edit.span.end - edit.span.start)
        if edit.span.start >= end:
            return
        if edit.span.end <= start:
            self.span = Span(start + grown, end + grown)
        elif start <= edit.span.start and edit.span.end <= end:
            self.span = Span(start, end + grown)
            self.alive = self.alive and self.span.start < self.span.end
        else:
            self.alive = False


class RunbookDocument(TextDocument):
    """One open document with exact LSP positions and an incremental parse."""

    def __init__(
        self,
        uri: str,
        source: str | None,
        version: int | None,
        language_id: str | None,
        workspace: RunbookWorkspace,
    ) -> None:
        super().__init__(
            uri,
            source=source,
            version=version,
            language_id=language_id,
            position_codec=workspace.position_codec,
        )
        # An enumeration's member or plain text; UTF-16 where nothing was agreed on.
        negotiated = self.position_codec.encoding or Encoding.UTF16
        self.encoding = Encoding(getattr(negotiated, "value", negotiated))
        self.closed = False
        self.editing = asyncio.Lock()
        """Held while an edit of ours is on its way, so that they arrive one by one."""
        self.running: list[Anchor] = []
        """Commands that are being confirmed or run."""
        self._moved = asyncio.Event()
        self._index = LineIndex(source or "")
        self._parsed: Runbook | None = None
        self._pending: list[tuple[TextEdit, LineIndex]] = []
        self._anchors: weakref.WeakSet[Anchor] = weakref.WeakSet()

    @property
    def is_runbook(self) -> bool:
        """Whether the file name says that this is a runbook."""
        return self.uri.split("?")[0].split("#")[0].endswith(RUNBOOK_SUFFIX)

    @property
    def runbook(self) -> Runbook:
        """The parse of the current text, brought up to date on demand."""
        # The Markdown parser is not needed to answer ``initialize``.
        from cloudops_ls.runbook.parser import parse, reparse

        if self._parsed is None or len(self._pending) > _PENDING_EDITS:
            self._parsed = parse(self.source)
        else:
            for edit, lines in self._pending:
                self._parsed = reparse(self._parsed, edit, lines)
        self._pending.clear()
        return self._parsed

    async def wait_for_change(self, timeout_seconds: float) -> bool:
        """Wait for the next change; return whether one came in time."""
        try:
            await asyncio.wait_for(self._moved.wait(), timeout_seconds)
        except TimeoutError:
            return False
        return True

    def anchor(self, span: Span) -> Anchor:
        """Return a place that follows the document's edits for as long as it is held."""
        anchor = Anchor(span)
        self._anchors.add(anchor)
        return anchor

    def offset(self, position: types.Position) -> int:
        """Return the code-point offset of a client position, clamped to the text."""
        return self._index.offset(position.line, position.character, self.encoding)

    def position(self, offset: int) -> types.Position:
        """Return the client position of a code-point offset."""
        line, character = self._index.position(offset, self.encoding)
        return types.Position(line, character)

    def range(self, span: Span) -> types.Range:
        """Return the client range of a span."""
        return types.Range(self.position(span.start), self.position(span.end))

    def line_span(self, offset: int) -> Span:
        """Return the line around ``offset``, with its end."""
        line = self._index.line_of(offset)
        last = line + 1 >= self._index.line_count
        end = len(self.source) if last else self._index.line_start(line + 1)
        return Span(self._index.line_start(line), end)

    def line_before(self, offset: int) -> str:
        """Return the text of the line up to ``offset``."""
        return self.source[self._index.line_start(self._index.line_of(offset)) : offset]

    def text_edits(self, edits: Iterable[TextEdit]) -> list[types.TextEdit]:
        """Return LSP edits for edits of the current text."""
        return [types.TextEdit(self.range(edit.span), edit.new_text) for edit in edits]

    def apply_change(self, change: types.TextDocumentContentChangeEvent) -> None:
        """Apply one change of ``textDocument/didChange``."""
        if isinstance(change, types.TextDocumentContentChangePartial):
            start, end = self.offset(change.range.start), self.offset(change.range.end)
            edit = TextEdit(Span(start, max(start, end)), change.text)
        else:
            edit = smallest_edit(self.source, change.text)
        self._index = self._index.replace(edit)
        self._source = self._index.text
        if self._parsed is not None:
            self._pending.append((edit, self._index))
        for anchor in list(self._anchors):
            anchor.shift(edit)
        self._moved.set()
        self._moved = asyncio.Event()

    @property
    def lines(self) -> Sequence[str]:
        """The lines with their ends, split as LSP does."""
        starts = [self._index.line_start(n) for n in range(self._index.line_count)]
        return tuple(
            self.source[start:end]
            for start, end in zip(starts, [*starts[1:], len(self.source)], strict=True)
        )


def smallest_edit(old: str, new: str) -> TextEdit:
    """Return the edit between two whole texts, so that anchors elsewhere survive."""
    shortest = min(len(old), len(new))
    head = _common(old, new, shortest)
    tail = _common(old[::-1], new[::-1], shortest - head)
    return TextEdit(Span(head, len(old) - tail), new[head : len(new) - tail])


def _common(left: str, right: str, limit: int) -> int:
    """Return the length of the common prefix, by bisection over string comparison."""
    low, high = 0, limit
    while low < high:
        middle = (low + high + 1) // 2
        if left[:middle] == right[:middle]:
            low = middle
        else:
            high = middle - 1
    return low


class RunbookWorkspace(Workspace):
    """pygls' workspace with our documents in it."""

    def _create_text_document(
        self,
        doc_uri: str,
        source: str | None = None,
        version: int | None = None,
        language_id: str | None = None,
    ) -> RunbookDocument:
        return RunbookDocument(doc_uri, source, version, language_id, self)

    def open_runbook(self, uri: str) -> RunbookDocument | None:
        """Return the open document at ``uri`` if it is a runbook; never reads the disk."""
        document = self.text_documents.get(unquote(uri))
        if isinstance(document, RunbookDocument) and document.is_runbook:
            return document
        return None

    @property
    def open_runbooks(self) -> list[RunbookDocument]:
        """The runbooks that are open."""
        return [
            document
            for document in self.text_documents.values()
            if isinstance(document, RunbookDocument) and document.is_runbook
        ]

    def remove_text_document(self, doc_uri: str) -> None:
        """Close a document; those who still hold it see that it is closed."""
        document = self.text_documents.get(unquote(doc_uri))
        if isinstance(document, RunbookDocument):
            document.closed = True
        super().remove_text_document(doc_uri)

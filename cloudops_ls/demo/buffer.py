"""The text of one open file as an editor holds it: a cursor, versions, LSP positions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsprotocol import types

from cloudops_ls.runbook.text import Encoding, LineIndex

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


class Buffer:
    """One file in the editor.

    Attributes
    ----------
    cursor
        Code-point offset in ``text``; follows edits made before it.
    version
        Counts changes, as LSP wants.
    """

    def __init__(self, path: Path, encoding: Encoding = Encoding.UTF16) -> None:
        self.path = path
        self.uri = path.as_uri()
        self.text = path.read_text(encoding="utf-8")
        self.version = 1
        self.cursor = 0
        self.encoding = encoding

    def position(self, offset: int) -> types.Position:
        """Return the client position of an offset."""
        line, character = LineIndex(self.text).position(offset, self.encoding)
        return types.Position(line, character)

    def offset(self, position: types.Position) -> int:
        """Return the offset of a client position."""
        return LineIndex(self.text).offset(position.line, position.character, self.encoding)

    def insert(self, text: str) -> list[types.TextDocumentContentChangeEvent]:
        """Type ``text`` at the cursor; return the change to tell the server."""
        here = self.position(self.cursor)
        return self.apply([types.TextEdit(types.Range(here, here), text)])

    def apply(self, edits: Iterable[types.TextEdit]) -> list[types.TextDocumentContentChangeEvent]:
        """Apply edits that all mean the current text; return the changes, in their order.

        They are applied from the end of the file backwards, so that no edit moves another.
        """
        spans = sorted(
            ((self.offset(one.range.start), self.offset(one.range.end), one) for one in edits),
            key=lambda span: span[:2],
            reverse=True,
        )
        for start, end, edit in spans:
            self.text = self.text[:start] + edit.new_text + self.text[end:]
            if self.cursor >= end:
                self.cursor += len(edit.new_text) - (end - start)
            elif self.cursor > start:
                self.cursor = start + len(edit.new_text)
        if spans:
            self.version += 1
        return [
            types.TextDocumentContentChangePartial(range=edit.range, text=edit.new_text)
            for _, _, edit in spans
        ]

    def after(self, text: str) -> int:
        """Return the offset just after the first ``text``.

        Raises
        ------
        ValueError
            It is not in the buffer.
        """
        return self.text.index(text) + len(text)

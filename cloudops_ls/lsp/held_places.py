"""The place that a command names, held from the moment the command arrives.

A command is carried out when the server is ready for it. What is typed meanwhile moves the text
that the operator pointed at, and the place has to go with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lsprotocol import types

from cloudops_ls.errors import CloudOpsError
from cloudops_ls.runbook.text import Span

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cloudops_ls.lsp.documents import Anchor, RunbookDocument
    from cloudops_ls.lsp.session import Session


class HeldPlaces:
    """The arguments of a command, with their position and range as of their arrival.

    To be made before any later message is taken in. What is no valid place is left as it came.
    """

    def __init__(self, session: Session, arguments: Sequence[Any]) -> None:
        self._arguments = tuple(arguments)
        self._document: RunbookDocument | None = None
        self._held: dict[str, Anchor] = {}
        match self._arguments:
            case ({"uri": str(uri)} as given, *_):
                self._document = session.document(uri)
            case _:
                return
        if self._document is not None:
            for name, ends in (
                ("position", (given.get("position"),) * 2),
                ("range", _ends(given.get("range"))),
            ):
                offsets = [_offset(self._document, end) for end in ends]
                match offsets:
                    case [int(start), int(end)] if start <= end:
                        self._held[name] = self._document.anchor(Span(start, end))

    def now(self) -> tuple[Any, ...]:
        """Return the arguments, with the places where they are now.

        Raises
        ------
        CloudOpsError
            An edit has removed the place.
        """
        if self._document is None or not self._held:
            return self._arguments
        given = dict(self._arguments[0])
        for name, anchor in self._held.items():
            # A command that carries its text is found by that.
            if not anchor.alive and given.get("text") is None:
                raise CloudOpsError(
                    "The text was changed before the server could take the command up",
                    fix="Give the command again",
                )
            found = self._document.range(anchor.span)
            if name == "position":
                given[name] = _told(found.start)
            else:
                given[name] = {"start": _told(found.start), "end": _told(found.end)}
        return (given, *self._arguments[1:])


def _ends(given: object) -> tuple[object, object]:
    match given:
        case {"start": start, "end": end}:
            return start, end
    return None, None


def _offset(document: RunbookDocument, position: object) -> int | None:
    match position:
        case {"line": int(line), "character": int(character)} if line >= 0 and character >= 0:
            return document.offset(types.Position(line, character))
    return None


def _told(position: types.Position) -> dict[str, int]:
    return {"line": position.line, "character": position.character}

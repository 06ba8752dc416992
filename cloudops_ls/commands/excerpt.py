"""The part of a command's output that is held in memory; the whole is in the store."""

from __future__ import annotations

from collections import deque

HEAD = 262_144
"""Characters kept of the beginning."""
TAIL = 131_072
"""Characters kept of the end, at least."""


class Excerpt:
    """Beginning and end of a growing text; all of it as long as it is short.

    Parameters
    ----------
    head, tail
        Characters kept of either end.
    """

    def __init__(self, head: int = HEAD, tail: int = TAIL) -> None:
        self._head_room = head
        self._tail_room = tail
        self._head: list[str] = []
        self._head_length = 0
        self._tail: deque[str] = deque()
        self._tail_length = 0
        self.length = 0
        """Characters of the whole text."""
        self.line_ends = 0
        """Line ends of the whole text."""

    @classmethod
    def of(cls, text: str) -> Excerpt:
        """Return what is kept of a whole text."""
        made = cls()
        made.add(text)
        return made

    def add(self, text: str) -> None:
        """Let the text grow."""
        self.length += len(text)
        self.line_ends += text.count("\n")
        if self._head_length < self._head_room:
            taken = text[: self._head_room - self._head_length]
            self._head.append(taken)
            self._head_length += len(taken)
            text = text[len(taken) :]
        if not text:
            return
        self._tail.append(text[-self._tail_room :])
        self._tail_length += len(self._tail[-1])
        while self._tail_length - len(self._tail[0]) >= self._tail_room:
            self._tail_length -= len(self._tail.popleft())

    @property
    def head(self) -> str:
        """The beginning."""
        return "".join(self._head)

    @property
    def tail(self) -> str:
        """The end, without what `head` has; it may begin within a line."""
        return "".join(self._tail)

    @property
    def whole(self) -> bool:
        """Whether nothing is left out."""
        return self._head_length + self._tail_length == self.length

    @property
    def left_out(self) -> int:
        """Characters between `head` and `tail`."""
        return self.length - self._head_length - self._tail_length

    @property
    def text(self) -> str:
        """What is kept, with a line that says so where something is left out."""
        return self.text_with()

    def text_with(self, pointer: str = "") -> str:
        """Return `text`; the line says ``pointer`` too, which is where the whole is."""
        if self.whole:
            return self.head + self.tail
        left_out = f"{self.left_out:,} characters left out"
        return f"{self.head}\n… {'; '.join(filter(None, (left_out, pointer)))} …\n{self.tail}"

    @property
    def last_line(self) -> str:
        """The last line that is not blank, as far as the last pieces hold it."""
        pieces = self._tail or self._head
        recent = "".join(pieces[at] for at in range(-min(2, len(pieces)), 0))
        rows = [row for row in recent.rstrip().rsplit("\n", 2) if row.strip()]
        return rows[-1] if rows else ""

    def __bool__(self) -> bool:
        """Whether there is anything but blanks."""
        return bool(self.head.strip() or self.tail.strip())

"""The buffer of the demo's editor does with edits what editors do."""

from __future__ import annotations

import pytest
from lsprotocol import types

from cloudops_ls.demo.buffer import Buffer
from cloudops_ls.runbook.text import Encoding


def position(line: int, character: int) -> types.Position:
    return types.Position(line, character)


def edit(start: tuple[int, int], end: tuple[int, int], text: str) -> types.TextEdit:
    return types.TextEdit(types.Range(position(*start), position(*end)), text)


@pytest.fixture
def buffer(tmp_path) -> Buffer:
    path = tmp_path / "x.cloudops.md"
    path.write_text("# 🛑 Stop\n\nStop web-1.\n", encoding="utf-8")
    return Buffer(path)


def test_positions_count_utf_16_units(buffer) -> None:
    assert buffer.position(buffer.after("🛑")) == position(0, 4)
    assert buffer.offset(position(0, 4)) == 3


def test_positions_follow_another_encoding(buffer) -> None:
    buffer.encoding = Encoding.UTF8
    assert buffer.position(buffer.after("🛑")) == position(0, 6)


def test_typing_inserts_at_the_cursor_and_moves_it(buffer) -> None:
    buffer.cursor = buffer.after("# 🛑")
    (change,) = buffer.insert("!")
    assert buffer.text.startswith("# 🛑! Stop")
    assert buffer.cursor == 4
    assert buffer.version == 2
    assert change == types.TextDocumentContentChangePartial(
        range=types.Range(position(0, 4), position(0, 4)), text="!"
    )


def test_edits_all_mean_the_text_before_any_of_them(buffer) -> None:
    buffer.apply([edit((0, 0), (0, 2), ""), edit((2, 0), (2, 4), "Start")])
    assert buffer.text == "🛑 Stop\n\nStart web-1.\n"


def test_the_changes_replayed_one_by_one_give_the_same_text(buffer) -> None:
    before = buffer.text
    changes = buffer.apply(
        [
            edit((0, 0), (0, 0), "---\n"),
            edit((2, 11), (2, 11), "\n> yes\n"),
            edit((1, 0), (1, 0), "x"),
        ]
    )
    after, buffer.text = buffer.text, before
    for change in changes:
        assert isinstance(change, types.TextDocumentContentChangePartial)
        start, end = buffer.offset(change.range.start), buffer.offset(change.range.end)
        buffer.text = buffer.text[:start] + change.text + buffer.text[end:]
    assert buffer.text == after


def test_the_cursor_stays_with_the_text_it_stands_at(buffer) -> None:
    buffer.cursor = buffer.after("web-1")
    buffer.apply([edit((0, 0), (0, 0), "---\nconversation: x\n---\n")])
    assert buffer.text[: buffer.cursor].endswith("web-1")
    buffer.apply([edit((6, 0), (6, 0), "later\n")])
    assert buffer.text[: buffer.cursor].endswith("web-1")

from __future__ import annotations

from time import process_time
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudops_ls.runbook import blocks as module
from cloudops_ls.runbook.blocks import Block, BlockKind, BlockList, read_blocks
from cloudops_ls.runbook.parser import parse, reparse
from cloudops_ls.runbook.text import LineIndex, Span, TextEdit

from .strategies import edits, markdown


def whole(lines: LineIndex, first: int = 0) -> BlockList:
    """Read all blocks in one window: markdown-it on the whole text."""
    found = module._read_window(lines, first, lines.line_count)
    return BlockList([start for start, _ in found], [block for _, block in found])


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("prose", BlockKind.PARAGRAPH),
        ("![a](b)\n![c][d]", BlockKind.IMAGE),
        ("see ![a](b)", BlockKind.PARAGRAPH),
        ("Title\n===", BlockKind.HEADING),
        ("1. one", BlockKind.LIST),
        ("a|b\n-|-", BlockKind.TABLE),
        ("> q", BlockKind.QUOTE),
        ("~~~", BlockKind.FENCE),
        ("    code", BlockKind.CODE),
        ("<!-- x -->", BlockKind.HTML),
        ("***", BlockKind.RULE),
        ("[a]: b", BlockKind.DEFINITION),
        ("\ufeff# Title", BlockKind.HEADING),
    ],
)
def test_each_kind_of_block(text: str, kind: BlockKind) -> None:
    assert [block.kind for block in read_blocks(LineIndex(text), 0).blocks] == [kind]


@pytest.mark.parametrize(
    ("text", "height", "closed"),
    [
        ("```\nx\n```", 3, True),
        ("```\nx\n````  ", 3, True),
        ("````\nx\n```", 3, False),
        ("```", 1, False),
        ("```\n~~~", 2, False),
        ("```\n    ```", 2, False),
    ],
)
def test_a_fence_knows_whether_it_is_closed(text: str, height: int, closed: bool) -> None:
    assert read_blocks(LineIndex(text), 0).blocks == [
        Block(BlockKind.FENCE, height, "", len(text.split("\n")[0]), closed)
    ]


def test_blank_lines_below_a_list_are_not_part_of_it() -> None:
    assert read_blocks(LineIndex("- a\n\n\nb"), 0) == BlockList(
        [0, 3], [Block(BlockKind.LIST, 1), Block(BlockKind.PARAGRAPH, 1)]
    )


def test_link_targets_that_cannot_be_encoded_do_no_harm() -> None:
    assert len(read_blocks(LineIndex("[a]: https://\ud800\n[b]: javascript:x"), 0).blocks) == 2


@pytest.mark.parametrize(
    ("mark", "kind"), [("- ", BlockKind.LIST), ("> ", BlockKind.QUOTE), ("> 1. ", BlockKind.QUOTE)]
)
def test_deep_nesting_does_not_swallow_what_follows(mark: str, kind: BlockKind) -> None:
    text = mark * 80 + "x\n\nafter"
    assert [block.kind for block in read_blocks(LineIndex(text), 0).blocks] == [
        kind,
        BlockKind.PARAGRAPH,
    ]


def test_deep_quotes_do_not_make_parsing_slow() -> None:
    def seconds(text: str) -> float:
        start = process_time()
        parse(text)
        return process_time() - start

    lines = "x\n" * 1000
    assert seconds("> " * 80 + lines) < 20 * seconds("> " + lines)


@given(text=markdown(60), window=st.integers(1, 12))
@settings(max_examples=200, deadline=None)
def test_reading_in_windows_finds_what_markdown_it_finds_in_the_whole(
    text: str, window: int
) -> None:
    lines = LineIndex(text)
    with patch.object(module, "_WINDOW", window):
        assert read_blocks(lines, 0) == whole(lines)


@given(data=st.data(), text=markdown(60), window=st.integers(1, 12))
@settings(max_examples=300, deadline=None)
def test_a_runbook_after_edits_is_the_runbook_of_the_new_text(
    data: st.DataObject, text: str, window: int
) -> None:
    runbook = parse(text)
    with patch.object(module, "_SMALLEST_WINDOW", window):
        for _ in range(3):
            runbook = reparse(runbook, data.draw(edits(runbook.text)))
            fresh = parse(runbook.text)
            first = fresh.front_matter.first_line if fresh.front_matter else 0
            assert runbook == fresh
            assert runbook.blocks == whole(runbook.lines, first)
            assert runbook.turns == fresh.turns
            assert runbook.command_blocks == fresh.command_blocks


def test_opening_and_closing_a_fence_turns_prose_into_code_and_back() -> None:
    before = parse("one\n\ntwo\n\nthree\n")
    opened = reparse(before, TextEdit(Span(5, 5), "```\n"))
    assert [turn.text for turn in opened.user_turns] == ["one"]
    closed = reparse(opened, TextEdit(Span(5, 9), ""))
    assert closed == before


def test_an_edit_outside_the_text_is_refused() -> None:
    with pytest.raises(ValueError, match="leaves the text"):
        reparse(parse("a"), TextEdit(Span(0, 2), ""))

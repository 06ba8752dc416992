from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudops_ls.runbook.text import Encoding, LineIndex, Span, TextEdit, apply_edits

from .strategies import edits, markdown

_CODECS = {Encoding.UTF8: ("utf-8", 1), Encoding.UTF16: ("utf-16-le", 2)}


def units(text: str, encoding: Encoding) -> int:
    if encoding is Encoding.UTF32:
        return len(text.encode("utf-32-le", "surrogatepass")) // 4
    codec, width = _CODECS[encoding]
    return len(text.encode(codec, "surrogatepass")) // width


def test_lines_end_at_lf_crlf_and_cr_only() -> None:
    index = LineIndex("a\nb\r\nc\rd\fe\x85f\u2028g\n")
    spans = [(index.line_start(n), index.line_end(n)) for n in range(index.line_count)]
    contents = [index.text[start:end] for start, end in spans]
    assert contents == [
        "a",
        "b",
        "c",
        "d\fe\x85f\u2028g",
        "",
    ]
    assert [index.terminator(n) for n in range(index.line_count)] == ["\n", "\r\n", "\r", "\n", ""]


@pytest.mark.parametrize(
    ("encoding", "character"), [(Encoding.UTF8, 9), (Encoding.UTF16, 5), (Encoding.UTF32, 4)]
)
def test_a_character_counts_in_the_clients_units(encoding: Encoding, character: int) -> None:
    index = LineIndex("\n😀e\u0301é|")
    assert index.position(5, encoding) == (1, character)
    assert index.offset(1, character, encoding) == 5


@pytest.mark.parametrize("encoding", list(Encoding))
def test_positions_outside_the_text_clamp(encoding: Encoding) -> None:
    index = LineIndex("ab\r\ncd")
    assert index.offset(0, 99, encoding) == 2
    assert index.offset(9, 0, encoding) == 6
    assert index.offset(-1, 5, encoding) == 0
    assert index.offset(1, -3, encoding) == 4
    assert index.position(99, encoding) == (1, 2)


@pytest.mark.parametrize("encoding", [Encoding.UTF8, Encoding.UTF16])
def test_a_position_inside_a_character_is_its_beginning(encoding: Encoding) -> None:
    index = LineIndex("a😀b")
    assert index.offset(0, 2, encoding) == 1


@given(text=markdown(), encoding=st.sampled_from(Encoding))
@settings(max_examples=200, deadline=None)
def test_positions_round_trip_and_match_encode(text: str, encoding: Encoding) -> None:
    index = LineIndex(text)
    for line in range(index.line_count):
        start, end = index.line_start(line), index.line_end(line)
        for offset in range(start, end + 1):
            position = index.position(offset, encoding)
            assert position == (line, units(text[start:offset], encoding))
            assert index.offset(*position, encoding) == offset


@given(data=st.data(), text=markdown())
@settings(max_examples=200, deadline=None)
def test_an_index_after_an_edit_is_the_index_of_the_new_text(
    data: st.DataObject, text: str
) -> None:
    index = LineIndex(text * 40)
    for _ in range(3):
        edit = data.draw(edits(index.text))
        index = index.replace(edit)
        fresh = LineIndex(index.text)
        lines = range(fresh.line_count + 1)
        assert index.line_count == fresh.line_count
        assert [index.line_start(n) for n in lines] == [fresh.line_start(n) for n in lines]
        probe = data.draw(st.integers(0, len(index.text)))
        assert index.line_of(probe) == fresh.line_of(probe)


@given(data=st.data(), text=markdown())
@settings(max_examples=100, deadline=None)
def test_an_edit_changes_nothing_outside_its_span(data: st.DataObject, text: str) -> None:
    edit = data.draw(edits(text))
    after = apply_edits(text, [edit])
    assert after == text[: edit.span.start] + edit.new_text + text[edit.span.end :]
    assert LineIndex(text).replace(edit).text == after


def test_edits_refer_to_the_text_before_any_of_them() -> None:
    later, earlier = TextEdit(Span(3, 4), "D"), TextEdit(Span(0, 1), "long")
    assert apply_edits("abcd", [later, earlier]) == "longbcD"


@pytest.mark.parametrize("edits_", [[(0, 2), (1, 3)], [(2, 9)], [(3, 1)]])
def test_overlapping_or_stray_edits_are_refused(edits_: list[tuple[int, int]]) -> None:
    with pytest.raises(ValueError, match="edit"):
        apply_edits("abcd", [TextEdit(Span(*span), "") for span in edits_])

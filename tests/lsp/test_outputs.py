"""What of a command's output goes into the file."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudops_ls.commands.excerpt import Excerpt
from cloudops_ls.lsp.outputs import cut, language_of, smallest
from cloudops_ls.runbook.text import Span, TextEdit, apply_edits


@settings(deadline=None)
@given(st.lists(st.text(alphabet="abc 123", max_size=5), max_size=50), st.integers(1, 60))
def test_short_output_stays_and_long_output_keeps_both_ends(rows: list[str], lines: int) -> None:
    content = "\n".join(rows).rstrip("\n")
    excerpt = Excerpt.of(content)
    shown = cut(excerpt, lines, "01ID")
    rows = content.split("\n")
    if len(rows) <= lines:
        assert shown == content
        return
    kept = shown.split("\n")
    assert len(kept) == lines + 1
    assert "01ID" in kept[lines // 2]
    assert f"{len(rows) - lines:,} lines left out" in kept[lines // 2]
    assert kept[: lines // 2] == rows[: lines // 2]
    assert kept[lines // 2 + 1 :] == rows[len(rows) - (lines - lines // 2) :]


def test_one_endless_line_is_cut_too() -> None:
    shown = cut(Excerpt.of("x" * 10_000_000), 200, "01ID")
    assert len(shown) < 70_000
    assert "9,934,464 characters left out" in shown and "01ID" in shown


def test_of_an_output_that_nobody_holds_whole_both_ends_are_shown() -> None:
    excerpt = Excerpt()
    for number in range(1_000_000):
        excerpt.add(f"line {number}\n")
    assert len(excerpt.head) + len(excerpt.tail) < 500_000
    kept = cut(excerpt, 10, "01ID").split("\n")
    assert kept[:5] == [f"line {number}" for number in range(5)]
    assert kept[5].startswith("… 999,990 lines left out")
    assert kept[6:] == [f"line {number}" for number in range(999_995, 1_000_000)]
    assert language_of(excerpt) == "text"


@given(st.lists(st.text(alphabet="ab\n", max_size=9)), st.integers(1, 12), st.integers(1, 12))
def test_an_excerpt_is_the_beginning_and_the_end(pieces: list[str], head: int, tail: int) -> None:
    excerpt = Excerpt(head, tail)
    for piece in pieces:
        excerpt.add(piece)
    text = "".join(pieces)
    assert text.startswith(excerpt.head) and text.endswith(excerpt.tail)
    assert excerpt.length == len(text) == len(excerpt.head) + excerpt.left_out + len(excerpt.tail)
    assert excerpt.line_ends == text.count("\n")
    assert excerpt.whole == (excerpt.left_out == 0)
    assert excerpt.whole or len(excerpt.tail) >= tail
    assert not excerpt.whole or excerpt.text == text


@pytest.mark.parametrize(
    ("content", "language"),
    [
        ('{"a": [1]}\n', "json"),
        ("[]", "json"),
        ("", "text"),
        ("{not json", "text"),
        ("plain\ntext", "text"),
        ('"a string"', "text"),
        ("[" * 100_000, "text"),
    ],
)
def test_json_is_marked_as_such(content: str, language: str) -> None:
    assert language_of(Excerpt.of(content)) == language


LINES = st.lists(st.sampled_from(["a", "b", "é😀", "", "```"]), max_size=6)


@settings(deadline=None)
@given(LINES, LINES, st.sampled_from(["\n", "\r\n"]))
def test_an_edit_changes_only_what_is_different(
    before: list[str], after: list[str], newline: str
) -> None:
    old, new = newline.join(before), newline.join(after)
    text = f"above{newline}{old}{newline}below"
    span = Span(5 + len(newline), 5 + len(newline) + len(old))
    edit = smallest(TextEdit(span, new), text)
    assert apply_edits(text, [edit]) == text[: span.start] + new + text[span.end :]
    assert edit.span.end - edit.span.start <= len(old)
    for place in (edit.span.start, edit.span.end):
        assert text[max(place - 1, 0) : place + 1] != "\r\n"


def test_output_that_grows_is_an_insertion() -> None:
    text = "```text\none\n```"
    edit = smallest(TextEdit(Span(0, len(text)), "```text\none\ntwo\n```"), text)
    assert edit == TextEdit(Span(12, 12), "two\n")

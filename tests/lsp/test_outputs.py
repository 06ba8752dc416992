"""What of a command's output goes into the file."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudops_ls.lsp.outputs import cut, language_of


@given(st.lists(st.text(alphabet="abc 123", max_size=5), max_size=50), st.integers(1, 60))
def test_short_output_stays_and_long_output_keeps_both_ends(rows: list[str], lines: int) -> None:
    content = "\n".join(rows).rstrip("\n")
    shown = cut(content, lines, "01ID")
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
    shown = cut("x" * 10_000_000, 200, "01ID")
    assert len(shown) < 70_000
    assert "characters left out" in shown and "01ID" in shown


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
    assert language_of(content) == language

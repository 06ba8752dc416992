from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudops_ls.runbook.edits import set_front_matter
from cloudops_ls.runbook.parser import parse
from cloudops_ls.runbook.text import apply_edits

from .strategies import markdown


def read(text: str) -> tuple[dict[str, str], list[str]]:
    matter = parse(text).front_matter
    assert matter is not None
    return dict(matter.values), [problem.message for problem in matter.problems]


def after_setting(text: str, key: str, value: str) -> str:
    return apply_edits(text, [set_front_matter(parse(text), key, value)])


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("profile: production", "production"),
        ("profile:   production  # the main one", "production"),
        ("profile: a#b", "a#b"),
        ('profile: "a \\"b\\" \\u00e9" # note', 'a "b" é'),
        ("profile: 'it''s'", "it's"),
        ("profile:", ""),
        ("profile: # none", ""),
        ("profile: a: b", "a: b"),
        ("profile: 123456789012", "123456789012"),
    ],
)
def test_flat_scalars(line: str, value: str) -> None:
    assert read(f"---\n{line}\n---\n") == ({"profile": value}, [])


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("close", ["---", "...", "---  "])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_what_ends_front_matter(newline: str, close: str, mark: str) -> None:
    text = mark + newline.join(("---", "# comment", "", "a: b", close, "prose"))
    runbook = parse(text)
    assert runbook.front_matter is not None
    assert runbook.front_matter.values == {"a": "b"}
    assert runbook.front_matter.span.of(text).endswith(close)
    assert [turn.text for turn in runbook.user_turns] == ["prose"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a: b",
        " ---\na: b\n---",
        "---",
        "---\n\nprose\n\n---\n",
        "\n---\na: b\n---",
        "---\n# a\nb",
    ],
)
def test_texts_without_front_matter(text: str) -> None:
    matter = parse(text).front_matter
    assert matter is None or text.startswith("---\n# a")


def test_a_missing_end_is_a_problem_and_the_values_count() -> None:
    runbook = parse("---\nprofile: a\nregion: b\n\n# Title\n\nprose\n\n---\n\nmore\n")
    assert runbook.front_matter is not None
    assert not runbook.front_matter.closed
    assert runbook.front_matter.values == {"profile": "a", "region": "b"}
    assert [turn.text for turn in runbook.user_turns] == ["prose", "more"]
    assert [p.message for p in runbook.front_matter.problems] == ["The closing --- is missing"]


def test_the_last_of_repeated_keys_counts() -> None:
    values, problems = read("---\nprofile: a\nprofile: b\n---\n")
    assert values == {"profile": "b"}
    assert problems == ["profile is set more than once; the last value counts"]


@pytest.mark.parametrize(
    "value",
    [
        "[a, b]",
        "{a: b}",
        "|\n  text",
        "\n  - a\n  - b",
        "\n- a",
        "x\n  y",
        '"open',
        "'a' b",
        '"\\q"',
    ],
)
def test_what_is_no_scalar_is_a_problem_and_not_used(value: str) -> None:
    values, problems = read(f"---\nprofile: {value}\nregion: r\n---\n")
    assert values == {"region": "r"}
    assert problems == ["profile is not a plain text value, so it is not used"]


def test_a_line_of_another_form_is_a_problem() -> None:
    assert read("---\na: b\nnonsense\n---\n") == (
        {"a": "b"},
        ["This line is not of the form key: value"],
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "---\na: x # keep\nprofile:   old   # why\n---\n",
            "---\na: x # keep\nprofile:   new   # why\n---\n",
        ),
        ("---\nprofile: 'old'\n---\n", "---\nprofile: 'new'\n---\n"),
        ('---\nprofile: "old" # n\n---\n', '---\nprofile: "new" # n\n---\n'),
        ("---\nprofile:\n---\n", "---\nprofile: new\n---\n"),
        ("---\nprofile: # none\n---\n", "---\nprofile: new # none\n---\n"),
        ("---\nprofile:\n  - a\n\nb: c\n---\n", "---\nprofile: new\n\nb: c\n---\n"),
        ("---\nprofile: a\nprofile: b\n---\n", "---\nprofile: a\nprofile: new\n---\n"),
        ("---\na: b\n---\nprose", "---\na: b\nprofile: new\n---\nprose"),
        ("---\r\na: b\r\n---\r\nprose", "---\r\na: b\r\nprofile: new\r\n---\r\nprose"),
        ("---\na: b\n\nprose", "---\na: b\nprofile: new\n\nprose"),
        ("---\n---", "---\nprofile: new\n---"),
        ("", "---\nprofile: new\n---\n"),
        ("\ufeff", "\ufeff---\nprofile: new\n---\n"),
        ("\ufeff# T\r\n", "\ufeff---\r\nprofile: new\r\n---\r\n\r\n# T\r\n"),
        ("\nprose", "---\nprofile: new\n---\n\nprose"),
        ("---\n\nprose", "---\nprofile: new\n---\n\n---\n\nprose"),
    ],
)
def test_setting_a_key_changes_its_value_alone(before: str, after: str) -> None:
    assert after_setting(before, "profile", "new") == after


@pytest.mark.parametrize("key", ["", "a b", "a:", "1", "é", "a\n"])
def test_a_key_that_could_not_be_read_back_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="not a front matter key"):
        set_front_matter(parse(""), key, "x")


@given(
    text=st.one_of(markdown(8), markdown(8).map("---\n".__add__)),
    key=st.sampled_from(["profile", "conversation", "new-key"]),
    value=st.one_of(
        st.sampled_from(["production", "true", "", "a: b # c", "'", '"', "line\nbreak", "---"]),
        st.text(max_size=12),
    ),
)
@settings(max_examples=300, deadline=None)
def test_a_value_set_is_read_back_and_all_else_stays(text: str, key: str, value: str) -> None:
    before = parse(text)
    edit = set_front_matter(before, key, value)
    after = parse(apply_edits(text, [edit]))
    assert after.front_matter is not None
    old = dict(before.front_matter.values) if before.front_matter else {}
    assert dict(after.front_matter.values) == old | {key: value}
    assert after.text[: edit.span.start] == text[: edit.span.start]
    assert after.text.endswith(text[edit.span.end :])
    assert [turn.text for turn in after.user_turns] == [turn.text for turn in before.user_turns]
    again = set_front_matter(after, key, value)
    assert apply_edits(after.text, [again]) == after.text

"""Values from one step in another: always data, never more."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudops_ls.commands.placeholders import (
    Placeholder,
    PlaceholderError,
    fill,
    placeholders,
    value_in,
)
from cloudops_ls.commands.shell import split

OUTPUT = json.dumps(
    {
        "Snapshot": {"SnapshotId": "snap-1", "Size": 5, "Encrypted": True, "Tags": []},
        "Tags": [{"Key": "Name", "Value": "web"}],
        "Evil": "x --force",
        "None": None,
    }
)


def filled(text: str, output: str = OUTPUT) -> str:
    return fill(text, lambda each: value_in(output, each)).text


def test_placeholders_are_found_with_their_step_and_path() -> None:
    text = "aws x --a {{1.Snapshot.SnapshotId}} --b '{{ 12 }}' --c {1} {{0.a}} {{x}}"
    first, second = placeholders(text)
    assert (first.step, first.path) == (1, "Snapshot.SnapshotId")
    assert text[first.start : first.end] == first.text == "{{1.Snapshot.SnapshotId}}"
    assert (second.step, second.path) == (12, None)
    assert placeholders("aws ec2 describe-instances --query 'a.{b: c}'") == ()


@pytest.mark.parametrize(
    ("text", "argv"),
    [
        ("aws x --id {{1.Snapshot.SnapshotId}}", ("aws", "x", "--id", "snap-1")),
        ("aws x --n {{1.Snapshot.Size}} --e {{1.Snapshot.Encrypted}}", None),
        ("aws x --id 'a {{1.Snapshot.SnapshotId}}-{{1.Snapshot.Size}} b'", None),
        ("aws x --tag \"{{1.Tags[?Key=='Name'].Value | [0]}}\"", ("aws", "x", "--tag", "web")),
        ("aws x \\\n --id {{1.Snapshot.SnapshotId}}", ("aws", "x", "--id", "snap-1")),
    ],
)
def test_values_are_filled_into_the_words_where_they_stand(
    text: str, argv: tuple[str, ...] | None
) -> None:
    found = split(filled(text)).argv
    if argv is not None:
        assert found == argv


def test_a_command_without_placeholders_is_left_as_it_is() -> None:
    text = "aws  x   --query 'a b'"
    assert filled(text) == text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("aws x {{1.Nothing}}", "has no value"),
        ("aws x {{1.None}}", "has no value"),
        ("aws x {{1.Tags}}", "single value"),
        ("aws x {{1.Snapshot}}", "single value"),
        ("aws x {{1.a[}}", "no JMESPath"),
        ("aws x {{1.Snapshot.SnapshotId}} | y", "pipe"),
    ],
)
def test_what_cannot_be_filled_in_says_why(text: str, reason: str) -> None:
    with pytest.raises(PlaceholderError, match=reason):
        filled(text)


def test_an_output_that_is_no_json_can_only_be_taken_whole() -> None:
    with pytest.raises(PlaceholderError, match="not JSON"):
        filled("aws x {{1.a}}", "snap-1\n")
    assert filled("aws x {{1}}", "snap-1\n") == "aws x snap-1"


EVIL = [
    "--force",
    "-x",
    "file:///etc/passwd",
    "FILEB://x",
    "a,Value=b",
    '{"a": 1}',
    "[1]",
    "a\nb",
    "a\x00b",
    "a\u202eb",
    "$(id)",
    "`id`",
    "a;b",
    "a'b",
    "*",
    "x" * 3000,
]


@pytest.mark.parametrize("value", EVIL)
def test_a_value_that_could_be_more_than_one_is_refused(value: str) -> None:
    with pytest.raises(PlaceholderError):
        filled("aws x --id {{1.v}}", json.dumps({"v": value}))


@settings(deadline=None)
@given(value=st.text(max_size=30), before=st.sampled_from(["", "a", "k="]))
def test_whatever_is_filled_in_stays_within_its_word(value: str, before: str) -> None:
    def value_of(_placeholder: Placeholder) -> str:
        return value

    try:
        found = fill(f"aws x --id '{before}{{{{1.v}}}}' --last y", value_of)
    except PlaceholderError:
        return
    assert split(found.text).argv == ("aws", "x", "--id", before + value, "--last", "y")
    assert not (before + value).startswith("-")
    assert found.values == (("{{1.v}}", value),)

"""Whatever is written: no shell, no second argument, and what was checked is what would run."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cloudops_ls.commands.check import CommandChecker
from cloudops_ls.commands.errors import CommandError
from cloudops_ls.commands.model import CommandContext
from cloudops_ls.commands.shell import split

if TYPE_CHECKING:
    from cloudops_ls.commands.classify import Classifier
    from cloudops_ls.commands.parser import CommandParser

CONTEXT = CommandContext(profile="production", region="us-west-2", account_id="111111111111")
PLACE = ("--profile", "production", "--region", "us-west-2")
VALUES = st.text(
    alphabet=st.one_of(
        st.sampled_from(list("ab-= '\"\\;|&<>$`()*?[]{}~#!%,.:/@\n")),
        st.characters(exclude_categories=("Cs", "Cc", "Cf")),
    ),
    min_size=1,
    max_size=30,
)
PIECES = st.sampled_from(
    [
        *("aws", "s3", "rds", "ec2", "ls", "rm", "stop-db-instance", "describe-instances"),
        *("--db-instance-identifier", "--instance-ids", "--profile", "--region", "--query"),
        *("x", "s3://b/k", "i-1", "'a b'", '"c"', "\\\n", "--output", "json", "--", "-", ";", "|"),
        *("$X", "`id`", "$(id)", ">", "&&", "*", "#", "file:///etc/passwd", "--debug", "''"),
    ]
)


@pytest.fixture(scope="module")
def checker(parser: CommandParser, classifier: Classifier) -> CommandChecker:
    return CommandChecker(parser, classifier, lambda _name: [])


@settings(max_examples=200, deadline=None)
@example(value="$(touch /tmp/x)")
@example(value="a --force")
@example(value="a\n--force")
@example(value="--force")
@example(value="file:///etc/passwd")
@given(value=VALUES)
def test_a_quoted_value_stays_one_argument_and_nothing_else(
    checker: CommandChecker, value: str
) -> None:
    text = f"aws rds stop-db-instance --db-instance-identifier={shlex.quote(value)}"
    try:
        checked = checker.check(text, CONTEXT)
    except CommandError:
        return
    assert checked.argv == (
        *("aws", "rds", "stop-db-instance", f"--db-instance-identifier={value}"),
        *PLACE,
    )
    if not checked.files:
        assert checked.parameters == {"DBInstanceIdentifier": value}


@settings(max_examples=300, deadline=None)
@example(pieces=["aws", "s3", "ls", ";", "rm"])
@given(pieces=st.lists(PIECES, max_size=10))
def test_what_is_accepted_is_what_was_written_and_reads_the_same_again(
    checker: CommandChecker, parser: CommandParser, pieces: list[str]
) -> None:
    text = " ".join(pieces)
    try:
        checked = checker.check(text, CONTEXT)
    except CommandError as error:
        assert error.span is None or 0 <= error.span[0] <= error.span[1] <= len(text)
        return
    words = split(text).argv
    added = checked.argv[len(words) :]
    assert checked.argv[: len(words)] == words
    assert set(added[::2]) <= {"--profile", "--region"}
    assert set(added[1::2]) <= {"production", "us-west-2"}
    # The shell that is not there would have nothing to do.
    assert tuple(shlex.split(shlex.join(checked.argv))) == checked.argv
    again = parser.parse(checked.argv)
    assert (again.command, again.parameters) == (checked.command, checked.parameters)
    assert (again.options.profile, again.options.region) == (checked.profile, checked.region)
    assert checked.argv.count("aws") >= 1
    assert checked.argv[0] == "aws"


@settings(max_examples=300, deadline=None)
@given(text=st.text(max_size=60) | st.text(max_size=40).map("aws ".__add__))
def test_no_text_breaks_the_check(checker: CommandChecker, text: str) -> None:
    try:
        checker.check(text, CONTEXT)
    except CommandError as error:
        assert str(error)
        assert "Traceback" not in str(error)

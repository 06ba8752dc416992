"""Which words may come next in a command."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cloudops_ls.commands.check import CommandChecker

if TYPE_CHECKING:
    from cloudops_ls.commands.classify import Classifier
    from cloudops_ls.commands.parser import CommandParser


@pytest.mark.parametrize(
    ("before", "typed", "first"),
    [
        ("aws", "rd", "rds"),
        ("aws", "s3", "s3"),
        ("aws rds", "stop-db-i", "stop-db-instance"),
        ("aws rds", "wait", "wait"),
        ("aws ec2 wait", "instance-r", "instance-running"),
        ("aws s3", "sy", "sync"),
        ("aws s3 cp", "--rec", "--recursive"),
        ("aws s3 cp --acl", "", "private"),
        # What is required comes first.
        ("aws rds stop-db-instance", "--", "--db-instance-identifier"),
        ("aws rds stop-db-instance", "", "--db-instance-identifier"),
        ("aws rds stop-db-instance --db-instance-identifier x", "--db", "--db-snapshot-identifier"),
        ("aws ec2 run-instances --instance-type", "m5.xl", "m5.xlarge"),
        ("aws rds describe-db-instances", "--outp", "--output"),
        ("aws rds describe-db-instances --output", "t", "text"),
        ("aws --output json rds", "stop-db-i", "stop-db-instance"),
        ("aws cloudformation deploy", "--stack", "--stack-name"),
        ("aws rds", "db-instances", "describe-db-instances"),
        # Nobody knows.
        ("aws rds stop-db-instance --db-instance-identifier", "", None),
        ("aws ec2 describe-instances --instance-ids i-1", "web", None),
        ("aws nope x", "", None),
        ("aws rds", "zzz", None),
    ],
)
def test_the_next_word(parser: CommandParser, before: str, typed: str, first: str | None) -> None:
    words = parser.next_words(before.split(), typed, 20)
    assert (words[0].text if words else None) == first


def test_operations_say_what_they_do(parser: CommandParser, classifier: Classifier) -> None:
    checker = CommandChecker(parser, classifier, lambda _name: [])

    def detail(before: str, typed: str) -> str:
        return checker.next_words(before.split(), typed, 1)[0].detail

    assert detail("aws rds", "stop-db-instance") == "write · StopDBInstance"
    assert detail("aws s3api", "delete-objects") == "destructive · DeleteObjects"
    assert detail("aws ec2", "describe-instances") == "read · DescribeInstances"
    assert detail("aws rds stop-db-instance", "--db-i").startswith("required string")

"""Which waiter sees a command through."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from cloudops_ls.commands.check import CommandChecker
from cloudops_ls.commands.model import AccessLevel, CommandContext
from cloudops_ls.commands.waiters import Waiters

if TYPE_CHECKING:
    from cloudops_ls.commands.classify import Classifier
    from cloudops_ls.commands.parser import CommandParser

RAN = [
    ("ec2 stop-instances --instance-ids i-1 i-2", {}, "ec2 wait instance-stopped"),
    ("ec2 terminate-instances --instance-ids i-1", {}, "ec2 wait instance-terminated"),
    (
        "ec2 run-instances --image-id ami-1",
        {"Instances": [{"InstanceId": "i-9", "VpcId": "vpc-1"}]},
        "ec2 wait instance-running",
    ),
    (
        "ec2 create-snapshot --volume-id vol-1",
        {"SnapshotId": "snap-1", "VolumeId": "vol-1"},
        "ec2 wait snapshot-completed",
    ),
    (
        "rds create-db-snapshot --db-instance-identifier a --db-snapshot-identifier s",
        {},
        "rds wait db-snapshot-available",
    ),
    (
        "rds delete-db-instance --db-instance-identifier a --skip-final-snapshot",
        {},
        "rds wait db-instance-deleted",
    ),
    ("dynamodb delete-table --table-name t", {}, "dynamodb wait table-not-exists"),
    ("ecs update-service --cluster c --service s", {}, "ecs wait services-stable"),
    (
        "cloudformation create-stack --stack-name s --template-url https://x",
        {},
        "cloudformation wait stack-create-complete",
    ),
    ("s3api create-bucket --bucket b", {}, "s3api wait bucket-exists"),
    ("ec2 describe-instances", {}, None),
    ("s3 rm s3://b/k", {}, None),
    ("sqs delete-queue --queue-url https://q", {}, None),
    # Two snapshots in the answer: which one is meant would be a guess.
    (
        "ec2 create-snapshot --volume-id vol-1",
        {"Snapshots": [{"SnapshotId": "snap-1"}, {"SnapshotId": "snap-2"}]},
        None,
    ),
]


@pytest.fixture(scope="module")
def waiters() -> Waiters:
    return Waiters()


@pytest.mark.parametrize(("text", "answer", "expected"), RAN)
def test_the_waiter_of_a_command_names_the_same_resources(
    text: str,
    answer: dict[str, object],
    expected: str | None,
    waiters: Waiters,
    parser: CommandParser,
    classifier: Classifier,
) -> None:
    checker = CommandChecker(parser, classifier, lambda _: ())
    context = CommandContext(profile="p", region="us-west-2")
    checked = checker.check(f"aws {text}", context)
    found = waiters.command_for(checked, json.dumps(answer))
    if expected is None:
        assert found is None
        return
    assert found is not None
    assert " ".join(found[1:4]) == expected
    # It is a valid command, and one that only reads.
    waiting = checker.check(" ".join(found), context)
    assert waiting.access is AccessLevel.READ
    named = {word for word in text.split() if word.startswith(("i-", "vol-"))} - {"vol-1"}
    assert named <= set(found)

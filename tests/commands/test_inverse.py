"""What takes a command back, and when nothing does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from cloudops_ls.commands.check import CommandChecker
from cloudops_ls.commands.inverse import inverse_of
from cloudops_ls.commands.model import CommandContext
from cloudops_ls.estate.catalog.loader import Catalog
from tests.storage.samples import resource

if TYPE_CHECKING:
    from cloudops_ls.commands.classify import Classifier
    from cloudops_ls.commands.parser import CommandParser

CONTEXT = CommandContext(profile="production", region="us-west-2", account_id="123456789012")
STOP = "rds stop-db-instance --db-instance-identifier pg"
SCALE = "ecs update-service --cluster c --service s --desired-count 5"
MEMORY = "lambda update-function-configuration --function-name f --memory-size 256"
SERVICE = {"resource_type": "ecs_service", "arn": "arn:aws:ecs:us-west-2:1:service/c/s"}
FUNCTION = {"resource_type": "lambda_function", "arn": "arn:aws:lambda:us-west-2:1:function:f"}


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return Catalog.load()


@pytest.mark.parametrize(
    ("text", "before", "undo"),
    [
        (STOP, {}, "aws rds start-db-instance --db-instance-identifier pg --region us-west-2"),
        # It changes nothing, so the inverse would change something.
        (STOP, {"state": "stopped"}, None),
        (STOP, {"state": "backing-up"}, None),
        (STOP, {"state": None}, None),
        ("rds reboot-db-instance --db-instance-identifier pg", {}, None),
        ("rds delete-db-instance --db-instance-identifier pg --skip-final-snapshot", {}, None),
        (
            SCALE,
            {**SERVICE, "metadata": {"desired": 2}},
            "aws ecs update-service --cluster c --service s --desired-count 2 --region us-west-2",
        ),
        (SCALE, {**SERVICE, "metadata": {"desired": 5}}, None),
        (SCALE, {**SERVICE, "metadata": {}}, None),
        (f"{SCALE} --task-definition t", {**SERVICE, "metadata": {"desired": 2}}, None),
        (
            f"{MEMORY} --timeout 9",
            {**FUNCTION, "metadata": {"memory_mb": 128, "timeout_s": 3}},
            "aws lambda update-function-configuration --function-name f --memory-size 128 "
            "--timeout 3 --region us-west-2",
        ),
        (f"{MEMORY} --handler x", {**FUNCTION, "metadata": {"memory_mb": 128}}, None),
    ],
)
def test_only_a_true_inverse_is_one(
    text: str,
    before: dict[str, Any],
    undo: str | None,
    catalog: Catalog,
    parser: CommandParser,
    classifier: Classifier,
) -> None:
    checker = CommandChecker(parser, classifier, lambda _: ())
    checked = checker.check(f"aws {text}", CONTEXT)
    one = resource("pg", **before)
    assert inverse_of(checked, [one], catalog) == undo
    assert inverse_of(checked, [one, resource("other")], catalog) is None
    assert inverse_of(checked, [], catalog) is None
    if undo is not None:
        checker.check(undo, CONTEXT)

"""What an editor underlines: the exact characters, the reason, and what to write instead."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cloudops_ls.commands.check import CommandChecker
from cloudops_ls.commands.diagnose import Finding, Severity, diagnose
from cloudops_ls.commands.estate_doubts import EstateDoubts
from cloudops_ls.estate.catalog.loader import Catalog
from tests.commands.test_check import ACCOUNT, CONTEXT, ESTATE, find, resource

if TYPE_CHECKING:
    from collections.abc import Callable

    from cloudops_ls.commands.classify import Classifier
    from cloudops_ls.commands.parser import CommandParser

BUSY = resource("rds_instance", "pg-busy", state="modifying")
LISTED = {
    (ACCOUNT, "us-west-2", "rds_instance"),
    (ACCOUNT, "us-west-2", "ec2_instance"),
    (ACCOUNT, "us-west-2", "lambda_function"),
}


@pytest.fixture(scope="module")
def checker(parser: CommandParser, classifier: Classifier) -> CommandChecker:
    estate = [*ESTATE, BUSY]

    def known(token: str) -> list[object]:
        return [each for each in estate if token in (each.arn, each.identifier, each.name)]

    doubts = EstateDoubts(
        Catalog.load(),
        known,  # type: ignore[arg-type]
        lambda *scope: scope in LISTED,
    )
    return CommandChecker(parser, classifier, known, doubts)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def found(checker: CommandChecker) -> Callable[[str], list[Finding]]:
    return lambda text: diagnose(text, lambda each: checker.check(each, CONTEXT))


def underlined(text: str, finding: Finding) -> str | None:
    return None if finding.start is None else text[finding.start : finding.end]


ERRORS = [
    ("aws rdz stop-db-instance", "unknown-service", "rdz", "rds"),
    ("aws rds stop-db-instnce", "unknown-operation", "stop-db-instnce", "stop-db-instance"),
    (
        "aws rds stop-db-instance --db-instance-identifer x",
        "unknown-parameter",
        "--db-instance-identifer",
        "--db-instance-identifier",
    ),
    ("aws rds stop-db-instance", "missing-parameter", None, None),
    ("aws ec2 describe-instances --max-items many", "invalid-value", "many", None),
    (
        'aws ec2 describe-instances --filters \'[{"Name": "a", "Valuez": ["b"]}]\'',
        "invalid-value",
        "Valuez",
        "Values",
    ),
    (
        "aws ec2 describe-instances --filters Name=a,Valuez=b",
        "invalid-value",
        "Valuez",
        "Values",
    ),
    (
        "aws dynamodb put-item --table-name t --item '{\"a\": 1}'",
        "invalid-value",
        "'{\"a\": 1}'",
        None,
    ),
    ("aws s3 ls | head", "shell", "|", None),
    ("aws s3 ls s3://$BUCKET", "shell", "$BUCKET", None),
    ("aws logs tail /x --follow", "unsupported", "tail", None),
    ("aws configure", "unsupported", "configure", None),
]


@pytest.mark.parametrize(("text", "code", "wrong", "replacement"), ERRORS)
def test_what_cannot_run_is_an_error_at_its_place(
    found: Callable[[str], list[Finding]],
    text: str,
    code: str,
    wrong: str | None,
    replacement: str | None,
) -> None:
    (finding,) = found(text)
    assert (finding.code, finding.severity) == (code, Severity.ERROR)
    assert underlined(text, finding) == wrong
    assert finding.replacement == replacement
    assert finding.message.endswith((".", "?"))


DOUBTS = [
    (
        "aws ec2 run-instances --image-id ami-1 --instance-type m5.lage",
        "unknown-value",
        "m5.lage",
        "m5.large",
        "not among the values",
    ),
    (
        "aws lambda update-function-configuration --function-name f:1 --timeout 1 "
        "--memory-size 999999",
        "out-of-range",
        "999999",
        None,
        "at most",
    ),
    (
        "aws rds stop-db-instance --db-instance-identifier pg-east",
        "elsewhere",
        "pg-east",
        None,
        "us-east-1",
    ),
    (
        "aws rds stop-db-instance --db-instance-identifier pg-other",
        "elsewhere",
        "pg-other",
        None,
        "222222222222",
    ),
    (
        "aws rds stop-db-instance --db-instance-identifier pg-mian",
        "not-in-estate",
        "pg-mian",
        None,
        "found no RDS instance pg-mian",
    ),
    (
        "aws rds stop-db-instance --db-instance-identifier pg-stage",
        "pointless",
        "pg-stage",
        None,
        "already stopped",
    ),
    (
        "aws rds stop-db-instance --db-instance-identifier pg-busy",
        "pointless",
        "pg-busy",
        None,
        "It is modifying",
    ),
    (
        "aws ec2 stop-instances --instance-ids web",
        "name-for-id",
        "web",
        "i-0abc",
        "is the name of",
    ),
    (
        "aws ec2 start-instances --instance-ids i-0abc",
        "pointless",
        "i-0abc",
        None,
        "already running",
    ),
    (
        "aws ec2 stop-instances --instance-ids i-0abc i-0def",
        "not-in-estate",
        "i-0def",
        None,
        "i-0def",
    ),
]


@pytest.mark.parametrize(("text", "code", "doubtful", "replacement", "said"), DOUBTS)
def test_what_is_doubtful_is_a_warning_at_its_place(
    found: Callable[[str], list[Finding]],
    text: str,
    code: str,
    doubtful: str,
    replacement: str | None,
    said: str,
) -> None:
    finding = next(each for each in found(text) if each.code == code)
    assert finding.severity is Severity.WARNING
    assert underlined(text, finding) == doubtful
    assert finding.replacement == replacement
    assert said in finding.message


@pytest.mark.parametrize(
    "text",
    [
        "aws rds stop-db-instance --db-instance-identifier pg-main",
        "aws rds start-db-instance --db-instance-identifier pg-stage",
        "aws rds describe-db-instances --db-instance-identifier pg-stage",
        "aws ec2 stop-instances --instance-ids i-0abc",
        "aws ec2 start-instances --instance-ids i-0abc --dry-run",
        # It makes the one that is not there.
        "aws rds create-db-instance --db-instance-identifier new --db-instance-class db.t3.micro "
        "--engine postgres",
        # This type was never listed in that region.
        "aws rds stop-db-cluster --db-cluster-identifier nobody-knows",
        # A qualifier is no name.
        "aws lambda get-function --function-name f:live",
        "aws ec2 describe-instances --filters Name=tag:Name,Values=nobody",
        # What an earlier step will have printed is not known yet.
        "aws rds stop-db-instance --db-instance-identifier {{1.DBInstances[0].Identifier}}",
        "aws ec2 describe-instances --max-items '{{ 2.Count }}'",
    ],
)
def test_what_is_right_is_left_alone(found: Callable[[str], list[Finding]], text: str) -> None:
    assert found(text) == []


def test_around_a_placeholder_everything_else_is_still_checked(
    found: Callable[[str], list[Finding]],
) -> None:
    text = "aws rds stop-db-instnce --db-instance-identifier {{1.x}} | head"
    assert [underlined(text, each) for each in found(text)] == ["|"]
    text = "aws rds stop-db-instnce --db-instance-identifier {{1.x}}"
    assert [underlined(text, each) for each in found(text)] == ["stop-db-instnce"]


def test_several_wrong_values_are_all_named(found: Callable[[str], list[Finding]]) -> None:
    text = "aws ec2 describe-instances --filters Name=a,Valuez=b --max-results 5 --owner x"
    assert [each.code for each in found(text)] == ["unknown-parameter"]
    text = "aws ec2 describe-instances --filters Name=a,Valuez=b Nane=c,Values=d"
    assert [underlined(text, each) for each in found(text)] == ["Valuez", "Nane"]


def test_a_deprecated_operation_is_a_hint(found: Callable[[str], list[Finding]]) -> None:
    text = "aws s3api put-bucket-lifecycle --bucket b --lifecycle-configuration Rules=[]"
    hints = [each for each in found(text.replace("[]", "'[]'")) if each.code == "deprecated"]
    assert hints, found(text)
    assert hints[0].severity is Severity.HINT


def test_the_values_that_the_estate_does_not_know_are_recorded(checker: CommandChecker) -> None:
    checked = checker.check("aws rds stop-db-cluster --db-cluster-identifier nobody", CONTEXT)
    assert checked.unresolved == ("nobody",)
    checked = checker.check("aws rds stop-db-instance --db-instance-identifier pg-main", CONTEXT)
    assert checked.unresolved == ()
    assert find("pg-main")

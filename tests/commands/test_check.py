from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from cloudops_ls.commands.check import CommandChecker
from cloudops_ls.commands.errors import CommandError, ErrorKind
from cloudops_ls.commands.model import AccessLevel, CheckedCommand, CommandContext, RiskLevel
from cloudops_ls.storage.resource import Resource

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cloudops_ls.commands.classify import Classifier
    from cloudops_ls.commands.parser import CommandParser

ACCOUNT = "111111111111"
OTHER = "222222222222"
CONTEXT = CommandContext(
    profile="production", region="us-west-2", account_id=ACCOUNT, account_alias="acme-prod"
)


def resource(kind: str, identifier: str, **values: Any) -> Resource:
    service = {"rds_instance": "rds:%s:%s:db:", "ec2_instance": "ec2:%s:%s:instance/"}.get(
        kind, "s3:::"
    )
    account = values.setdefault("account_id", ACCOUNT)
    region = values.setdefault("region", "us-west-2")
    place = service % (region, account) if "%s" in service else service
    return Resource(
        resource_type=kind,
        identifier=identifier,
        arn=f"arn:aws:{place}{identifier}",
        name=values.pop("name", identifier),
        last_synced=datetime(2025, 1, 1, tzinfo=UTC),
        **values,
    )


MAIN = resource("rds_instance", "pg-main", state="available", tags={"Env": "Production"})
STAGE = resource("rds_instance", "pg-stage", state="stopped", tags={"env": "staging"})
MAIN_EAST = resource("rds_instance", "pg-east", region="us-east-1")
MAIN_OTHER = resource("rds_instance", "pg-other", account_id=OTHER)
WEB = resource("ec2_instance", "i-0abc", name="web", state="running")
BUCKET = resource("s3_bucket", "web", region="eu-west-1")
ESTATE = [MAIN, STAGE, MAIN_EAST, MAIN_OTHER, WEB, BUCKET]


def find(token: str) -> Sequence[Resource]:
    return [each for each in ESTATE if token in (each.arn, each.identifier, each.name)]


@pytest.fixture
def checker(parser: CommandParser, classifier: Classifier) -> CommandChecker:
    return CommandChecker(parser, classifier, find)


def test_what_would_run_is_spelled_out(checker: CommandChecker) -> None:
    text = "aws rds stop-db-instance \\\n  --db-instance-identifier pg-stage"
    checked = checker.check(text, CONTEXT)
    assert checked.text == text
    assert checked.argv == (
        *("aws", "rds", "stop-db-instance", "--db-instance-identifier", "pg-stage"),
        *("--profile", "production", "--region", "us-west-2"),
    )
    assert (checked.service, checked.operation) == ("rds", "StopDBInstance")
    assert (checked.profile, checked.region) == ("production", "us-west-2")
    assert (checked.account_id, checked.account_alias) == (ACCOUNT, "acme-prod")
    assert checked.access is AccessLevel.WRITE
    assert checked.resources == (STAGE.arn,)
    assert checked.risk.level is RiskLevel.MEDIUM
    assert not checked.problems


def test_it_survives_the_wire(checker: CommandChecker) -> None:
    checked = checker.check("aws rds stop-db-instance --db-instance-identifier pg-main", CONTEXT)
    assert CheckedCommand.model_validate_json(checked.model_dump_json()) == checked


def test_the_commands_own_profile_and_region_win(checker: CommandChecker) -> None:
    checked = checker.check(
        "aws rds stop-db-instance --db-instance-identifier pg-east --region us-east-1 "
        "--profile sandbox",
        CONTEXT,
    )
    assert (checked.profile, checked.region) == ("sandbox", "us-east-1")
    assert checked.argv.count("--profile") == checked.argv.count("--region") == 1
    # Whose account that is, the runbook's context cannot say.
    assert checked.account_id is None
    assert any("profile sandbox" in reason for reason in checked.risk.reasons)
    assert checked.risk.level is RiskLevel.HIGH


@pytest.mark.parametrize(
    ("text", "kind", "wrong"),
    [
        ("aws cloudwatch delete-alarms --alarm-names a ; rm b", ErrorKind.SHELL, ";"),
        ("aws rds  stop-db-instnce", ErrorKind.UNKNOWN_OPERATION, "stop-db-instnce"),
        ("aws ec2 stop-instances --instnce 'i 1'", ErrorKind.UNKNOWN_PARAMETER, "--instnce"),
        ("aws rds stop-db-instance", ErrorKind.MISSING_PARAMETER, None),
        ("kubectl get pods", ErrorKind.NOT_AWS, "kubectl"),
    ],
)
def test_errors_point_into_the_text(
    checker: CommandChecker, text: str, kind: ErrorKind, wrong: str | None
) -> None:
    with pytest.raises(CommandError) as caught:
        checker.check(text, CONTEXT)
    error = caught.value
    assert error.kind is kind
    assert (None if error.span is None else text[slice(*error.span)]) == wrong


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("aws ec2 stop-instances --instance-ids i-0abc", [WEB]),
        (f"aws rds add-tags-to-resource --resource-name {MAIN.arn} --tags Key=a,Value=web", [MAIN]),
        # The name of an instance and of a bucket: each service means its own.
        ("aws s3 rm s3://web/logs --recursive", [BUCKET]),
        ("aws s3api delete-object --bucket web --key i-0abc", [BUCKET, WEB]),
        ("aws ec2 describe-instances --filters Name=tag:Name,Values=web", [WEB]),
        ("aws cloudtrail create-trail --name web --s3-bucket-name nothing", []),
        ("aws rds describe-db-instances", []),
    ],
)
def test_resources_are_found_in_the_values(
    checker: CommandChecker, text: str, meant: list[Resource]
) -> None:
    assert checker.check(text, CONTEXT).resources == tuple(each.arn for each in meant)


@pytest.mark.parametrize(("name", "place"), [("pg-east", "us-east-1"), ("pg-other", OTHER)])
def test_a_resource_elsewhere_is_a_problem_and_not_affected(
    checker: CommandChecker, name: str, place: str
) -> None:
    text = f"aws rds stop-db-instance --db-instance-identifier {name}"
    checked = checker.check(text, CONTEXT)
    assert checked.resources == ()
    (problem,) = checked.problems
    assert place in problem.what
    assert text[problem.start : problem.end] == name


@pytest.mark.parametrize(
    ("text", "level", "reason"),
    [
        ("aws rds describe-db-instances", RiskLevel.LOW, None),
        (
            "aws rds stop-db-instance --db-instance-identifier pg-main",
            RiskLevel.HIGH,
            "tagged Env=Production",
        ),
        (
            "aws rds describe-db-instances --db-instance-identifier pg-main",
            RiskLevel.LOW,
            None,
        ),
        (
            "aws rds delete-db-instance --db-instance-identifier pg-stage --skip-final-snapshot",
            RiskLevel.HIGH,
            "No final snapshot",
        ),
        ("aws ec2 stop-instances --instance-ids i-0abc --force", RiskLevel.HIGH, "forced"),
        ("aws ec2 stop-instances --instance-ids i-0abc --dry-run", RiskLevel.LOW, "dry run"),
        ("aws s3 rm s3://web/x --recursive", RiskLevel.HIGH, "everything below"),
        ("aws s3 rm s3://web/x --recursive --dryrun", RiskLevel.LOW, "dry run"),
        (
            "aws rds modify-db-instance --db-instance-identifier pg-stage --no-deletion-protection",
            RiskLevel.HIGH,
            "protection against deletion",
        ),
        ("aws secretsmanager get-secret-value --secret-id x", RiskLevel.MEDIUM, "secrets"),
        (
            "aws rds describe-db-instances --endpoint-url http://localhost:1",
            RiskLevel.HIGH,
            "http://localhost:1",
        ),
        ("aws rds describe-db-instances --no-verify-ssl", RiskLevel.HIGH, "certificate"),
        ("aws rds describe-db-instances --debug", RiskLevel.MEDIUM, "--debug"),
        ("aws s3api get-object --bucket web --key k /etc/x", RiskLevel.HIGH, "/etc/x"),
        (
            "aws iam attach-user-policy --user-name u --policy-arn arn:aws:iam::1:policy/abcde",
            RiskLevel.HIGH,
            "who may do what",
        ),
    ],
)
def test_risk_has_a_level_and_reasons(
    checker: CommandChecker, text: str, level: RiskLevel, reason: str | None
) -> None:
    risk = checker.check(text, CONTEXT).risk
    assert risk.level is level, risk
    if reason is None:
        assert risk.reasons == ()
    else:
        assert any(reason in each for each in risk.reasons), risk


def test_without_an_account_a_change_is_of_high_risk(checker: CommandChecker) -> None:
    nowhere = CommandContext()
    stop = checker.check("aws rds stop-db-instance --db-instance-identifier pg-stage", nowhere)
    assert stop.risk.level is RiskLevel.HIGH
    assert any("account" in reason for reason in stop.risk.reasons)
    assert stop.argv[-2:] == ("--db-instance-identifier", "pg-stage")
    read = checker.check("aws rds describe-db-instances", nowhere)
    assert read.risk.level is RiskLevel.LOW

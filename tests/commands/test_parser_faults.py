from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from cloudops_ls.commands.errors import CommandError, ErrorKind
from cloudops_ls.commands.shell import split

if TYPE_CHECKING:
    from cloudops_ls.commands.parser import CommandParser


@pytest.mark.parametrize(
    ("text", "kind", "suggestion", "wrong"),
    [
        ("ls", ErrorKind.NOT_AWS, None, "ls"),
        ("aws", ErrorKind.MISSING_COMMAND, None, None),
        ("aws rds", ErrorKind.MISSING_COMMAND, None, None),
        ("aws --region x", ErrorKind.MISSING_COMMAND, None, None),
        ("aws rdss stop-db-instance", ErrorKind.UNKNOWN_SERVICE, "rds", "rdss"),
        (
            "aws rds stop-db-instnce",
            ErrorKind.UNKNOWN_OPERATION,
            "stop-db-instance",
            "stop-db-instnce",
        ),
        ("aws s3 lss", ErrorKind.UNKNOWN_OPERATION, "ls", "lss"),
        (
            "aws ec2 wait instance-runing --instance-ids i",
            ErrorKind.UNKNOWN_OPERATION,
            "instance-running",
            "instance-runing",
        ),
        (
            "aws rds stop-db-instance --db-instance-identifer x",
            ErrorKind.UNKNOWN_PARAMETER,
            "--db-instance-identifier",
            "--db-instance-identifer",
        ),
        (
            "aws s3 rm s3://b/x --recursiv-x",
            ErrorKind.UNKNOWN_PARAMETER,
            "--recursive",
            "--recursiv-x",
        ),
        (
            "aws --regoin us-east-1 ec2 describe-instances",
            ErrorKind.UNKNOWN_PARAMETER,
            "--region",
            "--regoin",
        ),
        (
            "aws rds stop-db-instance --db-instance-identifier a b",
            ErrorKind.UNKNOWN_PARAMETER,
            None,
            "b",
        ),
        ("aws rds stop-db-instance", ErrorKind.MISSING_PARAMETER, None, None),
        ("aws rds stop-db-instance --cli-input-json '{}'", ErrorKind.MISSING_PARAMETER, None, "{}"),
        ("aws ec2 stop-instances --instance-ids", ErrorKind.INVALID_VALUE, None, "--instance-ids"),
        ("aws ec2 describe-instances --output yml", ErrorKind.INVALID_VALUE, None, "yml"),
        ("aws ec2 describe-instances --max-items x", ErrorKind.INVALID_VALUE, None, "x"),
        ("aws ec2 describe-instances --query 'x['", ErrorKind.INVALID_VALUE, None, "x["),
        (
            'aws ec2 describe-instances --filters \'[{"Name": "a", "Valuez": ["b"]}]\'',
            ErrorKind.INVALID_VALUE,
            "Values",
            '[{"Name": "a", "Valuez": ["b"]}]',
        ),
        (
            "aws dynamodb put-item --table-name t --item '{\"a\": 1}'",
            ErrorKind.INVALID_VALUE,
            None,
            '{"a": 1}',
        ),
        ("aws iam get-user --user-name ''", ErrorKind.INVALID_VALUE, None, ""),
        ("aws ec2 help", ErrorKind.UNSUPPORTED, None, None),
        ("aws help", ErrorKind.UNSUPPORTED, None, None),
        ("aws configure", ErrorKind.UNSUPPORTED, None, "configure"),
        ("aws ssm start-session --target i-1", ErrorKind.UNSUPPORTED, None, "start-session"),
        ("aws ec2 stop-instances -- --instance-ids", ErrorKind.UNSUPPORTED, None, "--"),
        ("aws s3 cp - s3://b/k", ErrorKind.UNSUPPORTED, None, "-"),
        ("aws s3 cp a b", ErrorKind.INVALID_VALUE, None, "a"),
        (
            "aws cloudfront update-distribution --id X --default-root-object i",
            ErrorKind.UNSUPPORTED,
            None,
            None,
        ),
    ],
)
def test_a_wrong_command_names_the_wrong_word_and_the_nearest_right_one(
    fault: Any, text: str, kind: ErrorKind, suggestion: str | None, wrong: str | None
) -> None:
    error = fault(text)
    assert error.kind is kind, error
    assert error.suggestion == suggestion
    assert (None if error.word is None else split(text).argv[error.word]) == wrong
    assert "usage:" not in str(error)
    assert "Traceback" not in str(error)


def test_version_prints_nothing_and_exits_nothing(fault: Any, capfd: Any) -> None:
    assert fault("aws --version").kind is ErrorKind.INVALID_VALUE
    assert capfd.readouterr() == ("", "")


def test_a_value_the_models_do_not_know_is_a_doubt_not_an_error(parse: Any) -> None:
    command = parse("aws ec2 run-instances --image-id ami-1 --instance-type m5.lage")
    (problem,) = command.problems
    assert "m5.lage" in problem.what
    assert problem.fix is not None
    assert "m5.large" in problem.fix


def test_both_forms_of_a_switch_at_once_are_refused(fault: Any) -> None:
    error = fault(
        "aws ec2 modify-subnet-attribute --subnet-id s --map-public-ip-on-launch "
        "--no-map-public-ip-on-launch"
    )
    assert error.kind is ErrorKind.INVALID_VALUE


@pytest.mark.parametrize(
    ("text", "option"),
    [
        ("aws mgn start-cutover", "--source-server-ids"),
        ("aws rekognition detect-faces", "--image"),
        ("aws cloudfront update-distribution --id E1", "--distribution-config"),
    ],
)
def test_what_only_the_api_requires_is_named_as_the_option_it_is(
    parser: CommandParser, text: str, option: str
) -> None:
    with pytest.raises(CommandError, match=f"needs {option}") as caught:
        parser.parse(split(text).argv)
    assert caught.value.kind is ErrorKind.MISSING_PARAMETER

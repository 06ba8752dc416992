from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from cloudops_ls.commands.model import FileUse

if TYPE_CHECKING:
    from cloudops_ls.commands.parsed import ParsedCommand
    from cloudops_ls.commands.parser import CommandParser


@pytest.mark.parametrize(
    ("text", "service", "operation", "parameters"),
    [
        (
            "aws rds stop-db-instance --db-instance-identifier pg-main",
            "rds",
            "StopDBInstance",
            {"DBInstanceIdentifier": "pg-main"},
        ),
        (
            "aws ec2 stop-instances --instance-ids i-1 i-2 --force",
            "ec2",
            "StopInstances",
            {"InstanceIds": ["i-1", "i-2"], "Force": True},
        ),
        (
            "aws ec2 stop-instances --instance-ids i-1 --no-force",
            "ec2",
            "StopInstances",
            {"InstanceIds": ["i-1"], "Force": False},
        ),
        (
            "aws ec2 describe-instances --filters Name=tag:Name,Values=web-1,web-2",
            "ec2",
            "DescribeInstances",
            {"Filters": [{"Name": "tag:Name", "Values": ["web-1", "web-2"]}]},
        ),
        (
            'aws ec2 describe-instances --filters \'[{"Name": "x", "Values": ["y"]}]\'',
            "ec2",
            "DescribeInstances",
            {"Filters": [{"Name": "x", "Values": ["y"]}]},
        ),
        (
            "aws ec2 authorize-security-group-ingress --group-id sg-1 --protocol tcp --port 22 "
            "--cidr 10.0.0.0/8",
            "ec2",
            "AuthorizeSecurityGroupIngress",
            {
                "GroupId": "sg-1",
                "IpPermissions": [
                    {
                        "IpProtocol": "tcp",
                        "FromPort": 22,
                        "ToPort": 22,
                        "IpRanges": [{"CidrIp": "10.0.0.0/8"}],
                    }
                ],
            },
        ),
        (
            'aws rds describe-db-instances --cli-input-json \'{"DBInstanceIdentifier": "x"}\'',
            "rds",
            "DescribeDBInstances",
            {"DBInstanceIdentifier": "x"},
        ),
        ("aws configservice describe-config-rules", "config", "DescribeConfigRules", {}),
        ("aws s3api list-buckets", "s3", "ListBuckets", {}),
        (
            "aws ec2 run-instances --image-id ami-1",
            "ec2",
            "RunInstances",
            {"ImageId": "ami-1", "MinCount": 1, "MaxCount": 1},
        ),
    ],
)
def test_a_command_becomes_the_api_call_it_makes(
    parse: Any, text: str, service: str, operation: str, parameters: dict[str, Any]
) -> None:
    command: ParsedCommand = parse(text)
    assert (command.service, command.operation, command.parameters) == (
        service,
        operation,
        parameters,
    )
    assert not command.problems
    assert not command.files


def test_global_options_are_noted_wherever_they_stand(parse: Any) -> None:
    command = parse(
        "aws --profile a ec2 describe-instances --region eu-west-1 --query 'x[]' --output text "
        "--endpoint-url http://localhost:1 --no-verify-ssl --no-sign-request --debug"
    )
    options = command.options
    assert (options.profile, options.region, options.query) == ("a", "eu-west-1", "x[]")
    assert options.endpoint_url == "http://localhost:1"
    assert not options.verify_ssl
    assert not options.sign_request
    assert options.debug
    assert command.parameters == {}


def test_custom_s3_commands_and_waiters_are_known_by_name(parse: Any) -> None:
    remove = parse("aws s3 rm s3://bucket/logs --recursive --dryrun")
    assert (remove.service, remove.operation, remove.custom) == ("s3", "rm", True)
    assert remove.parameters["paths"] == ["s3://bucket/logs"]
    assert remove.parameters["recursive"] is True
    assert remove.dry_run
    wait = parse("aws ec2 wait instance-running --instance-ids i-1")
    assert (wait.command, wait.operation, wait.waiter) == (
        "ec2 wait instance-running",
        "DescribeInstances",
        True,
    )


@pytest.mark.parametrize(
    ("text", "location", "use"),
    [
        (
            "aws cloudformation create-stack --stack-name s --template-body file:///t.yaml",
            "file:///t.yaml",
            FileUse.READ,
        ),
        (
            "aws cloudformation create-stack --stack-name s --template-body http://127.0.0.1:9/t",
            "http://127.0.0.1:9/t",
            FileUse.FETCH,
        ),
        (
            "aws lambda update-function-code --function-name f --zip-file fileb://x.zip",
            "fileb://x.zip",
            FileUse.READ,
        ),
        (
            "aws ec2 create-tags --resources i-1 --tags Key=a,Value@=file:///etc/hosts",
            "Key=a,Value@=file:///etc/hosts",
            FileUse.READ,
        ),
        (
            "aws rds stop-db-instance --cli-input-json file://x.json",
            "file://x.json",
            FileUse.READ,
        ),
        ("aws s3api put-object --bucket b --key k --body /etc/hosts", "/etc/hosts", FileUse.READ),
        ("aws s3api get-object --bucket b --key k out.bin", "out.bin", FileUse.WRITE),
        ("aws lambda invoke --function-name f out.json", "out.json", FileUse.WRITE),
        (
            "aws ec2 get-password-data --instance-id i-1 --priv-launch-key /k.pem",
            "/k.pem",
            FileUse.READ,
        ),
        ("aws s3 cp s3://b/k here", "here", FileUse.WRITE),
        ("aws s3 sync there s3://b/k", "there", FileUse.READ),
        ("aws s3 ls --ca-bundle /ca.pem", "/ca.pem", FileUse.READ),
        ("aws s3api list-buckets --ca-bundle /ca.pem", "/ca.pem", FileUse.READ),
    ],
)
def test_files_and_urls_are_reported_not_opened(
    parse: Any, text: str, location: str, use: FileUse
) -> None:
    assert [(file.location, file.use) for file in parse(text).files] == [(location, use)]


def test_text_that_only_looks_like_shorthand_stays_text(parse: Any) -> None:
    command = parse("aws ec2 create-security-group --group-name g --description 'a@=file://b'")
    assert command.parameters["Description"] == "a@=file://b"
    assert not command.files


def test_a_template_url_is_a_value_like_any_other(parse: Any) -> None:
    command = parse("aws cloudformation create-stack --stack-name s --template-url https://x/y")
    assert command.parameters["TemplateURL"] == "https://x/y"
    assert not command.files


def test_parameters_are_plain_json(parse: Any) -> None:
    command = parse(
        "aws kinesis put-record --stream-name s --data abc --partition-key p "
        "--sequence-number-for-ordering 1"
    )
    assert json.loads(json.dumps(command.parameters)) == command.parameters


def test_the_prefixes_that_load_files_are_the_clis_own(parser: CommandParser) -> None:
    parser.warm()
    from awscli.paramfile import LOCAL_PREFIX_MAP, REMOTE_PREFIX_MAP

    from cloudops_ls.commands.references import FILE_PREFIXES, URL_PREFIXES

    assert tuple(LOCAL_PREFIX_MAP) == FILE_PREFIXES
    assert tuple(REMOTE_PREFIX_MAP) == URL_PREFIXES

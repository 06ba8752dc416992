from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from cloudops_ls.commands.errors import CommandError, ErrorKind
from cloudops_ls.commands.model import FileUse
from cloudops_ls.commands.shell import split

if TYPE_CHECKING:
    from pathlib import Path

    from cloudops_ls.commands.parsed import ParsedCommand
    from cloudops_ls.commands.parser import CommandParser


@pytest.fixture
def parse(parser: CommandParser) -> Any:
    return lambda text: parser.parse(split(text).argv)


@pytest.fixture
def fault(parser: CommandParser) -> Any:
    def found(text: str) -> CommandError:
        with pytest.raises(CommandError) as caught:
            parser.parse(split(text).argv)
        return caught.value

    return found


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


def test_one_command_leaves_no_trace_in_the_next(parse: Any, fault: Any) -> None:
    plain = "aws rds stop-db-instance"
    listing = "aws ec2 describe-instances --max-items 5"
    before = parse(listing)
    parse("aws rds stop-db-instance --generate-cli-skeleton")
    parse('aws rds stop-db-instance --cli-input-json \'{"DBInstanceIdentifier": "x"}\'')
    assert fault(plain).kind is ErrorKind.MISSING_PARAMETER
    parse("aws ec2 describe-instances --no-paginate --max-results 5")
    # The CLI's handlers of one EC2 operation must not see another's parameters.
    parse("aws ec2 modify-instance-attribute --instance-id i-1 --no-source-dest-check")
    parse("aws ec2 modify-subnet-attribute --subnet-id s --map-public-ip-on-launch")
    assert parse(listing) == before


def test_both_forms_of_a_switch_at_once_are_refused(fault: Any) -> None:
    error = fault(
        "aws ec2 modify-subnet-attribute --subnet-id s --map-public-ip-on-launch "
        "--no-map-public-ip-on-launch"
    )
    assert error.kind is ErrorKind.INVALID_VALUE


def test_parameters_are_plain_json(parse: Any) -> None:
    command = parse(
        "aws kinesis put-record --stream-name s --data abc --partition-key p "
        "--sequence-number-for-ordering 1"
    )
    assert json.loads(json.dumps(command.parameters)) == command.parameters


OFFLINE = """
import os, socket, sys
from cloudops_ls.commands.parser import CommandParser
from cloudops_ls.commands.shell import split
import importlib.metadata
parser = CommandParser()
parser.warm(["ec2", "s3api", "cloudformation", "lambda"])
touched = []
def hook(event, arguments):
    if event == "open":
        name = os.fsdecode(arguments[0]) if isinstance(arguments[0], (str, bytes)) else ""
        if f"{os.sep}data{os.sep}" not in name and not name.endswith((".py", ".pyc")):
            touched.append(f"{event} {name}")
    elif event.startswith(("socket.", "subprocess.", "os.exec", "os.posix_spawn", "os.fork")):
        touched.append(event)
sys.addaudithook(hook)
for line in sys.stdin:
    try:
        parser.parse(split(line).argv)
    except Exception as error:
        print("refused", error, file=sys.stderr)
print("\\n".join(touched), end="")
"""


def test_parsing_opens_no_file_no_socket_and_no_process(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("[plugins]\nx = no_such_module\n[profile p]\nbroken\n")
    commands = [
        "aws cloudformation create-stack --stack-name s --template-body file:///etc/passwd",
        "aws cloudformation create-stack --stack-name s --template-body http://127.0.0.1:9/",
        "aws ec2 create-tags --resources i-1 --tags Key=a,Value@=file:///etc/passwd",
        "aws s3api put-object --bucket b --key k --body /etc/passwd",
        "aws s3api get-object --bucket b --key k out",
        "aws lambda create-function --function-name f --runtime python3.12 --role r --handler h "
        "--zip-file fileb:///etc/passwd",
        "aws ec2 get-password-data --instance-id i-1 --priv-launch-key /etc/passwd",
        "aws ec2 describe-instances --profile nobody --debug",
        "aws ec2 describe-instances --cli-input-json file:///etc/passwd",
        "aws s3 cp /etc/passwd s3://b/k --metadata file:///etc/passwd",
        "aws cloudfront update-distribution --id X --default-root-object i",
        "aws iam create-virtual-mfa-device --virtual-mfa-device-name x --outfile /tmp/x "
        "--bootstrap-method QRCodePNG",
    ]
    done = subprocess.run(
        [sys.executable, "-c", OFFLINE],
        input="\n".join(commands),
        capture_output=True,
        text=True,
        check=True,
        env={
            **os.environ,
            "HOME": str(tmp_path),
            "AWS_CONFIG_FILE": str(tmp_path / "config"),
            "AWS_PROFILE": "broken",
        },
    )
    assert done.stdout == ""
    assert done.stderr.count("refused") == 1  # only the one that would have to ask AWS


def test_the_process_keeps_its_own_botocore_and_environment() -> None:
    script = (
        "import os; before = dict(os.environ)\n"
        "from cloudops_ls.commands.parser import CommandParser\n"
        "CommandParser().warm()\n"
        "import boto3, botocore, s3transfer\n"
        "assert dict(os.environ) == before\n"
        "print(botocore.__file__, s3transfer.__file__)\n"
    )
    told = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout
    assert "awscli" not in told


def test_many_threads_read_the_same_as_one(parse: Any) -> None:
    texts = [
        "aws ec2 describe-instances --no-paginate",
        "aws ec2 describe-instances --max-items 3",
        "aws ec2 stop-instances --instance-ids i-1 --dry-run",
        "aws rds stop-db-instance --db-instance-identifier x",
        "aws s3 ls s3://b",
        "aws sqs purge-queue --queue-url https://sqs/1/q",
    ] * 20
    expected = [parse(text) for text in texts]
    barrier = threading.Barrier(8)

    def work(_: int) -> list[ParsedCommand]:
        barrier.wait()
        return [parse(text) for text in texts]

    with ThreadPoolExecutor(8) as pool:
        for result in pool.map(work, range(8)):
            assert result == expected


def test_a_warm_parse_takes_a_few_milliseconds(parse: Any) -> None:
    text = "aws rds stop-db-instance --db-instance-identifier x --region us-west-2"
    parse(text)
    times = []
    for _ in range(50):
        start = time.perf_counter()
        parse(text)
        times.append(time.perf_counter() - start)
    assert statistics.median(times) < 0.003


def test_the_prefixes_that_load_files_are_the_clis_own(parser: CommandParser) -> None:
    parser.warm()
    from awscli.paramfile import LOCAL_PREFIX_MAP, REMOTE_PREFIX_MAP

    from cloudops_ls.commands.references import FILE_PREFIXES, URL_PREFIXES

    assert tuple(LOCAL_PREFIX_MAP) == FILE_PREFIXES
    assert tuple(REMOTE_PREFIX_MAP) == URL_PREFIXES


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

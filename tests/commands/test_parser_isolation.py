from __future__ import annotations

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from cloudops_ls.commands.errors import ErrorKind

if TYPE_CHECKING:
    from pathlib import Path

    from cloudops_ls.commands.parsed import ParsedCommand


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

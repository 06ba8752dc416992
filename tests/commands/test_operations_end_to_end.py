"""Check, approve, run, record: many operations of many services, by the real AWS CLI.

The stand-in AWS is moto on loopback; everything else is what an operator runs. The CLI takes a
second to start, so the commands of one wave run side by side.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from cloudops_ls.commands.approval import ApprovalBook, approval_digest
from cloudops_ls.commands.check import CommandChecker
from cloudops_ls.commands.environment import command_environment
from cloudops_ls.commands.executor import Executor, Limits, Order, Outcome
from cloudops_ls.commands.model import CommandContext
from cloudops_ls.home import Home
from cloudops_ls.storage.audit_chain import AuditEvent
from cloudops_ls.storage.records import ExecutionStatus
from cloudops_ls.storage.service import StorageService
from tests.storage.samples import ring

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from cloudops_ls.commands.classify import Classifier
    from cloudops_ls.commands.model import CheckedCommand
    from cloudops_ls.commands.parser import CommandParser

AT_ONCE = 4
CONTEXT = CommandContext(profile="production", region="us-west-2", account_id="123456789012")
KEYS = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
TRUST = json.dumps({"Version": "2012-10-17", "Statement": []})
TEMPLATE = json.dumps({"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}})

CREATE = [
    "ec2 create-vpc --cidr-block 10.0.0.0/16",
    "ec2 create-volume --availability-zone us-west-2a --size 5",
    "ec2 create-key-pair --key-name k1",
    "s3 mb s3://acme-made-here",
    "s3api create-bucket --bucket acme-too "
    "--create-bucket-configuration LocationConstraint=us-west-2",
    # For SQS the CLI (version 1) takes its own address over the profile's.
    "sqs create-queue --queue-name jobs --attributes VisibilityTimeout=60 "
    "--endpoint-url {endpoint}",
    "sns create-topic --name news --tags Key=env,Value=test",
    "dynamodb create-table --table-name orders --billing-mode PAY_PER_REQUEST "
    "--attribute-definitions AttributeName=id,AttributeType=S "
    "--key-schema AttributeName=id,KeyType=HASH",
    f"iam create-role --role-name app --assume-role-policy-document '{TRUST}'",
    "iam create-user --user-name deploy",
    "rds create-db-instance --db-instance-identifier pg --engine postgres "
    "--db-instance-class db.t3.micro --allocated-storage 20 --master-username root "
    "--master-user-password 'pass word'",
    "kms create-key --description 'for tests'",
    "secretsmanager create-secret --name db --secret-string hunter2",
    "ssm put-parameter --name /app/key --value v1 --type SecureString",
    "logs create-log-group --log-group-name /app/web",
    "ecr create-repository --repository-name app",
    "ecs create-cluster --cluster-name main",
    "cloudwatch put-metric-alarm --alarm-name cpu --metric-name CPUUtilization "
    "--namespace AWS/EC2 --statistic Average --period 60 --evaluation-periods 1 --threshold 80 "
    "--comparison-operator GreaterThanThreshold",
    "events put-rule --name nightly --schedule-expression 'rate(1 day)'",
    "route53 create-hosted-zone --name example.com --caller-reference 1",
    f"cloudformation create-stack --stack-name s --template-body '{TEMPLATE}'",
]
USE = [
    "ec2 stop-instances --instance-ids {instance}",
    "ec2 create-tags --resources {instance} --tags 'Key=note,Value=\"a; b | c\"'",
    "ec2 describe-instances --query 'Reservations[].Instances[].State.Name' --output json",
    "s3 ls",
    "s3api put-bucket-tagging --bucket acme-too --tagging 'TagSet=[{{Key=a,Value=b}}]'",
    "sqs send-message --queue-url {queue} --message-body 'two words' --endpoint-url {endpoint}",
    "sns publish --topic-arn {topic} --message hello",
    'dynamodb put-item --table-name orders --item \'{{"id": {{"S": "1"}}}}\'',
    'dynamodb get-item --table-name orders --key \'{{"id": {{"S": "1"}}}}\'',
    "iam create-access-key --user-name deploy",
    "rds stop-db-instance --db-instance-identifier pg",
    "kms enable-key-rotation --key-id {key}",
    "secretsmanager get-secret-value --secret-id db",
    "ssm get-parameter --name /app/key --with-decryption",
    "logs put-retention-policy --log-group-name /app/web --retention-in-days 7",
]
DELETE = [
    "ec2 terminate-instances --instance-ids {instance}",
    "s3 rb s3://acme-made-here",
    "sqs delete-queue --queue-url {queue} --endpoint-url {endpoint}",
    "sns delete-topic --topic-arn {topic}",
    "dynamodb delete-table --table-name orders",
    "iam delete-role --role-name app",
    "logs delete-log-group --log-group-name /app/web",
    "cloudwatch delete-alarms --alarm-names cpu",
]
SECRET = {
    "ec2 create-key-pair",
    "iam create-access-key",
    "secretsmanager get-secret-value",
    "ssm get-parameter",
}


@pytest.fixture
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def client(endpoint: str) -> Callable[[str], Any]:
    def make(service: str) -> Any:
        return boto3.client(service, endpoint_url=endpoint, region_name="us-west-2", **KEYS)

    return make


@pytest.fixture
def environment(tmp_path: Path, endpoint: str) -> dict[str, str]:
    config = tmp_path / "config"
    config.write_text(
        f"[profile production]\nendpoint_url = {endpoint}\n"
        "aws_access_key_id = testing\naws_secret_access_key = testing\n"
    )
    return command_environment(
        {
            "PATH": "/usr/bin:/bin",
            "HOME": str(tmp_path),
            "AWS_CONFIG_FILE": str(config),
            "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none"),
        }
    )


class Operator:
    """Says yes to everything, and keeps the rules doing so."""

    def __init__(
        self, checker: CommandChecker, store: StorageService, environment: dict[str, str]
    ) -> None:
        async def stored(call: Callable[[StorageService], Any]) -> Any:
            return await asyncio.to_thread(call, store)

        self._checker = checker
        self._environment = environment
        self._book = ApprovalBook()
        self._executor = Executor(stored, self._book, Limits(timeout=300, output=2**20))
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def run(self, text: str) -> tuple[CheckedCommand, Outcome]:
        checked = self._checker.check(f"aws {text}", CONTEXT)
        digest = approval_digest(checked, "test:", 1)
        order = Order(checked, checked.text, self._environment)
        async with self._slots:
            approval = self._book.grant(digest)
            execution = await self._executor.approve(order, approval, digest)
            return checked, await self._executor.run(order, execution)

    async def wave(self, texts: list[str]) -> list[tuple[CheckedCommand, Outcome]]:
        ran = list(await asyncio.gather(*map(self.run, texts)))
        failed = {
            checked.command: outcome.output.text
            for checked, outcome in ran
            if outcome.status is not ExecutionStatus.SUCCESS
        }
        assert failed == {}
        return ran


@pytest.mark.timeout(600)
async def test_operations_of_many_services_run_as_they_were_checked_and_are_recorded(
    parser: CommandParser,
    classifier: Classifier,
    client: Callable[[str], Any],
    endpoint: str,
    environment: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    home = Home(tmp_path / "home")
    ec2 = client("ec2")
    image = ec2.describe_images()["Images"][0]["ImageId"]
    (made,) = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1)["Instances"]
    others = buckets(client)
    with StorageService.open(home, keys=ring(home)) as store:
        checker = CommandChecker(parser, classifier, lambda _: ())
        operator = Operator(checker, store, environment)
        ran = await operator.wave([text.replace("{endpoint}", endpoint) for text in CREATE])
        told = {
            checked.command: json.loads(outcome.output.text)
            for checked, outcome in ran
            if outcome.output.head.startswith("{")
        }
        names = {
            "endpoint": endpoint,
            "instance": made["InstanceId"],
            "queue": told["sqs create-queue"]["QueueUrl"],
            "topic": told["sns create-topic"]["TopicArn"],
            "key": told["kms create-key"]["KeyMetadata"]["KeyId"],
        }
        ran += await operator.wave([text.format_map(names) for text in USE])
        seen = states(client, made["InstanceId"])
        ran += await operator.wave([text.format_map(names) for text in DELETE])
        assert len({checked.command for checked, _ in ran}) >= 40
        assert len({checked.service for checked, _ in ran}) >= 12
        assert {c.command for c, _ in ran if c.reveals_secret} == SECRET
        # AWS did what was said, and nothing else.
        assert seen == ("stopped", {"note": "a; b | c"}, "stopped")
        assert client("dynamodb").list_tables()["TableNames"] == []
        assert buckets(client) == others | {"acme-too"}
        # What was checked is what was approved, recorded and run; each once.
        entries = list(store.audit.entries())
        for event in (AuditEvent.APPROVED, AuditEvent.STARTED, AuditEvent.ENDED):
            about = [entry.execution_id for entry in entries if entry.event is event]
            assert len(about) == len(set(about)) == len(ran)
        recorded = {entry.execution_id: entry for entry in entries if "argv" in entry.details}
        for checked, outcome in ran:
            assert recorded[outcome.execution_id].details["argv"] == list(checked.argv)
        assert store.audit.verify().intact


def buckets(client: Callable[[str], Any]) -> set[str]:
    return {bucket["Name"] for bucket in client("s3").list_buckets()["Buckets"]}


def states(client: Callable[[str], Any], instance: str) -> tuple[str, dict[str, str], str]:
    """The instance's state and tags, and the database's state."""
    found = client("ec2").describe_instances(InstanceIds=[instance])
    (one,) = found["Reservations"][0]["Instances"]
    (database,) = client("rds").describe_db_instances()["DBInstances"]
    tags = {tag["Key"]: tag["Value"] for tag in one["Tags"]}
    return one["State"]["Name"], tags, database["DBInstanceStatus"]

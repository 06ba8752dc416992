"""A checked command, run for real by the AWS CLI against a stand-in AWS on loopback."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from cloudops_ls.commands.check import CommandChecker
from cloudops_ls.commands.environment import command_environment
from cloudops_ls.commands.model import AccessLevel, CommandContext
from cloudops_ls.commands.run import Chunk, Finished, Started, run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cloudops_ls.commands.classify import Classifier
    from cloudops_ls.commands.parser import CommandParser

KEYS = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}


@pytest.fixture
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def ec2(endpoint: str) -> Any:
    return boto3.client("ec2", endpoint_url=endpoint, region_name="us-west-2", **KEYS)


@pytest.fixture
def instance(ec2: Any) -> str:
    image = ec2.describe_images()["Images"][0]["ImageId"]
    reserved = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1)
    return str(reserved["Instances"][0]["InstanceId"])


@pytest.fixture
def environment(tmp_path: Path, endpoint: str) -> dict[str, str]:
    config = tmp_path / "config"
    config.write_text(
        "[profile production]\n"
        f"endpoint_url = {endpoint}\n"
        "aws_access_key_id = testing\n"
        "aws_secret_access_key = testing\n"
        "[profile expired]\n"
        f"endpoint_url = http://127.0.0.1:1\n"
        "aws_access_key_id = testing\n"
        "aws_secret_access_key = testing\n"
        "max_attempts = 1\n"
    )
    return command_environment(
        {
            "PATH": "/usr/bin:/bin",
            "HOME": str(tmp_path),
            "AWS_CONFIG_FILE": str(config),
            "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none"),
            # These would send the command elsewhere if they got through.
            "AWS_PROFILE": "expired",
            "AWS_REGION": "eu-north-1",
            "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        }
    )


@pytest.fixture
def checker(parser: CommandParser, classifier: Classifier) -> CommandChecker:
    return CommandChecker(parser, classifier, lambda _: ())


async def test_stopping_an_instance_stops_it_and_streams_the_answer(
    checker: CommandChecker, environment: dict[str, str], ec2: Any, instance: str
) -> None:
    context = CommandContext(profile="production", region="us-west-2", account_id="123456789012")
    checked = checker.check(f"aws ec2 stop-instances --instance-ids {instance}", context)
    assert checked.access is AccessLevel.WRITE
    events = [event async for event in run(checked.argv, environment=environment)]
    assert isinstance(events[0], Started)
    told = json.loads("".join(event.text for event in events if isinstance(event, Chunk)))
    assert told["StoppingInstances"][0]["InstanceId"] == instance
    assert events[-1] == Finished(0, cancelled=False, timed_out=False, truncated=False)
    described = ec2.describe_instances(InstanceIds=[instance])
    assert described["Reservations"][0]["Instances"][0]["State"]["Name"] == "stopped"


async def test_what_was_validated_is_what_aws_receives(
    checker: CommandChecker, environment: dict[str, str], ec2: Any, instance: str
) -> None:
    value = "two  words; $HOME `x` 'é😀' *"
    text = (
        f"aws ec2 create-tags --resources {instance} "
        f"--tags '{json.dumps([{'Key': 'note', 'Value': value.replace(chr(39), '')}])}'"
    )
    checked = checker.check(text, CommandContext(profile="production", region="us-west-2"))
    events = [event async for event in run(checked.argv, environment=environment)]
    assert isinstance(events[-1], Finished)
    assert events[-1].exit_status == 0, events
    tags = ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]["Tags"]
    assert checked.parameters["Tags"] == tags


async def test_a_failure_of_aws_is_told_on_standard_error(
    checker: CommandChecker, environment: dict[str, str], endpoint: str
) -> None:
    checked = checker.check(
        "aws ec2 stop-instances --instance-ids i-00000000000000000",
        CommandContext(profile="production", region="us-west-2"),
    )
    events = [event async for event in run(checked.argv, environment=environment)]
    assert isinstance(events[-1], Finished)
    assert events[-1].exit_status != 0
    assert "InvalidInstanceID" in "".join(e.text for e in events if isinstance(e, Chunk))

"""An AWS CLI of the user's own: version 2's words are read where version 2 runs them."""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
import time
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest
from moto.server import ThreadedMotoServer

from cloudops_ls.commands.check import CommandChecker
from cloudops_ls.commands.configured_cli import ALIASES, ConfiguredCli
from cloudops_ls.commands.custom_effects import v2_effects
from cloudops_ls.commands.environment import command_environment
from cloudops_ls.commands.errors import CommandError, ErrorKind
from cloudops_ls.commands.model import AccessLevel, CommandContext
from cloudops_ls.commands.parser import CommandParser
from cloudops_ls.commands.run import Chunk, Finished, run
from cloudops_ls.commands.shell import split
from cloudops_ls.config import load_settings
from cloudops_ls.home import Home

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cloudops_ls.commands.classify import Classifier

CONTEXT = CommandContext(profile="p", region="us-west-2", account_id="111111111111")


def stand_in(folder: Path, version: str) -> Path:
    """Write a program that calls itself an AWS CLI and prints its arguments."""
    program = folder / "aws"
    program.write_text(
        f'#!/bin/sh\nif [ "$1" = --version ]; then echo "{version}"; exit; fi\n'
        'for word in "$@"; do printf "%s\\n" "$word"; done\n'
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return program


def checker_for(classifier: Classifier, program: str, home: Path) -> CommandChecker:
    cli = ConfiguredCli((program,), command_environment(os.environ), home)
    parser = CommandParser(version2=lambda: cli.version2)
    return CommandChecker(parser, classifier, lambda _name: [], None, cli)


def test_words_of_version_2_are_read_and_kept(classifier: Classifier, tmp_path: Path) -> None:
    program = stand_in(tmp_path, "aws-cli/2.15.0 Python/3.11 Linux")
    checker = checker_for(classifier, str(program), tmp_path)
    text = (
        "aws rds describe-db-instances --no-cli-pager --output yaml --max-items 5 "
        "--cli-binary-format raw-in-base64-out"
    )
    checked = checker.check(text, CONTEXT)
    assert checked.program == (str(program),)
    assert checked.argv == (*text.split(), "--profile", "p", "--region", "us-west-2")
    assert checked.operation == "DescribeDBInstances"
    # What is wrong is still found where it stands.
    wrong = "aws rds stop-db-instance --no-cli-pager --db-instance-identifer x"
    with pytest.raises(CommandError) as caught:
        checker.check(wrong, CONTEXT)
    assert caught.value.span is not None
    assert wrong[slice(*caught.value.span)] == "--db-instance-identifer"
    doubtful = "aws ec2 run-instances --no-cli-pager --image-id ami-1 --instance-type m5.lage"
    (problem,) = checker.check(doubtful, CONTEXT).problems
    assert doubtful[problem.start : problem.end] == "m5.lage"


def test_a_configured_version_1_is_no_version_2(classifier: Classifier, tmp_path: Path) -> None:
    program = stand_in(tmp_path, "aws-cli/1.44.0 Python/3.11 Linux")
    checker = checker_for(classifier, str(program), tmp_path)
    assert checker.check("aws s3 ls", CONTEXT).program == (str(program),)
    with pytest.raises(CommandError, match="version 2 only"):
        checker.check("aws s3 ls --no-cli-pager", CONTEXT)


@pytest.mark.parametrize("version", [None, "something else 2.0"])
def test_a_program_that_is_none_is_named(
    classifier: Classifier, tmp_path: Path, version: str | None
) -> None:
    program = stand_in(tmp_path, version) if version else tmp_path / "missing"
    with pytest.raises(CommandError, match=r"commands\.aws") as caught:
        checker_for(classifier, str(program), tmp_path).check("aws s3 ls", CONTEXT)
    assert caught.value.kind is ErrorKind.UNSUPPORTED


@pytest.mark.parametrize("aliases", ["[toplevel]\nls = !rm -rf /\n", "no section", "[toplevel\n"])
def test_aliases_could_mean_anything(classifier: Classifier, tmp_path: Path, aliases: str) -> None:
    program = stand_in(tmp_path, "aws-cli/2.15.0")
    file = tmp_path / ALIASES
    file.parent.mkdir(parents=True)
    file.write_text("[toplevel]\n")
    checker = checker_for(classifier, str(program), tmp_path)
    assert checker.check("aws s3 ls", CONTEXT).program
    file.write_text(aliases)
    with pytest.raises(CommandError, match="another meaning"):
        checker.check("aws s3 ls", CONTEXT)


def test_an_editor_cannot_name_the_program(tmp_path: Path) -> None:
    home = Home(tmp_path)
    settings, problems = load_settings(home, {"commands": {"aws": ["evil"], "lines_in_file": 7}})
    assert (settings.commands.aws, settings.commands.lines_in_file) == ((), 7)
    assert [problem.setting for problem in problems] == ["commands.aws"]
    home.config.write_text('[commands]\naws = ["aws"]\n')
    assert load_settings(home)[0].commands.aws == ("aws",)


async def test_what_is_checked_is_what_it_gets(classifier: Classifier, tmp_path: Path) -> None:
    program = stand_in(tmp_path, "aws-cli/2.15.0")
    checked = checker_for(classifier, str(program), tmp_path).check(
        "aws s3 ls --no-cli-pager", CONTEXT
    )
    output = ""
    async for event in run(
        checked.argv,
        environment=command_environment(os.environ),
        timeout=30,
        output_limit=10_000,
        prefix=checked.program,
    ):
        if isinstance(event, Chunk):
            output += event.text
        elif isinstance(event, Finished):
            assert event.exit_status == 0
    assert tuple(output.splitlines()) == checked.argv[1:]


READ_AND_RUN = [
    ("aws logs tail /aws/lambda/a --since 1h --format short --no-cli-pager", "hello from moto"),
    ("aws logs describe-log-groups --output yaml", "logGroupName: /aws/lambda/a"),
    ("aws s3 ls --no-cli-auto-prompt", "shop-assets"),
    ("aws s3 presign s3://shop-assets/a", "X-Amz-Signature="),
    ("aws configure list-profiles", "p\n"),
    ("aws configure export-credentials --profile p", '"AccessKeyId": "testing"'),
]


@pytest.fixture(scope="module")
def real() -> str:
    """The path of a real version 2: Debian's package ``awscli``, or AWS's own installer's."""
    for place in ("/usr/bin", "/usr/local/bin"):
        program = shutil.which("aws", path=place)
        if (
            program is not None
            and ConfiguredCli(
                (program,), command_environment(os.environ), Path("/nonexistent")
            ).version2
        ):
            return program
    pytest.skip("no AWS CLI version 2 is installed in /usr/bin or /usr/local/bin")


@pytest.fixture(scope="module")
def cloud() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
    region = {"endpoint_url": endpoint, "region_name": "us-west-2"}
    boto3.client("s3", **region, **keys).create_bucket(
        Bucket="shop-assets", CreateBucketConfiguration={"LocationConstraint": "us-west-2"}
    )
    logs = boto3.client("logs", **region, **keys)
    logs.create_log_group(logGroupName="/aws/lambda/a")
    logs.create_log_stream(logGroupName="/aws/lambda/a", logStreamName="s")
    logs.put_log_events(
        logGroupName="/aws/lambda/a",
        logStreamName="s",
        logEvents=[{"timestamp": int(time.time() * 1000), "message": "hello from moto"}],
    )
    yield endpoint
    server.stop()


async def test_a_real_version_2_runs_what_was_checked(
    classifier: Classifier, tmp_path: Path, real: str, cloud: str
) -> None:
    checker = checker_for(classifier, real, tmp_path)
    config = tmp_path / "config"
    config.write_text("[profile p]\naws_access_key_id = testing\naws_secret_access_key = testing\n")
    environment = command_environment(
        {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "AWS_CONFIG_FILE": str(config)}
    )

    async def said(text: str) -> str:
        # As old as 2.9, it does not know the endpoint of a profile.
        checked = checker.check(f"{text} --endpoint-url {cloud}", CONTEXT)
        assert checked.program == (real,)
        events = run(
            checked.argv,
            environment=environment,
            timeout=60,
            output_limit=100_000,
            prefix=checked.program,
        )
        return "".join([event.text async for event in events if isinstance(event, Chunk)])

    answers = await asyncio.gather(*(said(text) for text, _ in READ_AND_RUN))
    for (text, expected), output in zip(READ_AND_RUN, answers, strict=True):
        assert expected in output, text


@pytest.fixture(scope="module")
def version2() -> CommandParser:
    return CommandParser(version2=lambda: True)


@pytest.mark.parametrize("name", sorted(v2_effects()))
def test_its_own_commands_are_read_or_named_for_what_they_are(
    version2: CommandParser, classifier: Classifier, name: str
) -> None:
    effect = v2_effects()[name]
    text = " ".join(["aws", name, *("word" for _ in effect.positional)])
    if effect.refused is None:
        found = version2.parse(split(text).argv)
        rated = classifier.classify(found)
        assert (found.command, found.custom, rated.access) == (name, True, effect.access)
        assert not effect.secret or rated.reveals_secret
        levels = [classifier.level(*call.split(":")) for call in effect.calls]
        assert AccessLevel.UNKNOWN not in levels
        return
    with pytest.raises(CommandError) as caught:
        version2.parse(split(text).argv)
    assert caught.value.kind is ErrorKind.UNSUPPORTED
    assert effect.refused in caught.value.what


def test_words_of_its_own_commands_are_checked_and_complete(version2: CommandParser) -> None:
    tail = version2.parse(split("aws logs tail g --since 1h --follow --log-stream-names a b").argv)
    assert tail.parameters == {
        "group_name": "g",
        "since": "1h",
        "follow": True,
        "log-stream-names": ["a", "b"],
    }
    for text, wrong, suggestion in (
        ("aws logs tail", None, None),
        ("aws logs tail g --sicne 1h", "--sicne", "--since"),
        ("aws logs tail g --format shrt", "shrt", "short"),
        ("aws ddb slect t", "slect", "select"),
    ):
        with pytest.raises(CommandError) as caught:
            version2.parse(split(text).argv)
        error = caught.value
        assert error.suggestion == suggestion
        assert (None if error.word is None else split(text).argv[error.word]) == wrong
    assert "tail" in {word.text for word in version2.next_words(["aws", "logs"], "ta", 9)}
    assert "select" in {word.text for word in version2.next_words(["aws", "ddb"], "", 9)}

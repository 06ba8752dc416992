"""An AWS CLI of the user's own: version 2's words are read where version 2 runs them."""

from __future__ import annotations

import os
import shutil
import stat
from typing import TYPE_CHECKING

import pytest

from cloudops_ls.commands.check import CommandChecker
from cloudops_ls.commands.configured_cli import ALIASES, ConfiguredCli
from cloudops_ls.commands.environment import command_environment
from cloudops_ls.commands.errors import CommandError, ErrorKind
from cloudops_ls.commands.model import CommandContext
from cloudops_ls.commands.parser import CommandParser
from cloudops_ls.commands.run import Chunk, Finished, run
from cloudops_ls.config import load_settings
from cloudops_ls.home import Home

if TYPE_CHECKING:
    from pathlib import Path

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


def test_a_real_version_2_is_recognised(tmp_path: Path) -> None:
    for place in ("/usr/bin", "/usr/local/bin"):
        program = shutil.which("aws", path=place)
        if program is not None:
            cli = ConfiguredCli((program,), command_environment(os.environ), tmp_path)
            if cli.version2:
                return
    pytest.skip("no AWS CLI version 2 is installed in /usr/bin or /usr/local/bin")

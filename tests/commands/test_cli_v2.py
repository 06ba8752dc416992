"""Syntax that only AWS CLI version 2 knows is refused with that reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cloudops_ls.commands.cli_v2 import only_in_v2
from cloudops_ls.commands.errors import CommandError, ErrorKind
from cloudops_ls.commands.shell import split

if TYPE_CHECKING:
    from cloudops_ls.commands.parser import CommandParser

_TABLE = only_in_v2()
CASES = [
    *(f"aws {name}" for name in _TABLE["commands"]),
    *(f"aws ec2 describe-instances {name}" for name in _TABLE["options"]),
    *(
        f"aws ec2 describe-instances {name} {value}"
        for name, values in _TABLE["values"].items()
        for value in values
    ),
    "aws logs tail /aws/lambda/x --follow --since 1h",
    "aws --no-cli-pager ec2 describe-instances",
    "aws dynamodb scan --table-name t --cli-binary-format=raw-in-base64-out",
]


@pytest.mark.parametrize("text", CASES)
def test_version_1_lacks_it_and_the_message_says_so(parser: CommandParser, text: str) -> None:
    with pytest.raises(CommandError) as caught:
        parser.parse(split(text).argv)
    error = caught.value
    assert error.kind is ErrorKind.UNSUPPORTED
    assert "version 2 only" in error.what
    assert error.fix
    assert error.word is not None


def test_a_misspelt_word_is_not_blamed_on_the_version(parser: CommandParser) -> None:
    with pytest.raises(CommandError) as caught:
        parser.parse(split("aws ec2 describe-instance").argv)
    assert caught.value.kind is ErrorKind.UNKNOWN_OPERATION

from __future__ import annotations

from typing import Any

import pytest

from cloudops_ls.commands.classify import Classifier
from cloudops_ls.commands.errors import CommandError
from cloudops_ls.commands.parser import CommandParser
from cloudops_ls.commands.shell import split


@pytest.fixture(scope="session")
def parser() -> CommandParser:
    return CommandParser()


@pytest.fixture(scope="session")
def classifier() -> Classifier:
    return Classifier()


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

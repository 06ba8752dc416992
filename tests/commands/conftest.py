from __future__ import annotations

import pytest

from cloudops_ls.commands.classify import Classifier
from cloudops_ls.commands.parser import CommandParser


@pytest.fixture(scope="session")
def parser() -> CommandParser:
    return CommandParser()


@pytest.fixture(scope="session")
def classifier() -> Classifier:
    return Classifier()

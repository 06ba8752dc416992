"""Every operation's smallest valid command is read as itself.

``CLOUDOPS_CORPUS=all`` reads all of them (about 19,000, some twenty minutes on one core); any
other value is a seed that chooses a few services. By default the same few are read each time.
"""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING

import pytest

from cloudops_ls.commands.errors import CommandError
from cloudops_ls.commands.shell import split
from tests.commands.corpus import Corpus

if TYPE_CHECKING:
    from cloudops_ls.commands.classify import Classifier
    from cloudops_ls.commands.parser import CommandParser

ALWAYS = ("rds", "s3api")
SOME = 5
# Those that no generated value fits, each with the reason; tests of their own read some of them.
NOT_GENERATED = {
    "datapipeline put-pipeline-definition": "its value is a file of the CLI's own JSON form",
    "ec2 bundle-instance": "the CLI's parser fails without options that it does not require",
    "translate import-terminology": "the CLI puts the blob beside it into it",
    "translate translate-document": "the CLI puts the blob beside it into it",
}


@pytest.mark.timeout(3600)
def test_every_operation_reads_as_itself(parser: CommandParser, classifier: Classifier) -> None:
    corpus = Corpus(parser._tree())
    services = corpus.services
    assert len(services) > 400
    if os.environ.get("CLOUDOPS_CORPUS") != "all":
        seed = os.environ.get("CLOUDOPS_CORPUS") or "2026-11-25"
        chosen = random.Random(seed).sample(services, SOME)
        services = sorted({*ALWAYS, *chosen})
    wrong, count = [], 0
    for service in services:
        for sample in corpus.of_service(service):
            if sample.command in NOT_GENERATED:
                continue
            count += 1
            try:
                command = parser.parse(split(sample.text).argv)
            except CommandError as error:
                wrong.append(f"{sample.text}: {error}")
                continue
            read_as = (command.service, command.operation, command.command)
            if read_as != (sample.service, sample.operation, sample.command):
                wrong.append(f"{sample.text}: {read_as}")
            wrong += [
                f"{sample.text}: {name} is {command.parameters.get(name)!r}, not {value!r}"
                for name, value in sample.parameters.items()
                if command.parameters.get(name) != value
            ]
            calls = classifier.classify(command).calls
            if calls != (f"{sample.service}:{sample.operation}",):
                wrong.append(f"{sample.text}: makes {calls}")
    assert wrong == []
    assert count > 200  # rds and s3api alone have more

"""Reading and checking commands, as every line does while it is typed.

The baseline is what nobody gets around who uses the CLI's parser: one pass of it over the global
options of the same words. Times are processor time, so that other work counts little.
"""

from __future__ import annotations

import shlex
import time
from typing import TYPE_CHECKING

from benchmarks.figures import Budget, Row, show
from cloudops_ls.commands.check import CommandChecker
from cloudops_ls.commands.classify import Classifier
from cloudops_ls.commands.diagnose import diagnose
from cloudops_ls.commands.model import CommandContext
from cloudops_ls.commands.parser import CommandParser

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from benchmarks.options import Options

COMMANDS = {
    "one parameter": "aws rds stop-db-instance --db-instance-identifier pg-main",
    "a list and a filter": "aws ec2 describe-instances --instance-ids i-1 i-2 i-3 "
    "--filters Name=tag:env,Values=prod,live Name=instance-state-name,Values=running "
    "--query 'Reservations[].Instances[].InstanceId' --output text",
    "JSON": "aws dynamodb put-item --table-name t --item "
    '\'{"id": {"S": "1"}, "v": {"L": [{"N": "1"}, {"S": "b"}]}}\'',
    "forty options": "aws rds create-db-instance --db-instance-identifier x --db-instance-class "
    "db.t3.micro --engine postgres --allocated-storage 20 --master-username u "
    "--backup-retention-period 7 --port 5432 --multi-az --storage-encrypted "
    "--tags Key=env,Value=prod Key=team,Value=data",
    "the CLI's own": "aws s3 sync s3://logs/2026 s3://archive/2026 --delete --exclude '*.tmp'",
    "a misspelt operation": "aws ec2 descrbe-instances --instance-ids i-1",
    "a shell construct": "aws s3 ls s3://$BUCKET/ | head",
}
CONTEXT = CommandContext(profile="production", region="us-west-2", account_id="123456789012")


def run(console: Console, options: Options) -> None:
    """Measure the load once, each service's first command once, and warm commands many times."""
    repeat = 30 if options.quick else 300
    parser = CommandParser()
    checker = CommandChecker(parser, Classifier(), lambda _name: [])

    def check(text: str) -> Callable[[], object]:
        return lambda: diagnose(text, lambda each: checker.check(each, CONTEXT))

    load = _milliseconds(check(COMMANDS["a shell construct"]), 1)
    load += _milliseconds(check("aws sts get-caller-identity"), 1)
    first = [Row("loading the CLI and the tables", load)]
    for name, text in COMMANDS.items():
        if name not in ("a shell construct", "a misspelt operation"):
            first.append(Row(f"first of its service: {name}", _milliseconds(check(text), 1)))
    show(console, "Commands: the first time", first)
    rows = []
    for name, text in COMMANDS.items():
        words = shlex.split(text)[1:]
        top_level = parser._tree().top_level
        baseline = _milliseconds(
            lambda words=words, top_level=top_level: top_level.parse_known_args(
                ["ec2", *words[1:]]
            ),
            repeat,
        )
        rows.append(Row(name, _milliseconds(check(text), repeat), baseline, Budget(p99=3.0)))
    show(console, "Commands: warm", rows)


def _milliseconds(work: Callable[[], object], repeat: int) -> list[float]:
    times = []
    for _ in range(repeat):
        start = time.process_time()
        work()
        times.append((time.process_time() - start) * 1000)
    return times

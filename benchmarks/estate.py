"""Homes to measure with: an estate of any size, written straight into an encrypted store."""

from __future__ import annotations

import os
import random
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from cloudops_ls.demo.cloud import aws_free_environment
from cloudops_ls.home import Home
from cloudops_ls.storage.records import AccountRecord
from cloudops_ls.storage.resource import Resource
from cloudops_ls.storage.service import StorageService

if TYPE_CHECKING:
    from collections.abc import Iterator

PASSPHRASE = "only for benchmarks"
ACCOUNTS = {"111122223333": "acme-production", "444455556666": "acme-staging"}
REGIONS = ("us-west-2", "us-east-1", "eu-west-1")
APPS = (
    "payments", "checkout", "catalog", "search", "billing", "identity", "orders", "shipping",
    "inventory", "pricing", "reports", "gateway", "mail", "media", "audit", "ledger",
)  # fmt: skip
ROLES = ("web", "api", "worker", "db", "cache", "batch", "proxy", "etl")
STAGES = ("prod", "staging", "dev")
TEAMS = ("team-backend", "team-data", "team-platform", "team-web")
KINDS = (
    ("ec2_instance", "ec2", "instance/", 40),
    ("security_group", "ec2", "security-group/", 15),
    ("lambda_function", "lambda", "function:", 15),
    ("subnet", "ec2", "subnet/", 10),
    ("rds_instance", "rds", "db:", 10),
    ("s3_bucket", "s3", "", 10),
)
IDS = {"ec2_instance": "i-0", "security_group": "sg-0", "subnet": "subnet-0"}
TWINS = 50
"""One resource in so many has the name of the one before it, in another account."""


def resources(count: int) -> Iterator[Resource]:
    """Believable resources, always the same ones."""
    chance = random.Random(7)
    accounts = list(ACCOUNTS)
    synced = datetime.now(UTC)
    name = ""
    for number in range(count):
        kind, service, path, _ = chance.choices(KINDS, [share for *_, share in KINDS])[0]
        app, role, stage = (chance.choice(words) for words in (APPS, ROLES, STAGES))
        account = accounts[0 if stage == "prod" else 1]
        if number % TWINS:
            name = f"{app}-{role}-{stage}-{number:05d}"
        else:
            kind, service, path = "ec2_instance", "ec2", "instance/"
            account = accounts[number // TWINS % 2]
        region = chance.choice(REGIONS)
        identifier = f"{IDS[kind]}{chance.getrandbits(64):016x}" if kind in IDS else name
        place = "::" if kind == "s3_bucket" else f":{region}:{account}:"
        database = kind == "rds_instance"
        yield Resource(
            resource_type=kind,
            identifier=identifier,
            account_id=account,
            region=region,
            arn=f"arn:aws:{service}{place}{path}{identifier}",
            name=name or identifier,
            state="available" if database else "running" if kind == "ec2_instance" else None,
            engine="postgres" if database else None,
            engine_version="16.3" if database else None,
            tags={"Name": name, "env": stage, "app": app, "team": chance.choice(TEAMS)},
            permissions=("rds:StopDBInstance", "rds:StartDBInstance") if database else (),
            constraints={"can_stop": True, "multi_az": stage == "prod"} if database else {},
            metadata={
                "vpc_id": f"vpc-0{chance.getrandbits(32):08x}",
                "availability_zone": f"{region}a",
                "created": "2026-03-01T09:00:00+00:00",
                "size": chance.choice(("small", "medium", "large")),
            },
            last_synced=synced,
        )


@contextmanager
def environment(count: int | None) -> Iterator[dict[str, str]]:
    """The environment of a server with a home of its own, gone afterwards.

    Parameters
    ----------
    count
        Resources in its estate; None for a home in which nothing was ever done.
    """
    with TemporaryDirectory(prefix="cloudops-bench-") as root:
        runtime = Path(root) / "run"
        runtime.mkdir(mode=0o700)
        inherited = aws_free_environment(os.environ)
        variables = {
            **{name: value for name, value in inherited.items() if "CLOUDOPS" not in name},
            "AWS_CONFIG_FILE": str(Path(root) / "aws-config"),
            "AWS_SHARED_CREDENTIALS_FILE": str(Path(root) / "aws-credentials"),
            "CLOUDOPS_HOME": str(Path(root) / "home"),
            "CLOUDOPS_PASSPHRASE": PASSPHRASE,
            "XDG_RUNTIME_DIR": str(runtime),
        }
        if count is not None:
            with inside(variables):
                _fill(Home.locate(), count)
        yield variables


@contextmanager
def inside(variables: dict[str, str]) -> Iterator[None]:
    """Let this process itself have that environment."""
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _fill(home: Home, count: int) -> None:
    with StorageService.open(home) as storage:
        storage.estate.bulk_upsert(resources(count))
        for account, alias in ACCOUNTS.items():
            profile = alias.removeprefix("acme-")
            storage.estate.put_account(
                AccountRecord(account_id=account, alias=alias, profiles=(profile,))
            )
    # There is no AWS to ask: cards are from the store, as budgeted.
    home.config.write_text("[worker]\nidle_seconds = 5\n\n[hover]\nlive = false\n")

"""Which types are listed anew after a command."""

from __future__ import annotations

from typing import Any

import pytest

from cloudops_ls.estate.catalog.loader import Catalog
from cloudops_ls.lsp.verifying import types_made
from tests.commands.test_preview import checked


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return Catalog.load()


@pytest.mark.parametrize(
    ("service", "operation", "expected"),
    [
        ("ec2", "RunInstances", "ec2_instance"),
        ("ec2", "CreateVpc", "vpc"),
        ("s3", "CreateBucket", "s3_bucket"),
        ("s3", "mb", "s3_bucket"),
        ("rds", "RestoreDBInstanceFromDBSnapshot", "rds_instance"),
        ("dynamodb", "CreateTable", "dynamodb_table"),
        ("rds", "StopDBInstance", None),
        ("rds", "DeleteDBInstance", None),
        ("no-such-service", "CreateThing", None),
    ],
)
def test_what_a_command_makes_is_looked_for(
    catalog: Catalog, service: str, operation: str, expected: str | None
) -> None:
    command: Any = checked(service=service, operation=operation)
    found = types_made(command, catalog)
    assert found == () if expected is None else expected in found

"""The catalog's data, checked against the SDK's own service models."""

from __future__ import annotations

import re
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import botocore.exceptions
import botocore.session
import pytest
from policy_sentry.querying.actions import get_actions_for_service

from cloudops_ls.errors import CloudOpsError
from cloudops_ls.estate.arns import arn_fields
from cloudops_ls.estate.catalog.loader import Catalog
from cloudops_ls.estate.catalog.markdown import catalog_page
from cloudops_ls.estate.catalog.model import (
    ARN_PARTS,
    PARENT,
    Access,
    Call,
    ResourceType,
    fields_of,
)
from tests.estate.shapes import SCALAR, PathError, Shape, follow

if TYPE_CHECKING:
    from cloudops_ls.commands.parser import CommandParser

SESSION = botocore.session.Session()
CATALOG = Catalog.load()
EXPLORER = Catalog.load(["resource_explorer"])["aws_resource"]
TYPES = [*CATALOG, EXPLORER]


def each(types: list[ResourceType]) -> Any:
    return pytest.mark.parametrize("kind", types, ids=lambda kind: f"{kind.service}-{kind.name}")


each_type = each(TYPES)


def operation(kind: ResourceType, name: str) -> Any:
    return SESSION.get_service_model(kind.service).operation_model(name)


def item_shape(kind: ResourceType, call: Call) -> Any:
    """The shape of one raw item of a call, with what the catalog adds to it."""
    listed = follow(call.items, operation(kind, call.operation).output_shape).element
    added = {*call.add, *((PARENT,) if kind.for_each else ())}
    members = {**listed.members, **dict.fromkeys(added, SCALAR)}
    if kind.generic:
        members[ARN_PARTS] = Shape("structure", dict.fromkeys(arn_fields(""), SCALAR))
    return Shape(listed.type_name, members, listed.inner)


def calls(kind: ResourceType) -> list[Call]:
    return [call for call in (kind.list, kind.describe, kind.tags_call) if call is not None]


def test_the_required_types_are_there() -> None:
    required = {
        "ec2_instance",
        "ebs_volume",
        "vpc",
        "subnet",
        "security_group",
        "rds_instance",
        "rds_cluster",
        "s3_bucket",
        "lambda_function",
        "load_balancer",
        "target_group",
        "dynamodb_table",
    }
    assert required <= {kind.name for kind in TYPES}


def test_there_are_enough_of_them() -> None:
    assert len(TYPES) >= 90
    assert len({kind.service for kind in TYPES}) >= 40


@each_type
def test_operations_and_their_parameters_exist(kind: ResourceType) -> None:
    for call in calls(kind):
        model = operation(kind, call.operation)
        members = model.input_shape.members if model.input_shape else {}
        assert call.params.keys() <= members.keys(), call.operation
        missing = set(model.input_shape.required_members if model.input_shape else ())
        assert missing <= call.params.keys(), call.operation


@each_type
def test_lists_longer_than_a_page_are_read_to_their_end(kind: ResourceType) -> None:
    model = operation(kind, kind.list.operation)
    if kind.list.token is not None:
        assert kind.list.token in model.input_shape.members
        assert kind.list.token in model.output_shape.members
        assert not paginated(kind)
    elif not paginated(kind):
        more = re.compile(r"token|marker|position|more|truncated|^last|startinglike", re.I)
        left = [name for name in model.output_shape.members if more.search(name)]
        # One call of this returns more than an account can have.
        assert not left or kind.name == "firehose_stream"


def paginated(kind: ResourceType) -> bool:
    try:
        paginators = SESSION.get_paginator_model(kind.service)
        return bool(paginators.get_paginator(kind.list.operation))
    except (
        ValueError,
        botocore.exceptions.UnknownServiceError,
        botocore.exceptions.DataNotFoundError,
    ):
        return False


@each([kind for kind in TYPES if not kind.describe.detail])
def test_every_path_exists_in_the_listed_item(kind: ResourceType) -> None:
    check_item(kind, item_shape(kind, kind.list))


@each_type
def test_every_path_exists_in_the_described_item(kind: ResourceType) -> None:
    check_item(kind, item_shape(kind, kind.describe))


def check_item(kind: ResourceType, item: Any) -> None:
    paths = [kind.identifier, kind.name_from, kind.state, kind.engine, kind.engine_version]
    paths += [kind.tags, None if kind.arn.startswith("arn:") else kind.arn]
    paths += [*kind.metadata.values(), *kind.constraints.values()]
    for path in paths:
        if path is not None:
            follow(path, item)


@each([kind for kind in TYPES if kind.describe.detail])
def test_listed_items_yield_what_their_description_is_asked_by(kind: ResourceType) -> None:
    item = item_shape(kind, kind.list)
    asked = str(kind.describe.params)
    if "{identifier" in asked:
        follow(kind.identifier, item)
    if "{arn" in asked:
        follow(kind.arn, item)


UNTAGGED = {
    "cloudwatch_dashboard",
    "cognito_app_client",
    "dns_record",
    "ecs_task_definition",
    "iam_group",
    "kms_alias",
    "lambda_event_source",
    "lambda_layer",
    "launch_configuration",
    "schedule",
    "sns_subscription",
    "ssm_managed_instance",
}
"""Types that AWS has no tags for, or none that an operator sets."""


@each_type
def test_tags_are_found_where_the_catalog_says(kind: ResourceType) -> None:
    if kind.tags_call is None:
        assert kind.tags is not None or kind.name in UNTAGGED
        return
    answer = follow(kind.tags_call.items, operation(kind, kind.tags_call.operation).output_shape)
    if kind.tags_call.key is not None:
        follow(kind.tags_call.key, answer.element)
        answer = follow(kind.tags_call.tags, answer.element)
    assert answer.type_name in ("list", "map")


GENERAL_CODES = {
    "ValidationError",
    "ValidationException",
    "NotFound",
    "AccessDeniedException",
    "AWS.SimpleQueueService.NonExistentQueue",
}
"""Codes that a service answers with although its model does not have them."""


@each_type
def test_the_codes_for_missing_are_codes_of_the_service(kind: ResourceType) -> None:
    errors = SESSION.get_service_model(kind.service).error_shapes
    known = {error.error_code for error in errors} | {error.name for error in errors}
    # EC2 and S3 have no error shapes; their codes are in the user guides only.
    if kind.service not in ("ec2", "s3"):
        codes = {*kind.list.missing, *kind.describe.missing}
        codes |= set(kind.tags_call.absent) if kind.tags_call else set()
        assert codes <= known | GENERAL_CODES


@each_type
def test_actions_are_calls_of_their_services(kind: ResourceType) -> None:
    assert "describe" in kind.actions
    for name, action in kind.actions.items():
        service = SESSION.get_service_model(action.service or kind.service)
        assert action.operation in service.operation_names, name
        expected = {"describe": Access.READ, "delete": Access.DESTRUCTIVE}
        assert action.access is expected.get(name, Access.WRITE), name
        assert action.verbs
        assert set(action.inputs) <= fields_of(action.command), name
        assert all(state == state.strip() for state in action.from_states)


VALUES = defaultdict(
    lambda: "value-1", arn="arn:aws:s:eu-west-1:1:x/y", region="eu-west-1", count="2", revision="7"
)
IDENTIFIERS = {
    "fsx_file_system": "fs-0123456789abcdef0",
    "lambda_event_source": "01234567-89ab-cdef-0123-456789abcdef",
    "transfer_server": "s-0123456789abcdef0",
}
"""Where AWS checks more than that there is one."""


@each_type
def test_actions_are_commands_the_aws_cli_takes(kind: ResourceType, parser: CommandParser) -> None:
    values = VALUES.copy()
    values["identifier"] = IDENTIFIERS.get(kind.name, "value-1")
    for action in kind.actions.values():
        argv = action.argv(values)
        parsed = parser.parse(argv)
        assert parsed.operation == action.operation, argv
        assert parsed.service == (action.service or kind.service)


@each_type
def test_permissions_are_actions_that_iam_knows(kind: ResourceType) -> None:
    for permission in kind.permissions:
        service, _, name = permission.partition(":")
        assert name in iam_actions(service), permission


@cache
def iam_actions(service: str) -> frozenset[str]:
    return frozenset(action.split(":")[1] for action in get_actions_for_service(service))


@each_type
def test_actions_that_change_a_state_come_back_by_their_inverse(kind: ResourceType) -> None:
    for action in kind.actions.values():
        if action.inverse is not None and action.to_state is not None:
            inverse = kind.actions[action.inverse]
            assert action.to_state in inverse.from_states
            assert inverse.to_state in action.from_states


@each_type
def test_permissions_and_console_pages_are_well_formed(kind: ResourceType) -> None:
    assert kind.permissions
    assert all(permission.count(":") == 1 for permission in kind.permissions)
    assert kind.console_url is None or not kind.console_url.startswith(("http", "/"))


def test_the_actions_the_planner_needs_are_there() -> None:
    for name in ("ec2_instance", "rds_instance", "rds_cluster"):
        assert {"describe", "start", "stop", "reboot"} <= CATALOG[name].actions.keys()
    stop = CATALOG["rds_instance"].actions["stop"]
    assert stop.inverse == "start"
    assert any("7 days" in note for note in stop.notes)
    assert "shut down" in stop.verbs


def test_an_action_says_why_it_is_impossible() -> None:
    stop = CATALOG["rds_instance"].actions["stop"]
    assert stop.obstacle("available", {"can_stop": True}) is None
    assert stop.obstacle("stopped", {}) == "It is already stopped."
    assert stop.obstacle("creating", {}) == (
        "It is creating; this is possible only when it is available."
    )
    assert "cluster" in (stop.obstacle("available", {"in_cluster": True}) or "")
    assert stop.obstacle(None, {}) is None


def test_a_value_stays_within_its_word_of_the_command() -> None:
    argv = CATALOG["rds_instance"].actions["stop"].argv({"identifier": "a b --skip"})
    assert argv == ("aws", "rds", "stop-db-instance", "--db-instance-identifier", "a b --skip")


def test_operators_words_lead_to_types() -> None:
    assert {kind.name for kind in CATALOG.called("Buckets")} == {"s3_bucket"}
    assert {kind.name for kind in CATALOG.called("server")} == {"ec2_instance"}
    assert {kind.name for kind in CATALOG.called("clusters")} >= {"rds_cluster", "ecs_cluster"}
    assert CATALOG.called("teapot") == ()


TEN_LINES = """\
service = "kinesis"
[types.kinesis_stream]
title = "Kinesis stream"
list = { operation = "ListStreams", items = "StreamSummaries[]" }
describe = { operation = "DescribeStreamSummary", params = { StreamName = "{identifier}" }, \
items = "[StreamDescriptionSummary]" }
identifier = "StreamName"
arn = "StreamARN"
arn_pattern = "kinesis:stream/*"
state = "StreamStatus"
"""


def test_a_type_takes_ten_lines() -> None:
    catalog = Catalog.parse(
        {
            "actions.toml": "[describe]\ntitle='D'\naccess='read'\nverbs=['x']",
            "kinesis.toml": TEN_LINES,
        }
    )
    assert catalog["kinesis_stream"].actions["describe"].operation == "DescribeStreamSummary"
    assert len(TEN_LINES.splitlines()) <= 10


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        ('state = "StreamStatus"', "list"),
        ('list = { operation = "ListStreams" }', "items"),
        ('relations = { x = "vpc" }', "relations of fields"),
        ('surprise = "x"', "surprise"),
        ("state = [", "damaged"),
        ('arn = "arn:{nonsense}"', "unknown template fields: nonsense"),
    ],
)
def test_damaged_data_is_named(damage: str, says: str) -> None:
    key = damage.partition(" ")[0]
    lines = [line for line in TEN_LINES.splitlines() if not line.startswith(f"{key} =")]
    if says == "list":
        lines = [line for line in lines if not line.startswith("list =")]
    with pytest.raises(CloudOpsError) as failure:
        Catalog.parse(
            {
                "actions.toml": "[describe]\ntitle='D'\naccess='read'\nverbs=['x']",
                "kinesis.toml": "\n".join([*lines, damage]),
            }
        )
    assert says in str(failure.value)
    assert "kinesis.toml" in str(failure.value)


def test_the_path_checker_finds_mistakes() -> None:
    item = item_shape(CATALOG["ec2_instance"], CATALOG["ec2_instance"].list)
    for wrong in ("Stat.Name", "State.Nam", "Tags[?Kex == 'a']", "length(Tagz)", "State[].Name"):
        with pytest.raises(PathError):
            follow(wrong, item)


def test_the_documentation_is_current() -> None:
    page = Path(__file__).parents[2] / "docs" / "catalog.md"
    assert page.read_text(encoding="utf-8") == catalog_page(CATALOG), (
        "run: cloudops-ls types --markdown > docs/catalog.md"
    )

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import jmespath
import pytest

from cloudops_ls.errors import CloudOpsError
from cloudops_ls.estate.catalog.loader import Catalog
from cloudops_ls.estate.mapping import ItemMapper, MappingContext, plain, rendered, tag_map
from cloudops_ls.estate.mapping import _compiled as compiled

CATALOG = Catalog.load()
NOW = datetime(2025, 10, 8, 10, 30, tzinfo=UTC)
HERE = MappingContext("aws-us-gov", "123456789012", "us-gov-west-1", NOW)


def mapped(kind: str, item: dict[str, Any], tags: dict[str, str] | None = None) -> Any:
    return ItemMapper(CATALOG[kind]).resource(item, HERE, tags)


def test_an_arn_the_api_does_not_give_is_built_for_its_partition() -> None:
    instance = mapped("ec2_instance", {"InstanceId": "i-1", "State": {"Name": "running"}})
    assert instance.arn == "arn:aws-us-gov:ec2:us-gov-west-1:123456789012:instance/i-1"


@pytest.mark.parametrize(
    ("tags", "name"),
    [
        ([{"Key": "Name", "Value": "web"}], "web"),
        ([{"Key": "Name", "Value": "  "}], "i-1"),
        ([], "i-1"),
        (None, "i-1"),
    ],
)
def test_the_name_is_the_name_tag_or_the_identifier(tags: Any, name: str) -> None:
    assert mapped("ec2_instance", {"InstanceId": "i-1", "Tags": tags}).name == name


def test_a_name_may_be_the_end_of_an_arn_or_url() -> None:
    topic = mapped("sns_topic", {"TopicArn": "arn:aws:sns:r:1:orders"})
    queue = mapped(
        "sqs_queue", {"QueueUrl": "https://q/1/jobs", "QueueArn": "arn:aws:sqs:r:1:jobs"}
    )
    assert (topic.name, queue.name) == ("orders", "jobs")
    assert queue.identifier == "https://q/1/jobs"


@pytest.mark.parametrize(
    "tags",
    [
        [{"Key": "env", "Value": "prod"}],
        [{"key": "env", "value": "prod"}],
        [{"TagKey": "env", "TagValue": "prod"}],
        {"env": "prod"},
    ],
)
def test_tags_come_in_many_forms(tags: Any) -> None:
    assert tag_map(tags) == {"env": "prod"}


def test_tags_that_are_none_are_none() -> None:
    assert tag_map(None) == tag_map([]) == tag_map("x") == tag_map([{"Key": None}]) == {}
    assert tag_map([{"Key": "flag"}]) == {"flag": ""}


@pytest.mark.parametrize(
    ("item", "can_stop"),
    [
        ({}, True),
        ({"DBInstanceStatus": "stopping"}, False),
        ({"DBClusterIdentifier": "c"}, False),
        ({"ReadReplicaDBInstanceIdentifiers": ["r"]}, False),
        ({"ReadReplicaDBInstanceIdentifiers": []}, True),
        ({"ReadReplicaSourceDBInstanceIdentifier": "s"}, False),
        ({"MultiAZ": True}, True),
        ({"MultiAZ": True, "Engine": "sqlserver-se"}, False),
    ],
)
def test_constraints_follow_what_aws_allows(item: dict[str, Any], can_stop: bool) -> None:
    base = {
        "DBInstanceIdentifier": "pg",
        "DBInstanceArn": "arn:aws:rds:r:1:db:pg",
        "DBInstanceStatus": "available",
        "Engine": "postgres",
    }
    resource = mapped("rds_instance", {**base, **item})
    assert resource.constraints["can_stop"] is can_stop


def test_a_field_that_a_function_needs_and_an_item_lacks_is_no_error() -> None:
    group = mapped("security_group", {"GroupId": "sg-1", "GroupName": "g"})
    assert group.metadata["ingress_rules"] == 0
    bare = mapped(
        "rds_instance", {"DBInstanceIdentifier": "x", "DBInstanceArn": "arn:x", "MultiAZ": True}
    )
    assert bare.constraints["multi_az_sqlserver"] is False


def test_an_item_without_its_identifier_is_refused_without_quoting_it() -> None:
    with pytest.raises(CloudOpsError, match="without its identifier") as failure:
        mapped("ec2_instance", {"Secret": "planted"})
    assert "planted" not in str(failure.value)


def test_metadata_is_json_and_leaves_out_what_is_absent() -> None:
    started = datetime(2025, 1, 2, 3, 4, tzinfo=timezone(timedelta(hours=1)))
    instance = mapped("ec2_instance", {"InstanceId": "i-1", "LaunchTime": started, "KeyName": ""})
    assert instance.metadata["launch_time"] == "2025-01-02T03:04:00+01:00"
    assert "key_name" not in instance.metadata
    assert plain({"a": (1, Decimal("1.5"), b"x"), 2: None}) == {"a": [1, 1.5, None], "2": None}


def test_a_deleted_resource_that_aws_still_lists_is_gone() -> None:
    mapper = ItemMapper(CATALOG["ec2_instance"])
    item = {"InstanceId": "i-1", "State": {"Name": "terminated"}}
    assert mapper.is_gone(mapper.resource(item, HERE))


def test_parameters_are_filled_for_one_and_for_many() -> None:
    batch = [{"identifier": "a", "arn": "arn:a"}, {"identifier": "b", "arn": "arn:b"}]
    params = {"Ids": "{identifiers}", "One": ["{identifier}"], "Deep": {"x": "{arn}"}, "N": 5}
    assert rendered(params, batch) == {
        "Ids": ["a", "b"],
        "One": ["a"],
        "Deep": {"x": "arn:a"},
        "N": 5,
    }


def test_braces_in_names_from_aws_are_not_templates() -> None:
    assert rendered({"Name": "{identifier}"}, [{"identifier": "{arn}{0}"}]) == {"Name": "{arn}{0}"}


@pytest.mark.parametrize("path", ["State", "State.Name", "State.Name.More", "_x1"])
@pytest.mark.parametrize(
    "item",
    [
        {},
        None,
        [],
        "x",
        {"State": "x"},
        {"State": {"Name": [1]}},
        {"State": [{"Name": 1}]},
        {"_x1": 0},
    ],
)
def test_plain_paths_are_what_jmespath_says(path: str, item: Any) -> None:
    assert compiled(path).search(item) == jmespath.search(path, item)
    assert not isinstance(compiled(path), type(jmespath.compile(path)))

"""The demo's estate, read back from the stand-in AWS as a user's tools would see it."""

from __future__ import annotations

from collections import Counter

import pytest

from cloudops_ls.demo.cloud import ACCOUNTS, PRODUCTION, DemoCloud, Region
from cloudops_ls.demo.estate import fill


def instances(cloud, account, region):
    answer = cloud.client("ec2", account, region).describe_instances()
    return [one for group in answer["Reservations"] for one in group["Instances"]]


def name_of(instance) -> str:
    return next(tag["Value"] for tag in instance["Tags"] if tag["Key"] == "Name")


LISTINGS = {
    "ebs_volume": ("ec2", "describe_volumes", "Volumes"),
    "vpc": ("ec2", "describe_vpcs", "Vpcs"),
    "subnet": ("ec2", "describe_subnets", "Subnets"),
    "security_group": ("ec2", "describe_security_groups", "SecurityGroups"),
    "rds_instance": ("rds", "describe_db_instances", "DBInstances"),
    "lambda_function": ("lambda", "list_functions", "Functions"),
    "load_balancer": ("elbv2", "describe_load_balancers", "LoadBalancers"),
    "dynamodb_table": ("dynamodb", "list_tables", "TableNames"),
    "sqs_queue": ("sqs", "list_queues", "QueueUrls"),
}


def without_defaults(kind, items):
    """Drop the network every account is born with."""
    if kind == "vpc":
        return [one for one in items if not one["IsDefault"]]
    if kind == "subnet":
        return [one for one in items if not one["DefaultForAz"]]
    if kind == "security_group":
        return [one for one in items if one["GroupName"] != "default"]
    return items


def test_it_holds_what_it_says(filled) -> None:
    seen: Counter[str] = Counter()
    for account in ACCOUNTS:
        seen["s3_bucket"] += len(filled.cloud.client("s3", account).list_buckets()["Buckets"])
        for region in Region:
            seen["ec2_instance"] += len(instances(filled.cloud, account, region))
            for kind, (service, operation, key) in LISTINGS.items():
                client = filled.cloud.client(service, account, region)
                items = getattr(client, operation)().get(key, [])
                seen[kind] += len(without_defaults(kind, items))
    assert seen == filled.made


def test_it_is_big_and_varied_enough(filled) -> None:
    assert filled.made.total() >= 60
    assert len(filled.made) >= 8


def test_the_main_database_is_the_one_of_the_story(filled) -> None:
    rds = filled.cloud.client("rds", PRODUCTION, Region.OREGON)
    answer = rds.describe_db_instances(DBInstanceIdentifier="pg-instance-main1")["DBInstances"][0]
    tags = {tag["Key"]: tag["Value"] for tag in answer["TagList"]}
    assert (answer["Engine"], answer["EngineVersion"]) == ("postgres", "14.7")
    assert answer["DBInstanceStatus"] == "available"
    assert tags == {"env": "production", "app": "main", "owner": "team-backend"}


def test_web_1_is_ambiguous_across_accounts_and_regions(filled) -> None:
    places = [
        (account.alias, region)
        for account in ACCOUNTS
        for region in Region
        for instance in instances(filled.cloud, account, region)
        if name_of(instance) == "web-1"
    ]
    assert len(places) == 4


def test_some_of_it_is_stopped(filled) -> None:
    states = Counter(
        instance["State"]["Name"]
        for account in ACCOUNTS
        for region in Region
        for instance in instances(filled.cloud, account, region)
    )
    assert states == {"running": 12, "stopped": 3}


@pytest.mark.timeout(60)
def test_every_run_makes_the_same_ids(filled, tmp_path) -> None:
    with DemoCloud(tmp_path / "aws") as again:
        fill(again)
        for account in ACCOUNTS:
            for region in Region:
                assert [one["InstanceId"] for one in instances(again, account, region)] == [
                    one["InstanceId"] for one in instances(filled.cloud, account, region)
                ]

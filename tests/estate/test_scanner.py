from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from tests.aws.stand_in import IRELAND, MAIN, OREGON, SECOND, StandIn
from tests.estate.stage import Stage

if TYPE_CHECKING:
    from cloudops_ls.estate.catalog.loader import Catalog
    from cloudops_ls.estate.scan_model import ScanProgress
    from cloudops_ls.estate.scanner import Scanner
    from tests.estate.sink import MemorySink


# Every region of moto starts with these, as a real account does.
PRECREATED = {"vpc", "subnet", "security_group", "ebs_volume", "iam_role"}


def test_a_scan_finds_exactly_what_was_created(
    cloud: StandIn, scanner: Scanner, sink: MemorySink, catalog: Catalog
) -> None:
    stages = [
        Stage(cloud, "main", MAIN, OREGON),
        Stage(cloud, "main", MAIN, IRELAND),
        Stage(cloud, "second", SECOND, IRELAND),
    ]
    for stage, prefix in zip(stages, ("a", "many-b", "c"), strict=True):
        stage.everything(prefix)

    report = scanner.scan(["main", "second"], [OREGON, IRELAND])

    assert report.problems() == []
    assert report.complete
    for kind in catalog:
        made = set().union(*(stage.made[kind.name] for stage in stages))
        assert made, f"the stage makes no {kind.name}"
        if kind.name in PRECREATED:
            assert made <= sink.arns(kind.name)
        else:
            assert sink.arns(kind.name) == made, kind.name
    assert report.resources == len(sink.resources)
    for service, operation, key, part in (
        ("vpc", "describe_vpcs", "Vpcs", "VpcId"),
        ("subnet", "describe_subnets", "Subnets", "SubnetId"),
        ("security_group", "describe_security_groups", "SecurityGroups", "GroupId"),
        ("ebs_volume", "describe_volumes", "Volumes", "VolumeId"),
    ):
        listed = {
            item[part]
            for profile, region in (
                ("main", OREGON),
                ("main", IRELAND),
                ("second", IRELAND),
                ("second", OREGON),
            )
            for item in getattr(cloud.client(profile, "ec2", region), operation)()[key]
        }
        assert {arn.rpartition("/")[2] for arn in sink.arns(service)} == listed


def test_records_carry_state_engine_tags_constraints_and_relations(
    cloud: StandIn, scanner: Scanner, sink: MemorySink
) -> None:
    stage = Stage(cloud, "main", MAIN, OREGON)
    stage.everything("pg")
    scanner.scan(["main"], [OREGON])

    database = sink.resources[stage.arn("rds", "db:pg-main1")]
    assert database.name == database.identifier == "pg-main1"
    assert (database.state, database.engine, database.engine_version) == (
        "available",
        "postgres",
        "14.7",
    )
    assert database.tags == {"env": "production"}
    assert database.constraints["can_stop"] is True
    assert database.constraints["multi_az"] is True
    assert database.constraints["has_read_replicas"] is False
    assert database.metadata["instance_class"] == "db.t3.medium"
    assert "rds:StopDBInstance" in database.permissions

    (instance, *_) = (sink.resources[arn] for arn in stage.made["ec2_instance"])
    assert instance.name == "pg-web"
    assert instance.tags["env"] == "test"
    subnet = instance.metadata["subnet_id"]
    assert stage.arn("ec2", f"subnet/{subnet}") in sink.resources

    tags = {
        resource.name: resource.tags
        for resource in sink.resources.values()
        if resource.name.startswith("pg-")
    }
    assert tags["pg-logs"] == {"team": "ops"}
    assert tags["pg-logs-archive"] == {}
    assert tags["pg-resize"] == {"env": "staging"}
    assert tags["pg-lb0"] == {"number": "0"}
    assert tags["pg-jobs"] == tags["pg-alerts"] == tags["pg-orders"] == {"env": "dev"}
    assert tags["pg-ecs"] == {"env": "dev"}
    assert tags["pg-role"] == {"team": "ops"}
    group = next(one for one in sink.resources.values() if one.name == "pg-open")
    assert group.constraints["open_to_world"] is True
    assert all(resource.last_synced.utcoffset() is not None for resource in sink.resources.values())


def test_many_load_balancers_get_their_own_tags(
    cloud: StandIn, scanner: Scanner, sink: MemorySink
) -> None:
    Stage(cloud, "main", MAIN, OREGON).balancers("many")
    scanner.scan(["main"], [OREGON], ["load_balancer"])
    assert len(sink.resources) == 22
    for resource in sink.resources.values():
        assert resource.name == f"many-lb{resource.tags['number']}"


def test_two_profiles_of_one_account_are_scanned_once(
    cloud: StandIn, scanner: Scanner, sink: MemorySink
) -> None:
    cloud.client("main", "iam", OREGON).create_account_alias(AccountAlias="acme-prod")
    report = scanner.scan(["main", "twin"], [OREGON], ["vpc", "iam_role"])
    assert [(one.account_id, one.alias, one.profiles) for one in report.accounts] == [
        (MAIN, "acme-prod", ("main", "twin"))
    ]
    assert sorted(sink.begun) == [(MAIN, "global", "iam_role"), (MAIN, OREGON, "vpc")]


def test_without_regions_each_profile_scans_its_own(
    cloud: StandIn, scanner: Scanner, sink: MemorySink
) -> None:
    scanner.scan(None, types=["vpc"])
    assert set(sink.begun) == {
        (MAIN, OREGON, "vpc"),
        (MAIN, IRELAND, "vpc"),
        (SECOND, IRELAND, "vpc"),
    }


def test_a_global_service_is_listed_once_per_account(
    cloud: StandIn, scanner: Scanner, sink: MemorySink
) -> None:
    Stage(cloud, "main", MAIN, OREGON).functions("a")
    scanner.scan(["main"], [OREGON, IRELAND], ["iam_role"])
    assert sink.begun == [(MAIN, "global", "iam_role")]
    assert {resource.region for resource in sink.resources.values()} == {"global"}


def test_what_is_gone_is_swept_after_a_complete_listing(
    cloud: StandIn, scanner: Scanner, sink: MemorySink
) -> None:
    stage = Stage(cloud, "main", MAIN, OREGON)
    ids = stage.instances("web", 3)
    stage.buckets("a")
    scanner.scan(["main"], [OREGON], ["ec2_instance", "s3_bucket"])
    assert len(sink.arns("ec2_instance")) == 3

    stage.client("ec2").terminate_instances(InstanceIds=[ids[0]])
    stage.client("s3").delete_bucket(Bucket="a-logs")
    scanner.scan(["main"], [OREGON], ["ec2_instance", "s3_bucket"])

    assert {arn[-19:] for arn in sink.arns("ec2_instance")} == set(ids[1:])
    assert sink.arns("s3_bucket") == {"arn:aws:s3:::a-logs-archive"}


def test_progress_counts_up_to_the_total(
    cloud: StandIn, scanner: Scanner, sink: MemorySink
) -> None:
    Stage(cloud, "main", MAIN, OREGON).instances("web", 4)
    told: list[ScanProgress] = []
    threads: set[int] = set()

    def progress(update: ScanProgress) -> None:
        told.append(update)
        threads.add(threading.get_ident())

    scanner.scan(["main"], [OREGON], ["ec2_instance", "vpc", "subnet"], progress=progress)
    assert (told[0].done, told[0].total) == (0, 0)
    assert (told[-1].done, told[-1].total) == (3, 3)
    assert told[-1].resources == len(sink.resources)
    assert [update.done for update in told] == sorted(update.done for update in told)
    assert threads == {threading.get_ident()}


def test_batches_are_bounded(cloud: StandIn, scanner: Scanner, sink: MemorySink) -> None:
    ec2 = cloud.client("main", "ec2", OREGON)
    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    for number in range(520):
        ec2.create_security_group(GroupName=f"g{number}", Description="d", VpcId=vpc)
    scanner.scan(["main"], [OREGON], ["security_group"])
    assert len(sink.resources) >= 521
    assert max(sink.batches) <= 500

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

from cloudops_ls.errors import CloudOpsError
from cloudops_ls.estate.scanner import Scanner
from cloudops_ls.storage.records import ScopeOutcome
from tests.aws.stand_in import MAIN, SECOND, SECRET, StandIn, write_profiles
from tests.estate.sink import MemorySink
from tests.estate.stage import Stage

if TYPE_CHECKING:
    from pathlib import Path

    from cloudops_ls.aws.sessions import SessionFactory
    from cloudops_ls.estate.catalog.loader import Catalog
    from cloudops_ls.estate.scan_model import ScanProgress

OREGON, IRELAND = "us-west-2", "eu-west-1"

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


def test_an_unreachable_service_leaves_the_others_and_what_was_known_of_it(
    cloud: StandIn,
    aws_folder: Path,
    scanner: Scanner,
    sink: MemorySink,
    unused_port: int,
) -> None:
    stage = Stage(cloud, "main", MAIN, OREGON)
    stage.everything("a")
    types = ["rds_instance", "rds_cluster", "s3_bucket", "vpc"]
    scanner.scan(["main"], [OREGON], types)
    before = sink.arns("rds_instance")
    stage.buckets("b")

    write_profiles(
        aws_folder,
        cloud.endpoint,
        main="services = broken",
        extra=f"[services broken]\nrds =\n  endpoint_url = http://127.0.0.1:{unused_port}\n",
    )
    started = time.monotonic()
    report = scanner.scan(["main"], [OREGON], types)
    assert time.monotonic() - started < 10

    outcomes = {scope.resource_type: scope.outcome for scope in report.scopes}
    assert outcomes == {
        "rds_instance": ScopeOutcome.UNREACHABLE,
        "rds_cluster": ScopeOutcome.UNREACHABLE,
        "s3_bucket": ScopeOutcome.COMPLETE,
        "vpc": ScopeOutcome.COMPLETE,
    }
    assert report.problems() == [
        "AWS (rds) cannot be reached (profile 'main', us-west-2). "
        "Check the network, VPN and proxy. (2 times)"
    ]
    assert sink.finished[(MAIN, OREGON, "rds_instance")][0] is False
    assert sink.arns("rds_instance") == before != set()
    assert sink.arns("s3_bucket") == stage.made["s3_bucket"]


def test_a_denied_service_is_recorded_and_the_rest_goes_on(
    cloud: StandIn, aws_folder: Path, scanner: Scanner, sink: MemorySink, denying: str
) -> None:
    write_profiles(
        aws_folder,
        cloud.endpoint,
        main="services = closed",
        extra=f"[services closed]\nrds =\n  endpoint_url = {denying}\n",
    )
    report = scanner.scan(["main"], [OREGON], ["rds_instance", "vpc"])
    outcomes = {scope.resource_type: scope.outcome for scope in report.scopes}
    assert outcomes == {"rds_instance": ScopeOutcome.DENIED, "vpc": ScopeOutcome.COMPLETE}
    assert report.problems() == [
        "IAM does not allow rds:DescribeDBInstances (profile 'main', us-west-2). "
        "Ask for the permission."
    ]
    assert not report.complete


def test_a_profile_without_credentials_does_not_stop_the_others(
    cloud: StandIn, aws_folder: Path, scanner: Scanner, sink: MemorySink
) -> None:
    write_profiles(aws_folder, cloud.endpoint, extra="[profile empty]\nregion = us-west-2\n")
    report = scanner.scan(["empty", "main"], [OREGON], ["vpc"])
    assert [failure.profile for failure in report.failures] == ["empty"]
    assert "has no credentials" in report.failures[0].error
    assert sink.arns("vpc")
    assert not report.complete


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


def test_cancelling_ends_soon_and_sweeps_nothing(
    cloud: StandIn,
    aws_folder: Path,
    scanner: Scanner,
    sink: MemorySink,
    silent: str,
) -> None:
    stage = Stage(cloud, "main", MAIN, OREGON)
    stage.everything("a")
    scanner.scan(["main"], [OREGON])
    before = set(sink.resources)
    # From now on one service never answers, so that something is under way when cancelled.
    write_profiles(
        aws_folder,
        cloud.endpoint,
        main="services = silent",
        extra=f"[services silent]\nrds =\n  endpoint_url = {silent}\n",
    )
    cancel = threading.Event()
    threading.Timer(0.7, cancel.set).start()
    started = time.monotonic()
    report = scanner.scan(["main"], [OREGON, IRELAND], cancel=cancel)
    took = time.monotonic() - started

    assert report.cancelled
    assert not report.complete
    # Waiting for the silent service takes ten seconds and more; a busy machine needs some of that.
    assert took < 9
    outcomes = {scope.outcome for scope in report.scopes if scope.resource_type == "rds_instance"}
    assert outcomes == {ScopeOutcome.CANCELLED}
    assert before <= set(sink.resources)
    unfinished = [sink.finished[key] for key in sink.begun if key[2] == "rds_instance"]
    assert (False, "The scan was cancelled") in unfinished
    assert set(sink.begun) == set(sink.finished), "no scope is left open"

    # What was left behind must not write any more.
    size = (len(sink.batches), dict(sink.finished))
    time.sleep(0.5)
    assert (len(sink.batches), sink.finished) == size


def test_cancelled_before_it_began_it_asks_for_nothing(
    cloud: StandIn, scanner: Scanner, sink: MemorySink
) -> None:
    cancel = threading.Event()
    cancel.set()
    report = scanner.scan(["main"], [OREGON], cancel=cancel)
    assert report.cancelled
    assert sink.begun == []


def test_a_failing_sink_ends_the_scan_with_its_own_error(
    cloud: StandIn, sessions: SessionFactory, catalog: Catalog
) -> None:
    class FullDisk(MemorySink):
        def bulk_upsert(self, resources: object, *, generation: int) -> None:
            raise CloudOpsError("The disk is full")

    sink = FullDisk()
    with pytest.raises(CloudOpsError, match="The disk is full"):
        Scanner(sessions, catalog, sink).scan(["main"], [OREGON], ["vpc", "subnet"])
    assert sink.begun
    assert not any(complete for complete, _ in sink.finished.values())


def test_no_profile_at_all_is_one_clear_message(aws_folder: Path, scanner: Scanner) -> None:
    with pytest.raises(CloudOpsError, match="no AWS configuration"):
        scanner.scan()


def test_an_unknown_type_is_refused(cloud: StandIn, scanner: Scanner) -> None:
    with pytest.raises(CloudOpsError, match="no type 'ec2_instanze'"):
        scanner.scan(["main"], [OREGON], ["ec2_instanze"])


def test_refresh_shows_the_state_after_a_stop(
    cloud: StandIn, scanner: Scanner, sink: MemorySink
) -> None:
    stage = Stage(cloud, "main", MAIN, OREGON)
    stage.everything("a")
    scanner.scan(["main"], [OREGON])
    database = sink.resources[stage.arn("rds", "db:a-main1")]
    stage.client("rds").stop_db_instance(DBInstanceIdentifier="a-main1")

    live = scanner.refresh(database)

    assert live is not None
    assert live.state == "stopped"
    assert live.constraints["can_start"] is True
    assert live.constraints["can_stop"] is False
    assert live.last_synced >= database.last_synced


def test_refresh_gives_every_type_the_record_that_the_scan_gave(
    cloud: StandIn, scanner: Scanner, sink: MemorySink
) -> None:
    stage = Stage(cloud, "second", SECOND, IRELAND)
    stage.everything("a")
    scanner.scan(["second"], [IRELAND])
    for arns in stage.made.values():
        for arn in arns:
            listed = sink.resources[arn]
            live = scanner.refresh(listed)
            assert live is not None, arn
            assert live.model_dump(exclude={"last_synced", "metadata"}) == listed.model_dump(
                exclude={"last_synced", "metadata"}
            )
            assert listed.metadata.keys() <= live.metadata.keys()


def test_refresh_says_none_for_what_does_not_exist_any_more(
    cloud: StandIn, scanner: Scanner, sink: MemorySink
) -> None:
    stage = Stage(cloud, "main", MAIN, OREGON)
    stage.everything("a")
    scanner.scan(["main"], [OREGON])
    known = [sink.resources[arn] for arns in stage.made.values() for arn in arns]
    cloud.reset()
    assert {resource.resource_type for resource in known if scanner.refresh(resource)} == set()


def test_refresh_never_asks_in_another_account(
    cloud: StandIn, scanner: Scanner, sink: MemorySink
) -> None:
    stage = Stage(cloud, "main", MAIN, OREGON)
    stage.instances("web", 1)
    scanner.scan(["main"], [OREGON], ["ec2_instance"])
    (instance,) = sink.resources.values()
    with pytest.raises(CloudOpsError, match="another account"):
        scanner.refresh(instance, "second")
    elsewhere = instance.model_copy(update={"account_id": "999999999999"})
    with pytest.raises(CloudOpsError, match="No usable profile reaches this account"):
        scanner.refresh(elsewhere)


def test_nothing_that_is_told_or_logged_holds_secrets_or_names(
    cloud: StandIn,
    aws_folder: Path,
    scanner: Scanner,
    denying: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    Stage(cloud, "main", MAIN, OREGON).everything("hidden-name")
    write_profiles(
        aws_folder,
        cloud.endpoint,
        main="services = closed",
        extra=f"[services closed]\nrds =\n  endpoint_url = {denying}\n",
    )
    caplog.set_level("INFO")
    told: list[str] = []
    report = scanner.scan(["main"], [OREGON], progress=lambda update: told.append(str(update)))
    said = "\n".join((*told, str(report), *report.problems()))
    logged = "\n".join(record.getMessage() for record in caplog.records)
    for text in (said, logged):
        assert SECRET not in text
        assert "hidden-name" not in text

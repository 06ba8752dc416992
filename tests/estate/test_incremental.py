from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import botocore.loaders
import pytest

from cloudops_ls.estate.scanner import Scanner
from cloudops_ls.estate.sync.events import MOST_EVENTS, event_source
from cloudops_ls.estate.sync.incremental import ROUNDS, IncrementalSync, is_cheap
from cloudops_ls.home import Home
from cloudops_ls.storage.service import StorageService
from tests.aws.event_history import EventHistory
from tests.aws.stand_in import MAIN, StandIn, write_profiles
from tests.estate.stage import Stage
from tests.storage.samples import ring

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cloudops_ls.aws.sessions import SessionFactory
    from cloudops_ls.estate.catalog.loader import Catalog

OREGON = "us-west-2"
TYPES = ["ec2_instance", "rds_instance", "rds_cluster", "sqs_queue", "iam_role", "ebs_volume"]


@pytest.fixture
def history(cloud: StandIn, aws_folder: Path) -> Iterator[EventHistory]:
    with EventHistory() as started:
        services = f"[services local]\ncloudtrail =\n  endpoint_url = {started.endpoint}\n"
        write_profiles(aws_folder, cloud.endpoint, extra=services, main="services = local")
        yield started


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StorageService]:
    (tmp_path / "run").mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    home = Home(tmp_path / "cloudops")
    with StorageService.open(home, keys=ring(home)) as opened:
        yield opened


@pytest.fixture
def stage(cloud: StandIn) -> Stage:
    return Stage(cloud, "main", MAIN, OREGON)


class Sync:
    """A scanned store, and the quick synchronisation of it."""

    def __init__(self, sessions: SessionFactory, catalog: Catalog, store: StorageService) -> None:
        self.store = store
        self.scanner = Scanner(sessions, catalog, store.estate)
        self.quick = IncrementalSync(sessions, self.scanner, catalog, store)

    def scan(self) -> None:
        assert self.scanner.scan(["main"], [OREGON], TYPES).complete

    def __call__(self) -> Any:
        return self.quick.run({MAIN: "main"})

    def state(self, arn: str) -> str | None:
        found = self.store.estate.get_resource(arn)
        return found.state if found is not None else "gone"


@pytest.fixture
def sync(
    history: EventHistory,
    stage: Stage,
    sessions: SessionFactory,
    catalog: Catalog,
    store: StorageService,
) -> Sync:
    stage.databases("pg")
    stage.instances("web", 3)
    stage.messaging("jobs")
    sync = Sync(sessions, catalog, store)
    sync.scan()
    return sync


def test_only_what_was_touched_is_described_again(
    sync: Sync, stage: Stage, history: EventHistory
) -> None:
    first, second, _ = sorted(stage.made["ec2_instance"])
    id_ = first.rpartition("/")[2]
    stage.client("ec2").stop_instances(InstanceIds=[id_])
    # Nobody told of this one: it stays as it was known.
    stage.client("ec2").stop_instances(InstanceIds=[second.rpartition("/")[2]])
    history.tell("StopInstances", "ec2", {"instancesSet": {"items": [{"instanceId": id_}]}})

    report = sync()
    assert report.refreshed == {first}
    assert report.listed is None
    assert report.problems == []
    assert sync.state(first) == "stopped"
    assert sync.state(second) == "running"


def test_what_was_deleted_is_gone_and_in_the_history(
    sync: Sync, stage: Stage, history: EventHistory
) -> None:
    arn = stage.arn("rds", "db:pg-main1")
    stage.client("rds").delete_db_instance(DBInstanceIdentifier="pg-main1", SkipFinalSnapshot=True)
    history.tell("DeleteDBInstance", "rds", {"dBInstanceIdentifier": "pg-main1"})
    report = sync()
    assert report.gone == {arn}
    assert sync.state(arn) == "gone"
    assert [change.kind for change in sync.store.estate.history(arn)] == ["removed"]


def test_what_was_made_is_found_by_listing_its_service_in_its_region(
    sync: Sync, stage: Stage, history: EventHistory
) -> None:
    stage.client("sqs").create_queue(QueueName="brand-new")
    history.tell("CreateQueue", "sqs", {"queueName": "brand-new"})
    report = sync()
    assert [scope.resource_type for scope in report.listed.scopes] == ["sqs_queue"]
    assert sync.state(stage.arn("sqs", "brand-new")) != "gone"


def test_events_that_name_nothing_known_have_their_service_listed(
    sync: Sync, stage: Stage, history: EventHistory
) -> None:
    history.tell("ModifyDBCluster", "rds", {"something": "else"})
    report = sync()
    kinds = {scope.resource_type for scope in report.listed.scopes}
    assert kinds == {"rds_instance", "rds_cluster"}


def test_global_services_are_followed_where_their_events_are(
    sync: Sync, stage: Stage, history: EventHistory
) -> None:
    stage.client("iam").create_role(RoleName="late", AssumeRolePolicyDocument="{}")
    history.tell("CreateRole", "iam", {"roleName": "late"}, region="us-east-1")
    report = sync()
    assert [scope.resource_type for scope in report.listed.scopes] == ["iam_role"]
    assert sync.state(f"arn:aws:iam::{MAIN}:role/late") != "gone"


def test_failed_calls_and_other_services_are_nothing_to_ask_about(
    sync: Sync, history: EventHistory
) -> None:
    history.tell("DeleteDBInstance", "rds", {"dBInstanceIdentifier": "pg-main1"}, error="Denied")
    history.tell("CreateCampaign", "mobiletargeting", {"name": "spring"})
    report = sync()
    assert (report.refreshed, report.listed) == (set(), None)


def test_an_event_is_acted_upon_once_though_its_stretch_is_read_again(
    sync: Sync, stage: Stage, history: EventHistory
) -> None:
    arn = next(iter(stage.made["ec2_instance"]))
    history.tell("StopInstances", "ec2", resources=(arn.rpartition("/")[2],))
    assert sync().refreshed == {arn}
    assert sync().refreshed == set()
    late = datetime.now(UTC) - timedelta(minutes=14)
    # Events that arrive late are still seen: the stretch overlaps.
    assert min(one["StartTime"] for one in history.asked[-2:]) < late.timestamp()


def test_where_the_history_is_closed_the_cheap_listings_take_turns(
    sync: Sync, stage: Stage, history: EventHistory, catalog: Catalog
) -> None:
    history.denied = True
    stage.client("ec2").stop_instances(
        InstanceIds=[arn.rpartition("/")[2] for arn in stage.made["ec2_instance"]]
    )
    listed: list[set[str]] = []
    for _ in range(ROUNDS):
        report = sync()
        assert report.followed == []
        assert report.problems == []
        listed.append({scope.resource_type for scope in report.listed.scopes})
    cheap = {kind for kind in TYPES if is_cheap(catalog[kind])}
    assert set().union(*listed) == cheap
    assert len(listed[0]) < len(cheap)
    assert {sync.state(arn) for arn in stage.made["ec2_instance"]} == {"stopped"}


def test_more_events_than_can_be_read_are_the_same_as_none(
    sync: Sync, history: EventHistory
) -> None:
    for number in range(MOST_EVENTS + 1):
        history.tell("StopInstances", "ec2", resources=(f"i-{number}",))
    report = sync()
    assert (MAIN, OREGON) in report.rotated


def test_sources_of_events_are_what_botocore_calls_the_endpoint(catalog: Catalog) -> None:
    loader = botocore.loaders.Loader()
    known = {"autoscaling", "states", "monitoring"}
    for service in {kind.service for kind in catalog}:
        metadata = loader.load_service_model(service, "service-2")["metadata"]
        names = {metadata["endpointPrefix"], metadata.get("signingName"), service} | known
        assert event_source(service) in names, service

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

from cloudops_ls.errors import CloudOpsError
from cloudops_ls.estate.scanner import Scanner
from cloudops_ls.storage.records import ScopeOutcome
from tests.aws.stand_in import IRELAND, MAIN, OREGON, SECRET, StandIn, write_profiles
from tests.estate.sink import MemorySink
from tests.estate.stage import Stage

if TYPE_CHECKING:
    from pathlib import Path

    from cloudops_ls.aws.sessions import SessionFactory
    from cloudops_ls.estate.catalog.loader import Catalog


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

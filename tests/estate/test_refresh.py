from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cloudops_ls.errors import CloudOpsError
from tests.aws.stand_in import IRELAND, MAIN, OREGON, SECOND, StandIn
from tests.estate.stage import Stage

if TYPE_CHECKING:
    from cloudops_ls.estate.scanner import Scanner
    from tests.estate.sink import MemorySink


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

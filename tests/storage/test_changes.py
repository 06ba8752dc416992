from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

from cloudops_ls.storage import changes
from cloudops_ls.storage.records import (
    Change,
    ChangeKind,
    ResourceFilter,
    ScopeOutcome,
    SyncKind,
    SyncRun,
)

from .samples import ACCOUNT, MOMENT, REGION, resource

if TYPE_CHECKING:
    from cloudops_ls.home import Home
    from cloudops_ls.storage.resource import Resource
    from cloudops_ls.storage.service import StorageService

SCOPE = (ACCOUNT, REGION, "rds_instance")
BEFORE = MOMENT - timedelta(days=1)


def listing(service: StorageService, *found: Resource) -> None:
    generation = service.estate.begin_scope(*SCOPE)
    service.estate.bulk_upsert(found, generation=generation)
    service.estate.finish_scope(*SCOPE, generation, complete=True)


def told(changes: list[Change]) -> list[tuple[ChangeKind, str]]:
    return [(change.kind, change.name) for change in changes]


def test_the_first_listing_of_a_scope_is_no_news(service: StorageService) -> None:
    listing(service, resource("a"), resource("b"))
    assert service.estate.changes_since(BEFORE) == []


def test_what_appears_changes_and_goes_is_told_newest_first(service: StorageService) -> None:
    listing(service, resource("a"), resource("b"))
    later = MOMENT + timedelta(hours=1)
    stopped = resource(
        "a", state="stopped", tags={"env": "production", "owner": "ops"}, last_synced=later
    )
    listing(service, stopped, resource("c", last_synced=later))

    found = service.estate.changes_since(BEFORE)
    assert told(found) == [
        (ChangeKind.REMOVED, "b"),
        (ChangeKind.CHANGED, "a"),
        (ChangeKind.ADDED, "c"),
    ]
    changed = found[1]
    assert changed.at == later
    assert {one.field: (one.before, one.after) for one in changed.fields} == {
        "state": ("available", "stopped"),
        "tags.app": ("main", None),
        "tags.owner": (None, "ops"),
    }
    removed = found[0].field("state")
    assert removed is not None
    assert (removed.before, removed.after) == ("available", None)


def test_a_resource_has_a_history_also_when_it_is_gone(service: StorageService) -> None:
    listing(service, resource("a"))
    for hour, state in enumerate(("stopping", "stopped", "starting"), start=1):
        moment = MOMENT + timedelta(hours=hour)
        service.estate.upsert_resource(resource("a", state=state, last_synced=moment))
    arn = resource("a").arn
    assert service.estate.delete_resource(arn)
    states = [change.field("state") for change in service.estate.history(arn)]
    assert [state.before for state in states if state] == [
        "starting",
        "stopped",
        "stopping",
        "available",
    ]


def test_changes_can_be_narrowed_and_limited(service: StorageService) -> None:
    listing(service, resource("a"))
    listing(service, resource("a", state="stopped"), resource("b"), resource("c"))
    assert len(service.estate.changes_since(BEFORE)) == 3
    assert len(service.estate.changes_since(BEFORE, limit=2)) == 2
    here = ResourceFilter(regions=(REGION,), types=("rds_instance",), accounts=(ACCOUNT,))
    assert len(service.estate.changes_since(BEFORE, here)) == 3
    assert service.estate.changes_since(BEFORE, ResourceFilter(regions=("eu-west-1",))) == []
    assert service.estate.changes_since(MOMENT + timedelta(seconds=1)) == []


def test_history_is_bounded_by_age_and_by_number(service: StorageService) -> None:
    listing(service, resource("a"))
    for minute in range(10):
        moment = MOMENT + timedelta(minutes=minute)
        service.estate.upsert_resource(resource("a", state=f"state-{minute}", last_synced=moment))
    assert service.estate.forget_changes(MOMENT + timedelta(minutes=4)) == 4
    assert len(service.estate.changes_since(BEFORE)) == 6
    with service.estate._database.write() as connection:
        assert changes.forget(connection, BEFORE, most=2) == 4
    kept = service.estate.changes_since(BEFORE)
    assert [change.field("state").after for change in kept] == ["state-9", "state-8"]


def test_how_a_listing_ended_is_kept(service: StorageService) -> None:
    generation = service.estate.begin_scope(*SCOPE)
    service.estate.finish_scope(
        *SCOPE, generation, complete=False, error="IAM says no", outcome=ScopeOutcome.DENIED
    )
    scope = service.sync.scope(*SCOPE)
    assert scope is not None
    assert (scope.outcome, scope.error) == (ScopeOutcome.DENIED, "IAM says no")


def test_runs_and_cursors_survive_and_the_status_file_names_no_account(
    service: StorageService, home: Home
) -> None:
    listing(service, resource("secret-name"))
    service.sync.put_cursor(ACCOUNT, REGION, MOMENT)
    assert service.sync.cursor(ACCOUNT, REGION) == MOMENT
    assert service.sync.cursor(ACCOUNT, "eu-west-1") is None
    first = SyncRun(kind=SyncKind.FULL, reason="schedule", started_at=MOMENT)
    service.sync.put_run(first)
    ended = first.model_copy(update={"finished_at": MOMENT, "complete": True, "resources": 7})
    service.sync.put_run(ended)
    assert service.sync.runs() == [ended]
    assert service.sync.runs(SyncKind.INCREMENTAL) == []

    service.sync.publish()
    text = home.sync_status.read_text()
    status = json.loads(text)
    assert status["tasks"]["rds_instance"]["outcomes"] == {"complete": 1}
    assert status["last_runs"]["full"]["resources"] == 7
    assert ACCOUNT not in text
    assert "secret-name" not in text

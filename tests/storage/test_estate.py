from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from cloudops_ls.storage.records import (
    AccountRecord,
    Match,
    NameRow,
    ResourceFilter,
    ScopeStatus,
    UpsertResult,
)

from .samples import ACCOUNT, MOMENT, REGION, estate, resource

if TYPE_CHECKING:
    import pytest

    from cloudops_ls.storage.service import StorageService

SCOPE = (ACCOUNT, REGION, "rds_instance")


def test_a_record_comes_back_as_it_went_in(service: StorageService) -> None:
    full = resource("pg-instance-main1", metadata={"nested": {"list": [1, None, "ü"]}})
    bare = resource("bare", state=None, engine=None, tags={}, permissions=(), metadata={})
    service.estate.bulk_upsert([full, bare])
    assert service.estate.get_resource(full.arn) == full
    assert service.estate.get_resource("bare") == bare
    assert service.estate.get_resource("absent") is None


def test_upserts_tell_new_changed_and_merely_seen_apart(service: StorageService) -> None:
    first = resource("db")
    assert service.estate.upsert_resource(first) == UpsertResult(added=1)
    before = service.estate.generation()
    seen_again = first.model_copy(update={"last_synced": MOMENT + timedelta(hours=1)})
    assert service.estate.upsert_resource(seen_again) == UpsertResult(unchanged=1)
    assert service.estate.generation() == before
    found = service.estate.get_resource("db")
    assert found == seen_again
    stopped = first.model_copy(update={"state": "stopped"})
    assert service.estate.upsert_resource(stopped) == UpsertResult(changed=1)
    assert service.estate.generation() > before
    assert service.estate.count() == 1


def test_the_last_of_several_records_of_one_resource_wins(service: StorageService) -> None:
    twice = [resource("db", state="starting"), resource("db", state="available")]
    assert service.estate.bulk_upsert(twice) == UpsertResult(added=1)
    found = service.estate.get_resource("db")
    assert found is not None
    assert found.state == "available"


def test_a_generator_of_many_is_written_in_full(service: StorageService) -> None:
    assert service.estate.bulk_upsert(iter(estate(4500))).added == 4500
    assert service.estate.count() == 4500


def test_names_stream_what_completion_needs(service: StorageService) -> None:
    service.estate.bulk_upsert([resource("Zeta", identifier="i-1"), resource("alpha", state=None)])
    rows = list(service.estate.names())
    assert [row.name for row in rows] == ["alpha", "Zeta"]
    zeta = resource("Zeta", identifier="i-1")
    assert rows[1] == NameRow("Zeta", "i-1", zeta.arn, "rds_instance", ACCOUNT, REGION, "available")


def test_writing_goes_on_while_names_are_streamed(service: StorageService) -> None:
    service.estate.bulk_upsert(estate(6000))
    rows = service.estate.names()
    next(rows)
    service.estate.upsert_resource(resource("meanwhile"))
    assert sum(1 for _ in rows) == 5999
    assert service.estate.count() == 6001


def test_the_generation_follows_every_change(service: StorageService) -> None:
    seen = [service.estate.generation()]
    service.estate.upsert_resource(resource("db"))
    seen.append(service.estate.generation())
    service.estate.delete_resource(resource("db").arn)
    seen.append(service.estate.generation())
    assert len(set(seen)) == 3
    assert not service.estate.delete_resource(resource("db").arn)
    assert service.estate.generation() == seen[-1]


def test_find_returns_all_that_share_a_name(service: StorageService) -> None:
    here = resource("web-1", identifier="i-1")
    there = resource("web-1", identifier="i-2", region="eu-west-1")
    shouting = resource("WEB-1", identifier="i-3")
    service.estate.bulk_upsert([here, there, shouting])
    assert service.estate.find("web-1") == [there, here]
    assert service.estate.find("i-2") == [there]
    assert service.estate.find(here.arn) == [here]
    assert service.estate.find("WEB-1") == [shouting]
    assert len(service.estate.find("Web-1")) == 3
    assert service.estate.find("") == []


def test_an_identifier_that_several_share_names_none(service: StorageService) -> None:
    service.estate.bulk_upsert([resource("db"), resource("db", region="eu-west-1")])
    assert service.estate.get_resource("db") is None


def test_resources_are_listed_by_account_region_and_type(service: StorageService) -> None:
    a = resource("a", account_id="1" * 12)
    b = resource("b", region="global")
    c = resource("c", resource_type="s3_bucket")
    service.estate.bulk_upsert([a, b, c])
    assert service.estate.get_by_account("1" * 12) == [a]
    assert service.estate.get_by_region("global") == [b]
    assert service.estate.get_by_type("s3_bucket") == [c]


def test_accounts_are_replaced_by_id(service: StorageService) -> None:
    service.estate.put_account(AccountRecord(account_id=ACCOUNT, profiles=("prod",)))
    renamed = AccountRecord(account_id=ACCOUNT, alias="acme", profiles=("prod", "admin"))
    service.estate.put_account(renamed)
    assert service.estate.accounts() == [renamed]


# Listings: empty is not the same as absent


def test_a_complete_listing_sweeps_what_it_did_not_see(service: StorageService) -> None:
    elsewhere = resource("elsewhere", region="eu-west-1")
    service.estate.bulk_upsert([resource("old"), resource("kept"), elsewhere])
    generation = service.estate.begin_scope(*SCOPE)
    service.estate.bulk_upsert([resource("kept"), resource("new")], generation=generation)
    result = service.estate.finish_scope(*SCOPE, generation, complete=True)
    assert result.seen == 2
    assert result.removed == (resource("old").arn,)
    assert {row.name for row in service.estate.names()} == {"kept", "new", "elsewhere"}
    scope = service.sync.scope(*SCOPE)
    assert scope is not None
    assert (scope.status, scope.generation, scope.count) == (ScopeStatus.COMPLETE, generation, 2)
    assert scope.error is None


def test_a_failed_listing_deletes_nothing(service: StorageService) -> None:
    service.estate.bulk_upsert([resource("old"), resource("kept")])
    generation = service.estate.begin_scope(*SCOPE)
    service.estate.bulk_upsert([resource("kept")], generation=generation)
    before = service.estate.generation()
    result = service.estate.finish_scope(*SCOPE, generation, complete=False, error="Throttled")
    assert (result.seen, result.removed) == (1, ())
    assert service.estate.count() == 2
    assert service.estate.generation() == before
    scope = service.sync.scope(*SCOPE)
    assert scope is not None
    assert (scope.status, scope.generation) == (ScopeStatus.INCOMPLETE, 0)
    assert scope.error == "Throttled"


def test_a_complete_and_empty_listing_empties_its_scope(service: StorageService) -> None:
    service.estate.bulk_upsert(resource(f"db-{index}") for index in range(5))
    generation = service.estate.begin_scope(*SCOPE)
    result = service.estate.finish_scope(*SCOPE, generation, complete=True)
    assert len(result.removed) == 5
    assert service.estate.count() == 0


def test_what_is_refreshed_during_a_listing_is_not_swept(service: StorageService) -> None:
    generation = service.estate.begin_scope(*SCOPE)
    service.estate.upsert_resource(resource("created-meanwhile"))
    assert service.estate.finish_scope(*SCOPE, generation, complete=True).removed == ()
    later = service.estate.begin_scope(*SCOPE)
    assert service.estate.finish_scope(*SCOPE, later, complete=True).removed


def test_a_listing_overtaken_by_a_newer_one_changes_nothing(service: StorageService) -> None:
    service.estate.upsert_resource(resource("db"))
    slow = service.estate.begin_scope(*SCOPE)
    newer = service.estate.begin_scope(*SCOPE)
    assert service.estate.finish_scope(*SCOPE, slow, complete=True).superseded
    assert service.estate.count() == 1
    service.estate.bulk_upsert([resource("db")], generation=newer)
    assert service.estate.finish_scope(*SCOPE, newer, complete=True).removed == ()


def test_interrupted_listings_are_closed_as_incomplete(service: StorageService) -> None:
    service.estate.begin_scope(*SCOPE)
    assert service.sync.recover() == 1
    scope = service.sync.scope(*SCOPE)
    assert scope is not None
    assert scope.status is ScopeStatus.INCOMPLETE
    assert service.sync.recover() == 0
    assert service.sync.scopes(ACCOUNT) == service.sync.scopes()


# Search without an index, as in the language server


def test_search_prefers_exact_then_prefix_then_substring_then_words(
    service: StorageService,
) -> None:
    service.estate.bulk_upsert(
        [
            resource("main", tags={}),
            resource("main-2", tags={}),
            resource("the-main-one", tags={}),
            resource("tagged", tags={"app": "main"}),
            resource("other", tags={}),
        ]
    )
    hits = service.estate.search("main")
    assert [(hit.resource.name, hit.how) for hit in hits] == [
        ("main", Match.EXACT),
        ("main-2", Match.PREFIX),
        ("the-main-one", Match.SUBSTRING),
        ("tagged", Match.KEYWORDS),
    ]
    scores = [hit.score for hit in hits]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] == 1.0
    assert len(service.estate.search("main", limit=2)) == 2


def test_search_by_words_ranks_by_how_many_match(service: StorageService) -> None:
    service.estate.bulk_upsert(
        [resource("a", tags={"env": "production"}), resource("b", tags={"env": "dev"})]
    )
    hits = service.estate.search("the PRODUCTION postgres")
    assert [hit.resource.name for hit in hits] == ["a", "b"]
    assert hits[0].score > hits[1].score


def test_search_respects_every_filter(service: StorageService) -> None:
    service.estate.bulk_upsert(estate(60))
    filters = ResourceFilter(
        accounts=(ACCOUNT,),
        regions=("us-west-2", "eu-west-1"),
        types=("rds_instance",),
        states=("stopped",),
        tags={"app": "app1"},
    )
    hits = service.estate.search("svc", filters, limit=100)
    expected = {each.name for each in estate(60) if filters.matches(each)}
    assert {hit.resource.name for hit in hits} == expected
    assert 0 < len(expected) < 60


def test_characters_that_sql_knows_are_plain_text(service: StorageService) -> None:
    service.estate.bulk_upsert([resource("100%_done"), resource("100xydone")])
    assert [hit.resource.name for hit in service.estate.search("0%_d")] == ["100%_done"]
    assert service.estate.search("'; DROP TABLE resources; --") == []
    assert service.estate.search("  ") == []
    assert service.estate.count() == 2


def test_sync_status_holds_counts_and_nothing_of_the_estate(
    service: StorageService, home, monkeypatch: pytest.MonkeyPatch
) -> None:
    generation = service.estate.begin_scope(*SCOPE)
    service.estate.bulk_upsert([resource("pg-secret-name")], generation=generation)
    service.estate.finish_scope(*SCOPE, generation, complete=True)
    service.sync.publish()
    content = home.sync_status.read_text()
    assert '"complete": 1' in content
    for word in ("pg-secret", ACCOUNT, REGION, "arn:"):
        assert word not in content

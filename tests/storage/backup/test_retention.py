"""Which backups go, which content goes, and when the next backup is due."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudops_ls.errors import CloudOpsError
from cloudops_ls.storage.backup.documents import PackEntry
from cloudops_ls.storage.backup.retention import Dated, expired, plan_content
from cloudops_ls.storage.backup.schedule import RETRY, next_due

NOW = datetime(2026, 11, 25, tzinfo=UTC)
DAY = timedelta(days=1)


def daily(days: int, store: str = "s") -> list[Dated]:
    """Backups of the last days, made and stored at once; the newest is a year old."""
    newest = NOW - 365 * DAY
    return [
        Dated(f"{store}{age:03d}", store, newest - age * DAY, newest - age * DAY)
        for age in range(days)
    ]


def test_days_count_back_from_the_newest_backup() -> None:
    assert expired(daily(40), 30) == [f"s{age:03d}" for age in range(31, 40)]
    assert expired(daily(1), 30) == []
    assert expired([], 30) == []


def test_an_empty_policy_is_refused() -> None:
    for days in (0, -1):
        with pytest.raises(CloudOpsError, match="nothing about what to keep"):
            expired(daily(40), days)


def test_stores_have_their_own_count() -> None:
    other = [Dated("o", "other", NOW - 3000 * DAY, NOW - 3000 * DAY)]
    assert "o" not in expired([*daily(40), *other], 30)


@pytest.mark.parametrize("clock", ["created", "modified"])
@pytest.mark.parametrize("jump", [-50 * 365 * DAY, 50 * 365 * DAY])
def test_a_clock_that_jumps_prunes_nothing_more(clock: str, jump: timedelta) -> None:
    backups = daily(40)
    alone = expired(backups, 30)
    for number, each in enumerate(backups):
        moved = {name: getattr(each, name) for name in ("name", "store_id", "created", "modified")}
        moved[clock] += jump
        jumped = [*backups[:number], Dated(**moved), *backups[number + 1 :]]
        assert set(expired(jumped, 30)) <= set(alone)


@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.integers(0, 400), st.integers(0, 400)), max_size=30
    ),
    st.integers(1, 60),
)
def test_the_newest_of_each_store_stays_by_either_clock(
    made: list[tuple[str, int, int]], days: int
) -> None:
    backups = [
        Dated(f"{number:03d}", store, NOW - created * DAY, NOW - modified * DAY)
        for number, (store, created, modified) in enumerate(made)
    ]
    gone = set(expired(backups, days))
    for store in {each.store_id for each in backups}:
        group = [each for each in backups if each.store_id == store]
        kept = [each for each in group if each.name not in gone]
        assert max(each.created for each in group) in [each.created for each in kept]
        assert max(each.modified for each in group) in [each.modified for each in kept]
    # Pruning again removes nothing more.
    assert not expired([each for each in backups if each.name not in gone], days)


def entry(name: str, *chunks: str) -> PackEntry:
    return PackEntry(
        name=name * 32,
        size=1,
        etag="e",
        chunks=tuple(chunk * 64 for chunk in chunks),
        raw=(10,) * len(chunks),
    )


def test_content_goes_stays_or_moves_by_how_much_of_it_is_needed() -> None:
    packs = {
        pack.name: pack
        for pack in (entry("a", "1", "2", "3"), entry("b", "4", "5", "6"), entry("c", "7", "1"))
    }
    where = {chunk: name for name, pack in packs.items() for chunk in pack.chunks}
    where["1" * 64] = "a" * 32
    plan = plan_content(packs, where, {digit * 64 for digit in "1246"})
    assert [pack.name[0] for pack in plan.keep] == ["a", "b"]
    assert [pack.name[0] for pack in plan.remove] == ["c"]  # only a copy of 1
    plan = plan_content(packs, where, {"1" * 64})
    assert [pack.name[0] for pack in plan.repack] == ["a"]
    assert [pack.name[0] for pack in plan.remove] == ["b", "c"]


INTERVAL = timedelta(hours=24)


def test_the_schedule_runs_once_an_interval() -> None:
    assert next_due(NOW, INTERVAL, last_done=None, last_tried=None) == NOW
    done = NOW - timedelta(hours=5)
    assert next_due(NOW, INTERVAL, last_done=done, last_tried=done) == done + INTERVAL


def test_a_failure_is_tried_again_after_an_hour() -> None:
    tried = NOW - timedelta(minutes=5)
    assert next_due(NOW, INTERVAL, last_done=None, last_tried=tried) == tried + RETRY
    old = NOW - timedelta(days=3)
    assert next_due(NOW, INTERVAL, last_done=old, last_tried=tried) == tried + RETRY
    minute = timedelta(minutes=1)
    assert next_due(NOW, minute, last_done=old, last_tried=tried) == tried + minute


def test_a_clock_that_was_ahead_does_not_put_off_backups() -> None:
    later = NOW + timedelta(days=3650)
    assert next_due(NOW, INTERVAL, last_done=later, last_tried=later) == NOW


@given(st.lists(st.integers(0, 500), min_size=1, max_size=40))
def test_however_often_it_is_asked_there_is_one_backup_an_interval(hours: list[int]) -> None:
    done: datetime | None = None
    made = []
    for hour in sorted(hours):
        moment = NOW + timedelta(hours=hour)
        if next_due(moment, INTERVAL, last_done=done, last_tried=done) <= moment:
            done = moment
            made.append(moment)
    assert made
    assert all(after - before >= INTERVAL for before, after in pairwise(made))

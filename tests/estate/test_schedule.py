from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from cloudops_ls.estate.sync.schedule import LONGEST_PAUSE, SyncTimes, failed, next_due
from cloudops_ls.storage.records import SyncKind, SyncRun

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
TIMES = SyncTimes()
FULL, QUICK = SyncKind.FULL, SyncKind.INCREMENTAL


def run(kind: SyncKind, ago: float, *, failed: bool = False, over: bool = True) -> SyncRun:
    """One that began ``ago`` minutes before noon and took a minute."""
    began = NOON - timedelta(minutes=ago)
    return SyncRun(
        kind=kind,
        reason="schedule",
        started_at=began,
        finished_at=began + timedelta(minutes=1) if over else None,
        complete=not failed,
        scopes=10,
        failed=10 if failed else 0,
    )


def test_an_estate_that_was_never_synchronised_is_due_at_once() -> None:
    due = next_due([], TIMES, NOON)
    assert (due.kind, due.at) == (FULL, NOON)


def test_a_quick_one_follows_after_a_quarter_of_an_hour() -> None:
    due = next_due([run(FULL, 10)], TIMES, NOON)
    assert (due.kind, due.at) == (QUICK, NOON + timedelta(minutes=5))


def test_the_quarter_is_counted_from_the_last_of_either_kind() -> None:
    due = next_due([run(QUICK, 5), run(FULL, 200)], TIMES, NOON)
    assert (due.kind, due.at) == (QUICK, NOON + timedelta(minutes=10))


def test_a_full_one_is_due_every_six_hours_and_replaces_the_quick_one() -> None:
    due = next_due([run(QUICK, 10), run(FULL, 6 * 60 - 2)], TIMES, NOON)
    assert (due.kind, due.at) == (FULL, NOON + timedelta(minutes=2))
    overslept = next_due([run(QUICK, 600), run(FULL, 700)], TIMES, NOON)
    assert overslept.kind is FULL
    assert overslept.at <= NOON


def test_failures_double_the_pause_up_to_six_hours() -> None:
    fine = run(FULL, 300)
    pauses = []
    for count in (1, 2, 3, 10, 40):
        runs = [*(run(QUICK, 1 + number, failed=True) for number in range(count)), fine]
        due = next_due(runs, TIMES, NOON)
        assert due.failures == count
        pauses.append(due.at - NOON)
    minutes = timedelta(minutes=1)
    assert pauses == [30 * minutes, 60 * minutes, 120 * minutes, LONGEST_PAUSE, LONGEST_PAUSE]


def test_a_run_that_a_crash_cut_off_counts_as_failed() -> None:
    due = next_due([run(FULL, 2, over=False), run(FULL, 100)], TIMES, NOON)
    assert due.failures == 1
    assert due.at == NOON + timedelta(minutes=28)


def test_denied_services_do_not_slow_down_the_rest() -> None:
    some_denied = run(FULL, 0).model_copy(update={"complete": False, "failed": 3})
    assert not failed(some_denied)
    assert failed(some_denied.model_copy(update={"failed": 8}))


@given(
    st.lists(
        st.builds(
            run,
            st.sampled_from(SyncKind),
            st.floats(0, 10_000),
            failed=st.booleans(),
            over=st.booleans(),
        )
    )
)
def test_it_is_never_put_off_for_longer_than_the_longest_pause(runs: list[SyncRun]) -> None:
    runs.sort(key=lambda one: one.started_at, reverse=True)
    due = next_due(runs, TIMES, NOON)
    assert due.at <= NOON + LONGEST_PAUSE + timedelta(minutes=1)

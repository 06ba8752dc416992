"""When the next backup is due (pure)."""

from __future__ import annotations

from datetime import datetime, timedelta

RETRY = timedelta(hours=1)
"""After a failure; an interval shorter than this is not lengthened."""


def next_due(
    moment: datetime,
    interval: timedelta,
    *,
    last_done: datetime | None,
    last_tried: datetime | None,
) -> datetime:
    """Return when the next backup is due; not later than ``moment`` means now.

    A moment of the past that lies in the future, because the clock was wrong then, counts as
    never: a clock that was ahead must not put off backups until it is caught up with.

    Parameters
    ----------
    moment
        Now.
    interval
        Between backups.
    last_done
        When the last one was finished.
    last_tried
        When the last attempt began, successful or not.
    """
    done = last_done if last_done is not None and last_done <= moment else None
    tried = last_tried if last_tried is not None and last_tried <= moment else None
    due = moment if done is None else done + interval
    if tried is not None and (done is None or tried > done):
        due = max(due, tried + min(RETRY, interval))
    return due

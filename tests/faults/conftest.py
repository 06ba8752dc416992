from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from .harness import Tally


@pytest.fixture
def record(record_property: Callable[[str, object], None]) -> Callable[[Tally], None]:
    """Put a tally into the table that ``make faults`` prints, and fail if it is red."""

    def note(tally: Tally) -> None:
        record_property("fault", tally.as_line())
        assert not tally.red, str(tally)

    return note

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.storage.backup.cloud import make_bucket, s3, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .harness import Tally


@pytest.fixture
def record(record_property: Callable[[str, object], None]) -> Callable[[Tally], None]:
    """Put a tally into the table that ``make faults`` prints, and fail if it is red."""

    def note(tally: Tally) -> None:
        record_property("fault", tally.as_line())
        assert not tally.red, str(tally)

    return note


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    """S3 with one bucket for all; every test has folders of its own in it."""
    with serving() as address:
        make_bucket(s3(address))
        yield address


@pytest.fixture(scope="session")
def client(endpoint: str) -> Any:
    return s3(endpoint)

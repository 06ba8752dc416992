"""One filled stand-in AWS for the tests that only read it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from cloudops_ls.demo.cloud import DemoCloud
from cloudops_ls.demo.estate import fill

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class FilledCloud:
    cloud: DemoCloud
    made: Counter[str]


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FilledCloud]:
    with DemoCloud(tmp_path_factory.mktemp("demo-cloud") / "aws") as cloud:
        yield FilledCloud(cloud, fill(cloud))

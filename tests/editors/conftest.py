"""What the journeys through the real editors share: a stand-in AWS and a scanned home."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from cloudops_ls.demo.cloud import PRODUCTION
from tests.e2e.conftest import cloud, environment_of, scanned
from tests.editors.desk import desk
from tests.editors.installing import CACHE

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    from cloudops_ls.demo.cloud import DemoCloud

__all__ = ["cloud", "desk", "scanned"]


DATABASE = "pg-instance-main1"
FAILURES = CACHE / "failures"
"""What an editor looked like, and said, when its test failed."""
_REPORT = pytest.StashKey[pytest.TestReport]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.when == "call":
        item.stash[_REPORT] = report
    return report


def failed(request: pytest.FixtureRequest) -> bool:
    """Whether the test has failed, for fixtures that keep the evidence."""
    report = request.node.stash.get(_REPORT, None)
    return report is not None and report.failed


@pytest.fixture(scope="session")
def installed() -> Callable[[str], Path]:
    """Where an editor is; skips its tests, with the reason, where it could not be installed."""

    def find(name: str) -> Path:
        missing = CACHE / f"{name}.missing"
        if missing.exists():
            pytest.skip(f"{name} is not tested here: {missing.read_text()}")
        if not (CACHE / name / "made-from").exists():
            pytest.skip(f"{name} is not installed: make test-editors does that")
        return CACHE / name

    return find


@pytest.fixture(scope="module")
def editor_environment(
    cloud: DemoCloud, scanned: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """The environment of an editor whose home holds the scanned estate, shared by a module."""
    # As the scanned home knows it, whatever the editor before has done.
    rds = cloud.client("rds", PRODUCTION)
    (database,) = rds.describe_db_instances(DBInstanceIdentifier=DATABASE)["DBInstances"]
    if database["DBInstanceStatus"] != "available":
        rds.start_db_instance(DBInstanceIdentifier=DATABASE)
    root = tmp_path_factory.mktemp("e")
    shutil.copytree(scanned, root / "home", ignore=shutil.ignore_patterns("worker.log"))
    return environment_of(cloud, root)

"""A folder of runbooks, a home with the scanned estate, and what AWS says."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cloudops_ls.demo.cloud import PRODUCTION, DemoCloud
from tests.e2e.conftest import environment_of

if TYPE_CHECKING:
    from collections.abc import Iterator

DATABASE = "pg-instance-main1"
RUNBOOK = """\
# Friday

Stop

## Afterwards

```sh
$ aws rds describe-db-instances --db-instance-identifier pg-analytics
```
"""


class Desk:
    """Where one operator works.

    Attributes
    ----------
    file
        The runbook.
    environment
        Of the editor.
    """

    def __init__(self, root: Path, environment: dict[str, str]) -> None:
        self._root = root
        self.environment = environment
        self.file = self.folder("runbooks") / "friday.cloudops.md"
        self.file.write_text(RUNBOOK)

    def folder(self, name: str) -> Path:
        """Return a new folder, beside the home."""
        made = self._root / name
        made.mkdir()
        return made


def state_of(cloud: DemoCloud) -> str:
    """Return what AWS says of the database."""
    found = _rds(cloud).describe_db_instances(DBInstanceIdentifier=DATABASE)
    return str(found["DBInstances"][0]["DBInstanceStatus"])


def _rds(cloud: DemoCloud) -> Any:
    return cloud.client("rds", PRODUCTION)


@pytest.fixture
def desk(
    cloud: DemoCloud, scanned: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Desk]:
    """A desk of one's own; the database runs."""
    if state_of(cloud) != "available":
        _rds(cloud).start_db_instance(DBInstanceIdentifier=DATABASE)
    # Socket paths are short; pytest's per-test directories may not be.
    root = tmp_path_factory.mktemp("d")
    shutil.copytree(scanned, root / "home", ignore=shutil.ignore_patterns("worker.log"))
    environment = environment_of(cloud, root)
    # Editors look the server up there.
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    yield Desk(root, environment)

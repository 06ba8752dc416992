"""A worker that follows a sync in its search index, fills it and makes it anew, and is killed."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cloudops_ls.storage.indexing.settings import VectorSettings
from cloudops_ls.storage.service import StorageService
from cloudops_ls.storage.vectors.directory import PREFIX
from cloudops_ls.storage.vectors.engines import Engine
from tests.storage.samples import ring

from .store_workloads import SyncWorkload

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cloudops_ls.home import Home

    from .workload import Child


class IndexWorkload(SyncWorkload):
    """The sync, with an index that is filled before it, renewed within it and kept in step."""

    name = "search index"

    def work(self, child: Child) -> None:
        settings = VectorSettings(engine=Engine.EDGE, places=(_place(child.home),))
        with StorageService.open(child.home, keys=ring(child.home), vectors=settings) as service:
            index = service.index
            assert index is not None
            assert index.states()[0].engine == "edge"
            for number, operation in enumerate(self.operations(child.attempt)):
                child.step([child.attempt, number], lambda: operation.real(service))  # noqa: B023
                if number % 3 == 0:
                    index.rebuild()
                if number % 4 == 1:
                    index.renew()

    def check(self, home: Home, acknowledged: Sequence[Any]) -> None:
        super().check(home, acknowledged)
        place = _place(home)
        settings = VectorSettings(engine=Engine.EDGE, places=(place,))
        with StorageService.open(home, keys=ring(home), vectors=settings) as service:
            index = service.index
            assert index is not None
            assert index.rebuild()
            differences = index.compare()
            assert {each.total for each in differences.values() if each} == {0}, differences
            # One each for the estate and what was said: what the killed one left has gone.
            assert len(list(place.glob(f"{PREFIX}*"))) == len(index.states())
        assert list(place.glob(f"{PREFIX}*")) == []
        place.rmdir()


def _place(home: Home) -> Path:
    """Return a directory in memory of this attempt's own."""
    name = hashlib.sha256(str(home.root).encode()).hexdigest()[:16]
    place = Path("/dev/shm") / f"cloudops-faults-{name}"
    place.mkdir(mode=0o700, exist_ok=True)
    return place

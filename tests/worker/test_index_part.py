"""The worker's part that keeps the search index: its thread outlives what goes wrong in it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from cloudops_ls.errors import CloudOpsError
from cloudops_ls.home import Home
from cloudops_ls.storage.indexing.settings import VectorSettings
from cloudops_ls.storage.service import StorageService
from cloudops_ls.storage.vectors.engines import Engine
from cloudops_ls.worker import index_part
from cloudops_ls.worker.index_part import IndexPart
from tests.storage.samples import estate, ring

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_a_comparison_that_fails_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path / "home")
    settings = VectorSettings(engine=Engine.MEMORY)
    compared = threading.Semaphore(0)
    failures = iter((CloudOpsError("The database is in use"), ValueError("a defect")))
    with StorageService.open(home, vectors=settings, keys=ring(home)) as storage:
        storage.estate.bulk_upsert(estate(3))
        index = storage.index
        assert index is not None
        compare = index.compare

        def failing():
            compared.release()
            for failure in failures:
                raise failure
            return compare()

        monkeypatch.setattr(index, "compare", failing)
        monkeypatch.setattr(index_part, "COMPARE_SECONDS", 0.01)
        part = IndexPart(storage, lambda _method, _params: None)
        part.start()
        try:
            for _ in range(4):
                assert compared.acquire(timeout=60)
        finally:
            part.close()
        assert index.complete

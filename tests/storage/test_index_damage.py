"""The search index when its engine fails: no answer is lost, and it is mended."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cloudops_ls.storage.health import PartState
from cloudops_ls.storage.vectors.index import AWS_RESOURCES

from .indexed import index_of, names_found, open_indexed, search_health
from .samples import estate, resource
from .test_vector_index import SHM, needs_memory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cloudops_ls.home import Home


@pytest.fixture
def place() -> Iterator[Path]:
    """A memory-backed directory of the test's own."""
    path = Path(tempfile.mkdtemp(dir=SHM, prefix="cloudops-tests-"))
    yield path
    shutil.rmtree(path)


@needs_memory
def test_files_that_are_damaged_cost_no_answer_and_are_made_again(home: Home, place: Path) -> None:
    with open_indexed(home, places=(place,)) as service:
        service.estate.bulk_upsert(estate(600))
        index = index_of(service)
        assert index.rebuild()
        damaged = 0
        for path in place.rglob("*"):
            if path.is_file() and "payload_storage" in str(path) and path.stat().st_size:
                with path.open("r+b") as file:
                    file.write(b"\xff" * min(path.stat().st_size, 1 << 20))
                damaged += 1
        assert damaged
        # A search does not look into them; a comparison does.
        assert "svc-00010" in names_found(service, "app3 production")
        assert index.compare()[AWS_RESOURCES] is None
        assert not index.complete
        assert "svc-00010" in names_found(service, "app3 production")
        state = index.states()[0]
        assert (state.engine, state.repairs, state.points) == ("edge", 1, 0)
        assert index.rebuild()
        assert search_health(service).endswith("600 resources and 0 messages, none differs.")
        assert service.health().part("search").state is PartState.OK


@needs_memory
def test_a_panic_of_the_engine_is_a_damage_too(home: Home, place: Path) -> None:
    with open_indexed(home, places=(place,)) as service:
        service.estate.bulk_upsert(estate(200))
        index = index_of(service)
        assert index.rebuild()
        for path in place.rglob("*"):
            if path.is_file() and "store/tracker.dat" in str(path):
                path.write_bytes(b"\xff" * path.stat().st_size)
        service.estate.bulk_upsert([resource(f"new-{number}") for number in range(200)])
        assert index.rebuild()
        assert index.compare()[AWS_RESOURCES] is not None
        assert names_found(service, "ew-7")[0] == "new-7"
        assert index.rebuild()
        assert search_health(service).endswith("400 resources and 0 messages, none differs.")


@needs_memory
def test_a_directory_that_vanishes_is_no_loss(home: Home, place: Path) -> None:
    with open_indexed(home, places=(place,)) as service:
        service.estate.bulk_upsert(estate(50))
        index = index_of(service)
        assert index.rebuild()
        for path in place.iterdir():
            shutil.rmtree(path)
        service.estate.bulk_upsert(estate(2000))
        assert index.rebuild()
        assert len(names_found(service, "production")) == 20
        assert index.renew()
        assert search_health(service).endswith("2,000 resources and 0 messages, none differs.")


@needs_memory
def test_an_engine_that_keeps_failing_is_left(home: Home, place: Path) -> None:
    with open_indexed(home, places=(place,)) as service:
        service.estate.bulk_upsert(estate(50))
        index = index_of(service)
        for _ in range(4):
            assert index.states()[0].engine == "edge"
            assert index.rebuild()
            index.estate._projection.index.close()
            service.estate.upsert_resource(resource("pg-after", tags={"team": "omega"}))
            assert names_found(service, "g-after") == ["pg-after"]
            service.estate.delete_resource(resource("pg-after").arn)
        assert index.rebuild()
        part = service.health().part("search")
        assert "Engine memory, 50 resources" in part.detail
        assert "damaged repeatedly" in part.detail


@needs_memory
def test_an_engine_replaced_during_a_rebuild_leaves_no_half_index(home: Home, place: Path) -> None:
    with open_indexed(home, places=(place,)) as service:
        service.estate.bulk_upsert(estate(600))
        index = index_of(service)
        broken = False

        def break_it(_what: str, _done: int, _total: int) -> None:
            nonlocal broken
            if not broken:
                broken = True
                index.estate._projection.index.close()
                service.estate.upsert_resource(resource("pg-during"))

        assert index.rebuild(break_it)
        assert broken
        assert "601 resources" in search_health(service)


_SMALL = """
import sys
from pathlib import Path
sys.path[:0] = {path!r}
from cloudops_ls.home import Home
from cloudops_ls.storage.indexing.settings import VectorSettings
from cloudops_ls.storage.service import StorageService
from tests.storage.samples import estate, ring
home, place = Home(Path(sys.argv[1])), Path(sys.argv[2])
with StorageService.open(home, vectors=VectorSettings(places=(place,)), keys=ring(home)) as service:
    print([each.engine for each in service.index.states()])
    for number in range(0, 5_000, 1_000):
        service.estate.bulk_upsert(estate(number + 1_000)[number:])
    while not service.index.rebuild():
        pass
    print([each.engine for each in service.index.states()])
    print(service.health().part("search").detail)
    print(service.estate.search("vc-04999")[0].resource.name)
"""


@pytest.mark.timeout(300)
def test_a_directory_that_fills_up_is_left_and_nothing_is_lost(home: Home, tmp_path: Path) -> None:
    place = tmp_path / "shm"
    place.mkdir()
    mount = f"mount -t tmpfs -o size=18m,mode=700 tmpfs {place}"
    if subprocess.run(
        ["unshare", "-rm", "sh", "-c", mount], capture_output=True, check=False
    ).returncode:
        pytest.skip("this machine does not let a test mount a small tmpfs")
    code = textwrap.dedent(_SMALL).replace("{path!r}", repr([str(path) for path in sys.path]))
    found = subprocess.run(
        [
            *("unshare", "-rm", "sh", "-c", f'{mount} && exec "$@"', "sh"),
            *(sys.executable, "-c", code, str(home.root), str(place)),
        ],
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    before, after, detail, name = found.stdout.splitlines()
    assert before == "['edge', 'edge']"
    assert after == "['memory', 'edge']"
    assert "5,000 resources" in detail
    assert "slower, because the memory-backed directory filled up" in detail
    assert name == "svc-04999"

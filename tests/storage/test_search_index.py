"""The search index as a whole: compared with the store, damaged, mended, renewed, on a server."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cloudops_ls.storage import search
from cloudops_ls.storage.health import PartState
from cloudops_ls.storage.indexing.settings import ServerSettings, VectorSettings
from cloudops_ls.storage.records import Match, Message, ResourceFilter, Role
from cloudops_ls.storage.service import StorageService
from cloudops_ls.storage.vectors.engines import Engine
from cloudops_ls.storage.vectors.index import AWS_RESOURCES, CHAT_HISTORY

from .models import install_model
from .qdrant_server import Failure, QdrantTestServer
from .samples import estate, resource, ring
from .test_vector_index import SHM, needs_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cloudops_ls.home import Home
    from cloudops_ls.storage.indexing.search_index import SearchIndex


@pytest.fixture
def place() -> Iterator[Path]:
    """A memory-backed directory of the test's own."""
    path = Path(tempfile.mkdtemp(dir=SHM, prefix="cloudops-tests-"))
    yield path
    shutil.rmtree(path)


def _open(home: Home, **settings) -> StorageService:
    return StorageService.open(home, vectors=VectorSettings(**settings), keys=ring(home))


def _index(service: StorageService) -> SearchIndex:
    assert service.index is not None
    return service.index


def _search(service: StorageService) -> str:
    return service.health().part("search").detail


def _names(service: StorageService, query: str, filters: ResourceFilter | None = None) -> list[str]:
    return [hit.resource.name for hit in service.estate.search(query, filters)]


def _say(service: StorageService, thread: str, content: str) -> None:
    service.chat.append(thread, Message(role=Role.USER, content=content))


@pytest.fixture(params=[pytest.param("edge", marks=needs_memory), "memory", "server"])
def opened(request: pytest.FixtureRequest, home: Home) -> Iterator[Callable[[], StorageService]]:
    """Opens the store with each of the engines."""
    with contextlib.ExitStack() as stack:
        settings = {"engine": Engine(request.param)}
        if request.param == "server":
            server = stack.enter_context(QdrantTestServer(api_key="key"))
            settings["server"] = ServerSettings(server.url, lambda: "key")

        def again() -> StorageService:
            service = stack.enter_context(_open(home, **settings))
            assert _index(service).states()[0].engine == request.param
            return service

        yield again


# The estate


@pytest.mark.parametrize("few", [search.FEW, 0])
def test_likeness_among_some_resources_misses_none_of_them(
    opened: Callable[[], StorageService], few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "FEW", few)
    service = opened()
    # All are equally alike: whoever asks for a few of them gets the first.
    made = [resource(f"db-{i:03d}") for i in range(200)]
    service.estate.bulk_upsert(made)
    wanted = {each.arn for each in made[190:]}

    def among() -> set[str]:
        hits = service.estate.similar("postgres database", wanted, limit=10)
        return {hit.resource.arn for hit in hits}

    # By words in the database, then by the index.
    assert among() == wanted
    assert _index(service).rebuild()
    assert among() == wanted
    assert len(service.estate.similar("postgres", wanted, limit=3)) == 3
    assert service.estate.similar("postgres", set()) == []


# Chat


def test_what_was_said_is_found_by_words_and_by_meaning(
    opened: Callable[[], StorageService], home: Home
) -> None:
    install_model(home.models)
    service = opened()
    _say(service, "one", "Stop the serverless thing before Friday")
    _say(service, "two", "Is the payroll bucket public?")
    _say(service, "three", "Reboot web-1")
    assert _index(service).rebuild()
    assert "3 messages" in _search(service)

    def found(query: str) -> list[str]:
        return [each.id for each in service.chat.search_conversations(query)]

    # Every word, then alike: "lambda function" is in none of them.
    assert found("payroll public")[0] == "two"
    assert found("lambda function")[0] == "one"
    assert found("friday")[0] == "one"
    assert len(service.chat.search_conversations("friday", limit=1)) == 1
    service.chat.delete("one")
    assert "one" not in found("lambda function")


def test_what_other_processes_say_is_found(
    opened: Callable[[], StorageService], home: Home
) -> None:
    service = opened()
    assert _index(service).rebuild()
    with StorageService.open(home, keys=ring(home)) as other:
        _say(other, "theirs", "Who rotates the certificates of the gateway?")
        _say(other, "theirs", "Nobody does")
    found = service.chat.search_conversations("gateways certificate rotation")
    assert [each.id for each in found] == ["theirs"]
    with StorageService.open(home, keys=ring(home)) as other:
        other.chat.delete("theirs")
    assert service.chat.search_conversations("gateways certificate rotation") == []
    assert "0 messages" in _search(service)


# Compared with the database


def test_differences_are_counted_and_mended(opened: Callable[[], StorageService]) -> None:
    service = opened()
    service.estate.bulk_upsert(estate(300))
    _say(service, "one", "hello")
    index = _index(service)
    assert index.rebuild()
    assert _search(service).endswith("300 resources and 1 messages, none differs.")
    points = index.estate._projection.index
    ours = estate(300)
    points.delete([ours[0].arn, ours[1].arn])
    stale = next(p for p in [_point_of(index, ours[2].arn)])
    points.upsert([stale])
    index.chat._projection.index.upsert([_point_of(index, "never said")])
    compared = index.compare()
    resources, messages = compared[AWS_RESOURCES], compared[CHAT_HISTORY]
    assert resources is not None
    assert messages is not None
    assert (resources.missing, resources.stale, resources.extra) == (2, 1, 0)
    assert (messages.missing, messages.stale, messages.extra) == (0, 0, 1)
    assert index.rebuild()
    assert _search(service).endswith("300 resources and 1 messages, none differs.")
    assert _names(service, "vc-00000") == ["svc-00000"]


def _point_of(index: SearchIndex, key: str):
    from cloudops_ls.storage.vectors.index import VectorPoint

    return VectorPoint(key, index.estate._encoder.document("stale"), None, {}, "other")


def test_health_says_how_many_differ(opened: Callable[[], StorageService]) -> None:
    service = opened()
    service.estate.bulk_upsert(estate(10))
    index = _index(service)
    assert index.rebuild()
    index.estate._projection.index.delete([estate(1)[0].arn])
    part = service.health().part("search")
    assert part.state is PartState.DEGRADED
    assert part.detail.endswith("; 1 differ from the database.")
    assert part.fix is not None
    assert index.rebuild()
    assert service.health().part("search").state is PartState.OK


def test_a_renewal_makes_everything_again_while_the_old_index_serves(
    opened: Callable[[], StorageService],
) -> None:
    service = opened()
    service.estate.bulk_upsert(estate(450))
    _say(service, "one", "hello")
    index = _index(service)
    assert index.rebuild()
    steps: list[tuple[str, int, int]] = []

    def look(what: str, done: int, total: int) -> None:
        steps.append((what, done, total))
        assert _names(service, "app3 production"), "nothing served"
        if done == 200:
            service.estate.upsert_resource(resource("meanwhile", tags={"team": "omega"}))

    assert index.renew(look)
    assert ("indexing resources", 200, 450) in steps
    assert steps[-1] == ("indexing messages", 1, 1)
    assert _names(service, "omega") == ["meanwhile"]
    assert _search(service).endswith("451 resources and 1 messages, none differs.")


# Damaged


@needs_memory
def test_files_that_are_damaged_cost_no_answer_and_are_made_again(home: Home, place: Path) -> None:
    with _open(home, places=(place,)) as service:
        service.estate.bulk_upsert(estate(600))
        index = _index(service)
        assert index.rebuild()
        damaged = 0
        for path in place.rglob("*"):
            if path.is_file() and "payload_storage" in str(path) and path.stat().st_size:
                with path.open("r+b") as file:
                    file.write(b"\xff" * min(path.stat().st_size, 1 << 20))
                damaged += 1
        assert damaged
        # A search does not look into them; a comparison does.
        assert "svc-00010" in _names(service, "app3 production")
        assert index.compare()[AWS_RESOURCES] is None
        assert not index.complete
        assert "svc-00010" in _names(service, "app3 production")
        state = index.states()[0]
        assert (state.engine, state.repairs, state.points) == ("edge", 1, 0)
        assert index.rebuild()
        assert _search(service).endswith("600 resources and 0 messages, none differs.")
        assert service.health().part("search").state is PartState.OK


@needs_memory
def test_a_panic_of_the_engine_is_a_damage_too(home: Home, place: Path) -> None:
    with _open(home, places=(place,)) as service:
        service.estate.bulk_upsert(estate(200))
        index = _index(service)
        assert index.rebuild()
        for path in place.rglob("*"):
            if path.is_file() and "store/tracker.dat" in str(path):
                path.write_bytes(b"\xff" * path.stat().st_size)
        service.estate.bulk_upsert([resource(f"new-{number}") for number in range(200)])
        assert index.rebuild()
        assert index.compare()[AWS_RESOURCES] is not None
        assert _names(service, "ew-7")[0] == "new-7"
        assert index.rebuild()
        assert _search(service).endswith("400 resources and 0 messages, none differs.")


@needs_memory
def test_a_directory_that_vanishes_is_no_loss(home: Home, place: Path) -> None:
    with _open(home, places=(place,)) as service:
        service.estate.bulk_upsert(estate(50))
        index = _index(service)
        assert index.rebuild()
        for path in place.iterdir():
            shutil.rmtree(path)
        service.estate.bulk_upsert(estate(2000))
        assert index.rebuild()
        assert len(_names(service, "production")) == 20
        assert index.renew()
        assert _search(service).endswith("2,000 resources and 0 messages, none differs.")


@needs_memory
def test_an_engine_that_keeps_failing_is_left(home: Home, place: Path) -> None:
    with _open(home, places=(place,)) as service:
        service.estate.bulk_upsert(estate(50))
        index = _index(service)
        for _ in range(4):
            assert index.states()[0].engine == "edge"
            assert index.rebuild()
            index.estate._projection.index.close()
            service.estate.upsert_resource(resource("pg-after", tags={"team": "omega"}))
            assert _names(service, "g-after") == ["pg-after"]
            service.estate.delete_resource(resource("pg-after").arn)
        assert index.rebuild()
        part = service.health().part("search")
        assert "Engine memory, 50 resources" in part.detail
        assert "damaged repeatedly" in part.detail


@needs_memory
def test_an_engine_replaced_during_a_rebuild_leaves_no_half_index(home: Home, place: Path) -> None:
    with _open(home, places=(place,)) as service:
        service.estate.bulk_upsert(estate(600))
        index = _index(service)
        broken = False

        def break_it(_what: str, _done: int, _total: int) -> None:
            nonlocal broken
            if not broken:
                broken = True
                index.estate._projection.index.close()
                service.estate.upsert_resource(resource("pg-during"))

        assert index.rebuild(break_it)
        assert broken
        assert "601 resources" in _search(service)


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


# On a server


@pytest.fixture
def qdrant() -> Iterator[QdrantTestServer]:
    with QdrantTestServer() as running:
        yield running


def test_a_server_keeps_its_points_and_only_differences_are_written(
    home: Home, qdrant: QdrantTestServer
) -> None:
    settings = {"server": ServerSettings(qdrant.url)}
    with _open(home, **settings) as service:
        service.estate.bulk_upsert(estate(300))
        assert _index(service).rebuild()
    assert qdrant.collections() == {AWS_RESOURCES, CHAT_HISTORY}
    assert qdrant.indexes[AWS_RESOURCES]["account_id"]["is_tenant"] is True
    with StorageService.open(home, keys=ring(home)) as other:
        other.estate.upsert_resource(resource("new"))
        other.estate.delete_resource(estate(1)[0].arn)
    qdrant.seen.clear()
    with _open(home, **settings) as service:
        assert _index(service).rebuild()
        assert _search(service).endswith("300 resources and 0 messages, none differs.")
        written = [path for method, path, _ in qdrant.seen if method == "PUT" and "points" in path]
        assert len(written) == 1
        assert len(qdrant.points(AWS_RESOURCES)) == 300


def test_a_server_that_is_away_costs_no_answer(home: Home, qdrant: QdrantTestServer) -> None:
    with _open(home, server=ServerSettings(qdrant.url, timeout=1)) as service:
        service.estate.bulk_upsert(estate(100))
        index = _index(service)
        assert index.rebuild()
        qdrant.failures += [Failure(status=503)] * 4
        assert "svc-00003" in _names(service, "app3 staging")
        part = service.health().part("search")
        assert part.state is PartState.DEGRADED
        assert "answers with status 503; search by text alone" in part.detail
        assert part.fix is not None
        # Nothing is asked of it while it is away, and writing is not held up.
        before = len(qdrant.seen)
        service.estate.upsert_resource(resource("meanwhile", tags={"team": "omega"}))
        assert _names(service, "omega") == ["meanwhile"]
        assert len(qdrant.seen) == before
        assert index.rebuild()
        assert _search(service).endswith("101 resources and 0 messages, none differs.")
        assert service.estate.search("omega")[0].how is Match.KEYWORDS


def test_a_server_that_must_not_be_used_is_not(home: Home) -> None:
    server = ServerSettings("http://qdrant.example.com:6333", lambda: "key")
    with _open(home, server=server) as service:
        assert _index(service).rebuild()
        part = service.health().part("search")
        assert part.state is PartState.DEGRADED
        assert "because Qdrant's API key would be sent unencrypted" in part.detail
        assert part.fix == "Use https"
    with _open(home, engine=Engine.SERVER) as service:
        part = service.health().part("search")
        assert "because no Qdrant server is set" in part.detail


# Models


@pytest.mark.parametrize("engine", [pytest.param("edge", marks=needs_memory), "memory", "server"])
def test_a_change_of_model_serves_the_old_vectors_until_the_new_are_there(
    home: Home, engine: str, qdrant: QdrantTestServer
) -> None:
    settings = {"engine": Engine(engine)}
    if engine == "server":
        settings["server"] = ServerSettings(qdrant.url)
    install_model(home.models, "old")
    with _open(home, **settings, model="old") as service:
        service.estate.bulk_upsert([resource("fn", resource_type="lambda_function", engine=None)])
        service.estate.bulk_upsert(estate(70))
        _say(service, "one", "the serverless thing")
        assert _index(service).rebuild()
    install_model(home.models, "new", dim=24)
    with _open(home, **settings, model="new") as service:
        index = _index(service)
        embedded: list[int] = []

        def look(what: str, done: int, _total: int) -> None:
            if what == "embedding resources":
                embedded.append(done)
                detail = service.health().part("embeddings").detail
                assert detail == "Changing to model new, 24 dimensions; old serves."
                (best, *_) = service.estate.search("serverless")
                assert (best.resource.name, best.how) == ("fn", Match.HYBRID)

        assert index.rebuild(look)
        assert len(embedded) > 1
        part = service.health().part("embeddings")
        assert (part.state, part.detail) == (PartState.OK, "Model new, 24 dimensions.")
        (best, *_) = service.estate.search("serverless")
        assert (best.resource.name, best.how) == ("fn", Match.HYBRID)
        assert service.chat.search_conversations("lambda")[0].id == "one"
        assert _search(service).endswith("71 resources and 1 messages, none differs.")
        with service._database.read() as connection:
            models = connection.exec_driver_sql("SELECT DISTINCT model, dim FROM vectors").all()
        assert [tuple(each) for each in models] == [("new", 24)]
    if engine == "server":
        assert qdrant.points(f"{AWS_RESOURCES}_old_16") == []
        assert len(qdrant.points(f"{AWS_RESOURCES}_new_24")) == 71


def test_a_change_that_was_cut_off_goes_on(home: Home) -> None:
    install_model(home.models, "old")
    with _open(home, engine=Engine.MEMORY, model="old") as service:
        service.estate.bulk_upsert(estate(100))
        assert _index(service).rebuild()
    install_model(home.models, "new", dim=24)
    for _ in range(2):
        with _open(home, engine=Engine.MEMORY, model="new") as service:
            index = _index(service)
            steps: list[int] = []

            def count(what: str, done: int, _total: int, steps: list[int] = steps) -> None:
                if what == "embedding resources":
                    steps.append(done)

            assert not index.rebuild(count, cancelled=lambda steps=steps: bool(steps))
            assert service.health().part("embeddings").detail.endswith("old serves.")
    with _open(home, engine=Engine.MEMORY, model="new") as service:
        assert _index(service).rebuild()
        assert service.health().part("embeddings").detail == "Model new, 24 dimensions."


def test_a_model_installed_while_running_takes_over(home: Home) -> None:
    with _open(home, engine=Engine.MEMORY) as service:
        service.estate.bulk_upsert([resource("fn", resource_type="lambda_function", engine=None)])
        index = _index(service)
        assert index.rebuild()
        assert "No embedding model" in service.health().part("embeddings").detail
        assert _names(service, "serverless") == []
        install_model(home.models)
        index.use_model(None)
        assert index.rebuild()
        assert service.health().part("embeddings").detail == "Model tiny, 16 dimensions."
        assert _names(service, "serverless") == ["fn"]


def test_a_wanted_model_that_is_not_there_is_named(home: Home) -> None:
    with _open(home, engine=Engine.MEMORY, model="BAAI/bge-small-en-v1.5") as service:
        part = service.health().part("embeddings")
        assert "The embedding model BAAI/bge-small-en-v1.5 is not installed" in part.detail
        assert part.fix is not None
        assert "cloudops-ls models install BAAI/bge-small-en-v1.5" in part.fix

"""The contract of a vector index, kept by every engine."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import textwrap
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from qdrant_client import QdrantClient

from cloudops_ls.storage.vectors import directory as directories
from cloudops_ls.storage.vectors import edge
from cloudops_ls.storage.vectors.directory import MemoryDirectory, memory_backed
from cloudops_ls.storage.vectors.engines import RESERVE, Engine, open_index
from cloudops_ls.storage.vectors.index import (
    CollectionSpec,
    Condition,
    IndexUnusableError,
    VectorIndex,
    VectorPoint,
)
from cloudops_ls.storage.vectors.server import QdrantServer
from cloudops_ls.storage.vectors.sparse import FastembedEncoder, QdrantEncoder, SparseEncoder

from .qdrant_server import QdrantTestServer

if TYPE_CHECKING:
    from collections.abc import Iterator

SPEC = CollectionSpec("things", 3, ("color", "tags"))
SHM = Path("/dev/shm")
needs_memory = pytest.mark.skipif(
    not memory_backed([SHM]), reason="/dev/shm is not a memory-backed directory here"
)


REAL_SERVER = "CLOUDOPS_TEST_QDRANT_URL"
"""A Qdrant server to test against; ``CLOUDOPS_TEST_QDRANT_API_KEY`` goes with it."""
needs_server = pytest.mark.skipif(
    REAL_SERVER not in os.environ,
    reason=f"{REAL_SERVER} is not set: no real Qdrant server to test the server engine against",
)


@pytest.fixture(
    params=[
        pytest.param("edge", marks=needs_memory),
        "memory",
        "server over loopback",
        pytest.param("real server", marks=needs_server),
    ]
)
def index(request: pytest.FixtureRequest) -> Iterator[VectorIndex]:
    with contextlib.ExitStack() as stack:
        server = None
        if request.param == "server over loopback":
            running = stack.enter_context(QdrantTestServer(api_key="key"))
            server = QdrantServer(running.url, "ours", api_key="key")
        elif request.param == "real server":
            prefix = f"cloudops_ls_test_{uuid.uuid4().hex}_"
            key = os.environ.get("CLOUDOPS_TEST_QDRANT_API_KEY")
            server = QdrantServer(os.environ[REAL_SERVER], "ours", api_key=key, prefix=prefix)
            client = QdrantClient(url=server.url, api_key=key)
            stack.callback(client.delete_collection, f"{prefix}{SPEC.name}_{SPEC.dim}")
        engine = Engine("server" if server else request.param)
        opened = open_index(engine, SPEC, expected=100, server=server)
        assert opened.index.name == engine.value
        assert opened.note is None
        stack.callback(opened.index.close)
        yield opened.index


@pytest.fixture(params=[QdrantEncoder, FastembedEncoder])
def encoder(request: pytest.FixtureRequest) -> SparseEncoder:
    return request.param()


_bm25 = QdrantEncoder()


def _point(key: str, text: str, dense: list[float] | None = None, **payload: object) -> VectorPoint:
    return VectorPoint(key, _bm25.document(text), dense, payload)


def _keys(
    index: VectorIndex, text: str | None = None, dense=None, *conditions, keys=None, limit=10
):
    sparse = _bm25.query(text) if text else None
    hits = index.query(sparse=sparse, dense=dense, conditions=conditions, keys=keys, limit=limit)
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    return [hit.key for hit in hits]


def test_words_find_points_and_rare_words_count_more(index: VectorIndex) -> None:
    index.upsert([_point(f"common-{i}", "database server") for i in range(20)])
    index.upsert([_point("rare", "database payroll")])
    assert _keys(index, "payroll database")[0] == "rare"
    assert _keys(index, "payroll") == ["rare"]
    assert _keys(index, "absent") == []
    assert len(_keys(index, "database", limit=5)) == 5


def test_meaning_finds_points_that_have_it(index: VectorIndex) -> None:
    index.upsert(
        [
            _point("x", "a", [1.0, 0.0, 0.0]),
            _point("xy", "b", [0.7, 0.7, 0.0]),
            _point("none", "c"),
        ]
    )
    assert _keys(index, dense=[1.0, 0.1, 0.0]) == ["x", "xy"]


def test_both_rankings_are_fused(index: VectorIndex) -> None:
    index.upsert(
        [
            _point("both", "postgres", [1.0, 0.0, 0.0]),
            _point("word", "postgres postgres", [0.0, 1.0, 0.0]),
            _point("meaning", "mysql", [0.9, 0.1, 0.0]),
            _point("neither", "redis", [0.0, 0.0, 1.0]),
        ]
    )
    found = _keys(index, "postgres", [1.0, 0.0, 0.0])
    assert found[0] == "both"
    assert set(found[:3]) == {"both", "word", "meaning"}


@pytest.mark.parametrize("dense", [None, [1.0, 0.0, 0.0]])
def test_conditions_hold_for_every_kind_of_query(index: VectorIndex, dense) -> None:
    index.upsert(
        [
            _point("1", "thing", [1.0, 0.0, 0.0], color="red", tags=["env=prod", "app=a"]),
            _point("2", "thing", [1.0, 0.1, 0.0], color="blue", tags=["env=prod", "app=b"]),
            _point("3", "thing", [1.0, 0.2, 0.0], color="green", tags=[]),
            _point("4", "thing", [1.0, 0.3, 0.0]),
        ]
    )
    assert set(_keys(index, "thing", dense)) == {"1", "2", "3", "4"}
    either = Condition("color", ("red", "blue"))
    assert set(_keys(index, "thing", dense, either)) == {"1", "2"}
    production, a = Condition("tags", ("env=prod",)), Condition("tags", ("app=a",))
    assert set(_keys(index, "thing", dense, production)) == {"1", "2"}
    assert _keys(index, "thing", dense, production, a) == ["1"]
    assert _keys(index, "thing", dense, Condition("tags", ("env=dev",))) == []


@pytest.mark.parametrize("dense", [None, [1.0, 0.0, 0.0]])
def test_only_the_points_that_are_named_count(index: VectorIndex, dense) -> None:
    index.upsert(
        [
            _point(f"{i}", "thing", [1.0, 0.1 * i, 0.0], color="red" if i % 2 else "blue")
            for i in range(9)
        ]
    )
    index.upsert([_point("3", "thing", [1.0, 0.0, 0.0], color="red")])
    index.delete(["5"])
    named = ["3", "5", "8", "never"]
    assert set(_keys(index, "thing", dense, keys=named)) == {"3", "8"}
    assert _keys(index, "thing", dense, Condition("color", ("red",)), keys=named) == ["3"]
    assert _keys(index, "thing", dense, keys=["never"]) == []
    assert _keys(index, "thing", dense, keys=()) == []


@pytest.mark.parametrize("text", [None, "thing"])
def test_conditions_that_most_points_meet_leave_the_best_of_them(
    index: VectorIndex, text: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edge, "_FEW", 0)
    index.upsert(
        [
            # The best forty are of the wrong color: more than are asked for at once.
            _point(f"{i:02}", "thing", [1.0, 0.1 * i, 0.0], color="red" if i < 40 else "blue")
            for i in range(100)
        ]
    )
    blue = Condition("color", ("blue",))
    found = _keys(index, text, [1.0, 0.0, 0.0], blue, limit=4)
    assert found == ["40", "41", "42", "43"] if text is None else min(found) >= "40"
    assert len(_keys(index, text, [1.0, 0.0, 0.0], blue, limit=100)) == 60
    red = Condition("color", ("red",))
    assert _keys(index, None, [1.0, 0.0, 0.0], red, limit=4) == ["00", "01", "02", "03"]


def test_the_ranking_is_that_of_exact_arithmetic(index: VectorIndex) -> None:
    # `edge` keeps vectors in half precision. Texts that differ by a word, as those of an estate.
    chance = np.random.default_rng(1)
    words = chance.normal(size=(60, 64))
    vectors = words[chance.integers(60, size=(600, 6))].sum(axis=1)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    spec = CollectionSpec("wide", 64, ())
    with contextlib.closing(open_index(Engine(index.name), spec, expected=600).index) as wide:
        wide.upsert([_point(f"{i}", "x", row.tolist()) for i, row in enumerate(vectors)])
        same = 0
        for query in vectors[:30] + chance.normal(scale=0.02, size=(30, 64)):
            query /= np.linalg.norm(query)
            scores = vectors @ query
            best = np.argsort(-scores)[:10]
            hits = wide.query(sparse=None, dense=query.tolist(), limit=10)
            assert [hit.score for hit in hits] == pytest.approx(
                [scores[int(hit.key)] for hit in hits], abs=5e-4
            )
            assert scores[int(hits[-1].key)] >= scores[best[-1]] - 5e-4
            same += len({hit.key for hit in hits} & {f"{number}" for number in best})
    assert same >= 0.99 * 300


def test_an_upsert_replaces_words_meaning_and_payload(index: VectorIndex) -> None:
    index.upsert([_point("key", "before", [1.0, 0.0, 0.0], color="red")])
    index.upsert([_point("key", "after", None, color="blue")])
    assert index.count() == 1
    assert _keys(index, "before") == []
    assert _keys(index, "after", None, Condition("color", ("blue",))) == ["key"]
    assert _keys(index, "after", None, Condition("color", ("red",))) == []
    assert _keys(index, dense=[1.0, 0.0, 0.0]) == []


def test_deleted_points_are_gone_and_unknown_ones_ignored(index: VectorIndex) -> None:
    index.upsert([_point(f"{i}", "thing") for i in range(450)])
    index.delete([f"{i}" for i in range(449)])
    index.delete(["never", "0"])
    assert index.count() == 1
    assert _keys(index, "thing") == ["449"]


def test_versions_tell_what_each_point_was_made_from(index: VectorIndex) -> None:
    assert dict(index.versions()) == {}
    points = [_point(f"{i}", "thing") for i in range(450)]
    index.upsert([replace(each, version=f"v{each.key}") for each in points])
    index.upsert([replace(points[7], version="new")])
    index.delete(["8"])
    expected = {f"{i}": f"v{i}" for i in range(450) if i != 8} | {"7": "new"}
    found = list(index.versions())
    assert len(found) == len(expected)
    assert dict(found) == expected


def test_an_empty_index_and_an_empty_query_find_nothing(index: VectorIndex) -> None:
    assert _keys(index, "thing", [1.0, 0.0, 0.0]) == []
    index.upsert([])
    index.upsert([_point("1", "thing")])
    assert _keys(index) == []


def test_threads_may_query_while_others_write(index: VectorIndex) -> None:
    def write(start: int) -> None:
        index.upsert([_point(f"{start + i}", "thing", [1.0, 0.0, 0.0]) for i in range(50)])

    def read(_: int) -> list[str]:
        return _keys(index, "thing", [1.0, 0.0, 0.0])

    with ThreadPoolExecutor(4) as pool:
        writes = [pool.submit(write, start) for start in range(0, 500, 50)]
        list(pool.map(read, range(20)))
        for each in writes:
            each.result()
    assert index.count() == 500


def test_a_closed_index_says_so(index: VectorIndex) -> None:
    index.close()
    index.close()
    with pytest.raises(IndexUnusableError):
        index.count()
    with pytest.raises(IndexUnusableError):
        index.upsert([_point("1", "thing")])
    with pytest.raises(IndexUnusableError):
        _keys(index, "thing")


def test_encoders_split_names_stem_words_and_keep_short_ones(encoder: SparseEncoder) -> None:
    name = set(encoder.document("pg-instance-main1").indices)
    query = encoder.query("MAIN1")
    assert query is not None
    assert set(query.indices) < name
    assert len(name) == 3
    databases = encoder.query("databases")
    assert databases is not None
    assert databases.indices == encoder.document("database").indices
    assert encoder.query("a the") is not None
    assert encoder.query(" -- ") is None


# Which engine, and where


def _open(**options):
    return open_index(Engine.AUTO, SPEC, **{"expected": 10, **options})


def test_a_directory_on_disk_is_never_used(tmp_path: Path) -> None:
    if memory_backed([tmp_path]):
        pytest.skip("the temporary directory is memory-backed here")
    opened = _open(places=(tmp_path,))
    assert opened.index.name == "memory"
    assert opened.note == "there is no memory-backed directory"
    assert list(tmp_path.iterdir()) == []


@needs_memory
def test_a_directory_that_is_too_small_is_not_used() -> None:
    opened = _open(places=(SHM,), expected=10**12)
    assert opened.index.name == "memory"
    assert opened.note is not None
    assert "MB that are needed" in opened.note


@needs_memory
def test_a_private_directory_is_made_and_removed() -> None:
    directory = MemoryDirectory(SHM)
    assert directory.path.stat().st_mode & 0o777 == 0o700
    assert directory.path.parent == SHM
    # Another one must not take it for an orphan.
    MemoryDirectory(SHM).close()
    assert directory.path.exists()
    directory.close()
    assert not directory.path.exists()


@needs_memory
def test_what_a_killed_process_left_is_removed() -> None:
    code = """
    import time
    from pathlib import Path
    from cloudops_ls.storage.vectors.directory import MemoryDirectory
    directory = MemoryDirectory(Path("/dev/shm"))
    (directory.path / "segment").write_text("x")
    print(directory.path, flush=True)
    time.sleep(60)
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        left = Path(other.stdout.readline().strip())
        assert left.name.startswith(directories.PREFIX)
        other.kill()
        other.wait()
    assert left.exists()
    MemoryDirectory(SHM).close()
    assert not left.exists()


_SMALL = """
import sys
from pathlib import Path
from cloudops_ls.storage.vectors.engines import Engine, open_index
from cloudops_ls.storage.vectors.index import CollectionSpec, IndexUnusableError, VectorPoint
from cloudops_ls.storage.vectors.server import QdrantServer
from cloudops_ls.storage.vectors.sparse import QdrantEncoder
place, reserve = Path(sys.argv[1]), int(sys.argv[2])
encoder = QdrantEncoder()
opened = open_index(Engine.AUTO, CollectionSpec("t", 384, ("k",)), expected=100, places=(place,),
                    reserve=reserve)
print(opened.index.name, flush=True)
try:
    for start in range(0, 100000, 200):
        opened.index.upsert([
            VectorPoint(f"{i}", encoder.document(f"name-{i} database"), [0.1] * 384, {"k": f"{i}"})
            for i in range(start, start + 200)
        ])
except IndexUnusableError as error:
    print(error, opened.index.name)
opened.index.close()
"""


def test_a_memory_backed_directory_that_fills_up_does_not_end_the_process(tmp_path: Path) -> None:
    size = 32
    mount = f"mount -t tmpfs -o size={size}m,mode=700 tmpfs {tmp_path}"
    if subprocess.run(
        ["unshare", "-rm", "sh", "-c", mount], capture_output=True, check=False
    ).returncode:
        pytest.skip("this machine does not let a test mount a small tmpfs")
    found = subprocess.run(
        [
            *("unshare", "-rm", "sh", "-c", f'{mount} && exec "$@"', "sh"),
            *(sys.executable, "-c", _SMALL, str(tmp_path), str(RESERVE)),
        ],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        timeout=60,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    assert found.stdout.splitlines() == ["edge", "the memory-backed directory is full edge"]

"""Nothing readable at rest: what a real session leaves behind, ended well or killed."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cloudops_ls.demo.cloud import PRODUCTION
from cloudops_ls.storage.keys import KeyRing
from cloudops_ls.storage.service import StorageService
from cloudops_ls.storage.vectors.directory import MEMORY_FILE_SYSTEMS, _file_system
from tests.e2e.processes import gone, needs_proc, workers_of
from tests.e2e.test_discretion import shared_memory_of
from tests.storage.models import DIM, install_model
from tests.storage.needles import assert_nothing_readable, assert_private, encodings, files_below
from tests.storage.samples import resource

if TYPE_CHECKING:
    from collections.abc import Callable

    from cloudops_ls.demo.cloud import DemoCloud
    from cloudops_ls.home import Home

NAMES = [f"vellum-name-{number:02d}-quokka" for number in range(10)]
TAGS = [f"cobalt-tag-{number:02d}-narwhal" for number in range(10)]
PROMPTS = [f"saffron-prompt-{number:02d}-ocelot" for number in range(15)]
OUTPUTS = [f"/umber-output-{number:02d}-tapir" for number in range(15)]
PLANTED = (*NAMES, *TAGS, *PROMPTS, *OUTPUTS)

RUNBOOK = f"""# Planted

What is {NAMES[0]}, with {" ".join(PROMPTS[:5])}?

Where do {" ".join(PROMPTS[5:10])} come from?

Who minds {" ".join(PROMPTS[10:])}?

```aws
aws ssm describe-parameters --region us-west-2
```
"""


def _plant(home: Home, environment: dict[str, str], cloud: DemoCloud) -> None:
    install_model(home.models)
    with StorageService.open(home, keys=KeyRing(home, environ=environment)) as store:
        store.estate.bulk_upsert(
            resource(name, tags={"note": tag}) for name, tag in zip(NAMES, TAGS, strict=True)
        )
    parameters = cloud.client("ssm", PRODUCTION)
    for name in OUTPUTS:
        parameters.put_parameter(Name=name, Value="x", Type="String", Overwrite=True)


async def _session(editor: Any) -> None:
    await editor.until(lambda: "name index loaded" in editor.logged(), "the names were loaded")
    buffer = editor.open(RUNBOOK)
    for start in ("What is", "Where do", "Who minds"):
        assert (await editor.ask(buffer, start))["status"] == "answered", editor.said()
    editor.answers.append("Run")
    result = await editor.run(buffer, "aws ssm")
    assert result["status"] == "success", editor.said()
    assert OUTPUTS[-1] in buffer.text
    hits = await editor.execute("cloudops.searchResources", {"query": NAMES[3]})
    assert hits


def _vectors(store: StorageService) -> list[bytes]:
    with store._database.read() as connection:
        return list(connection.exec_driver_sql("SELECT vector FROM vectors").scalars())


async def _embedded(home: Home, environment: dict[str, str]) -> None:
    """Wait until there are vectors to be looked for; they are made in the background."""

    def some() -> bool:
        with StorageService.open(home, keys=KeyRing(home, environ=environment)) as store:
            return len(_vectors(store)) > 10

    async with asyncio.timeout(120):
        # Nothing reports to this process when the worker has stored some.
        while not await asyncio.to_thread(some):  # noqa: ASYNC110
            await asyncio.sleep(0.2)


@needs_proc
@pytest.mark.timeout(300)
@pytest.mark.parametrize("end", ["cleanly", "by kill -9"])
async def test_no_file_holds_what_was_planted(
    environment: dict[str, str],
    open_editor: Callable[..., Any],
    home: Home,
    cloud: DemoCloud,
    end: str,
) -> None:
    assert len(set(PLANTED)) == 50
    root = home.root.parent
    for name in ("tmp", "user"):
        (root / name).mkdir()
    environment = {**environment, "TMPDIR": str(root / "tmp"), "HOME": str(root / "user")}
    _plant(home, environment, cloud)
    editor = await open_editor(environment)
    await _session(editor)
    await _embedded(home, environment)
    (worker,) = workers_of(home)
    memory = shared_memory_of(worker)
    assert memory, "the search index was not where it was looked for"
    assert {_file_system(place) for place in memory} <= MEMORY_FILE_SYSTEMS
    assert any(files_below(*memory).values())
    for place in memory:
        assert place.stat().st_mode & 0o777 == 0o700

    if end == "cleanly":
        assert await editor.quit() == 0
    else:
        editor.process.kill()
        os.kill(worker, signal.SIGKILL)
        await editor.process.wait()
    assert not await gone({worker}, 30)

    files = files_below(root)
    assert {path.name for path in files} >= {"cloudops.db", "key.json", "worker.log"}
    assert_nothing_readable(files, [coded for text in PLANTED for coded in encodings(text)])
    for place in (home.data, home_runtime(environment)):
        assert_private(place)
    assert home.root.stat().st_mode & 0o777 == 0o700
    assert home.log.stat().st_mode & 0o777 == 0o600

    with StorageService.open(home, keys=KeyRing(home, environ=environment)) as store:
        vectors = _vectors(store)
        # Nothing of it was lost.
        assert len(store.executions.list()) == 1
        assert len(store.chat.get_all_contexts()) == 1
    assert len(vectors) > 10
    assert {len(vector) for vector in vectors} == {4 * DIM}
    model = home.models / "tiny"
    others = {path: data for path, data in files.items() if not path.is_relative_to(model)}
    assert_nothing_readable(others, vectors)

    if end == "cleanly":
        assert not [place for place in memory if place.exists()]
    else:
        # It stays in memory, for this user alone, until the next worker of any home starts.
        assert all(place.exists() for place in memory)
        status = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "cloudops_ls", "status"),
            env=environment,
            stdout=asyncio.subprocess.DEVNULL,
        )
        assert await status.wait() == 0
        assert not [place for place in memory if place.exists()]


def home_runtime(environment: dict[str, str]) -> Path:
    (runtime,) = Path(environment["XDG_RUNTIME_DIR"]).iterdir()
    return runtime

"""Bad days of the worker: one clear message, and another one goes on."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING, Any

from tests.e2e.bad_days import (
    LIST,
    aws_files,
    count,
    loaded,
    one_message,
    still_well,
    with_profiles,
)
from tests.e2e.processes import gone, needs_proc, workers_of
from tests.e2e.silence import silent_endpoint

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cloudops_ls.home import Home


@needs_proc
async def test_a_worker_killed_while_scanning_is_one_message_and_a_new_one_goes_on(
    environment: dict[str, str], open_editor: Callable[..., Any], home: Home, tmp_path: Path
) -> None:
    with silent_endpoint() as endpoint:
        config, keys = aws_files(environment)
        slow = with_profiles(
            environment,
            tmp_path / "aws",
            f"{config}\n[profile slow]\nregion = us-west-2\nendpoint_url = {endpoint}\n",
            f"{keys}\n[slow]\naws_access_key_id = AKIASLOW\naws_secret_access_key = slow\n",
        )
        editor = await loaded(await open_editor(slow))
        known = await count(editor)
        scan = asyncio.create_task(
            editor.execute("cloudops.scanEstate", {"profiles": ["production", "slow"]})
        )
        await editor.until(lambda: "Finding out" in editor.progress(), "it scans")
        (first,) = workers_of(home)
        # Completion and hover never wait for it.
        await still_well(editor)
        os.kill(first, signal.SIGKILL)
        assert (await asyncio.wait_for(scan, 10))["status"] == "failed"
        await asyncio.sleep(0.3)
        one_message(editor, 0, "background process")
        await still_well(editor)
        assert await count(editor) == known

        # A new worker is started for what comes next.
        buffer = editor.open(LIST)
        editor.answers.append("Run")
        assert (await editor.run(buffer, "aws rds"))["status"] == "success", editor.said()
        (second,) = workers_of(home)
        assert second != first
        again = await editor.execute("cloudops.scanEstate", {"profiles": ["production"]})
        assert again["status"] == "complete", again
        assert await count(editor) == known
        assert len(editor.messages) == 1, editor.said()


@needs_proc
async def test_a_worker_that_dies_again_and_again_is_one_message_each_time(
    environment: dict[str, str], open_editor: Callable[..., Any], home: Home
) -> None:
    editor = await loaded(await open_editor(environment))
    buffer = editor.open(LIST)
    for number, doing in enumerate(("searching", "checking", "searching"), start=1):
        assert await editor.execute("cloudops.searchResources", {"query": "web-1"})
        (pid,) = workers_of(home)
        # Held, so that the answer cannot be on its way already.
        os.kill(pid, signal.SIGSTOP)
        if doing == "searching":
            work = editor.execute("cloudops.searchResources", {"query": "web"})
        else:
            work = editor.run(buffer, "aws rds")
        task = asyncio.create_task(work)
        await asyncio.sleep(0.2)
        await still_well(editor)
        os.kill(pid, signal.SIGKILL)
        assert (await asyncio.wait_for(task, 10))["status"] == "failed"
        await gone({pid}, 5)
        await asyncio.sleep(0.2)
        one_message(editor, number - 1, "background process")
    assert buffer.text == LIST
    assert not editor.questions


@needs_proc
async def test_an_answer_does_without_a_worker_that_dies(
    environment: dict[str, str], open_editor: Callable[..., Any], home: Home
) -> None:
    """A description is searched for by the worker; the question goes on without."""
    editor = await loaded(await open_editor(environment))
    await editor.execute("cloudops.searchResources", {"query": "web-1"})
    (first,) = workers_of(home)
    os.kill(first, signal.SIGSTOP)
    buffer = editor.open("What runs the nightly reports of the finance team?\n")
    asking = asyncio.create_task(editor.ask(buffer, "What"))
    await editor.until(lambda: "Looking up" in editor.progress(), "it is being asked")
    await asyncio.sleep(0.3)
    os.kill(first, signal.SIGKILL)
    assert (await asyncio.wait_for(asking, 60))["status"] == "answered"
    await editor.until(lambda: bool(editor.messages), "the loss was told")
    one_message(editor, 0, "background process")
    assert "> **CloudOps:** " in buffer.text

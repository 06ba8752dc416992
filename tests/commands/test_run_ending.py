from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cloudops_ls.commands.run import (
    Chunk,
    Finished,
    RunError,
    RunEvent,
    Started,
    run,
)
from tests.commands.running import ENVIRONMENT, end, gather, output, python

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.skipif(os.name != "posix", reason="process groups and signals are POSIX")
needs_linux = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="only Linux hands orphans over"
)


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


def eventually(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return condition()


async def test_a_command_over_its_time_is_ended() -> None:
    events = await gather(prefix=python("import time; time.sleep(60)"), timeout=0.3)
    finished = end(events)
    assert finished.timed_out
    assert finished.exit_status == -signal.SIGTERM


STUBBORN = (
    "import os,signal,subprocess,sys,time\n"
    "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "child = subprocess.Popen([sys.executable, '-c', 'import time,signal;"
    "signal.signal(signal.SIGTERM, signal.SIG_IGN);time.sleep(60)'])\n"
    "time.sleep(0.3)\n"
    "os.write(1, f'{os.getpid()} {child.pid}\\n'.encode())\n"
    "time.sleep(60)\n"
)


async def test_a_command_that_ignores_sigterm_dies_with_all_its_children() -> None:
    cancel = asyncio.Event()
    pids: list[int] = []
    start = time.monotonic()
    async for event in run(
        ("aws",), environment=ENVIRONMENT, prefix=python(STUBBORN), cancel=cancel
    ):
        if isinstance(event, Chunk):
            pids = [int(word) for word in event.text.split()]
            cancel.set()
    assert isinstance(event, Finished)
    assert event.cancelled
    assert event.exit_status == -signal.SIGKILL
    assert 2.5 < time.monotonic() - start < 8
    assert len(pids) == 2
    assert eventually(lambda: not any(map(alive, pids)))


async def test_what_a_command_leaves_behind_dies_with_it() -> None:
    code = (
        "import subprocess,sys\n"
        "print(subprocess.Popen([sys.executable,'-c','import time;time.sleep(60)']).pid)"
    )
    events = await gather(prefix=python(code))
    assert end(events).exit_status == 0
    assert eventually(lambda: not alive(int(output(events))))


DAEMON = (
    "import subprocess,sys\n"
    # It leaves group and session, and its own parent ends at once.
    'middle = \'import subprocess,sys; print(subprocess.Popen([sys.executable, "-c", '
    '"import signal,time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"], '
    "start_new_session=True).pid, flush=True)'\n"
    "subprocess.run([sys.executable, '-c', middle])\n"
)


@needs_linux
async def test_a_daemon_that_a_command_leaves_behind_dies_with_it() -> None:
    events = await gather(prefix=python(DAEMON))
    assert end(events).exit_status == 0
    assert eventually(lambda: not alive(int(output(events))))


@needs_linux
def test_a_daemon_dies_with_a_server_that_was_killed() -> None:
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER, f"{DAEMON}\nimport time; time.sleep(60)"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None
    command = int(server.stdout.readline().partition("pid=")[2].rstrip(")\n"))
    daemon = int(server.stdout.readline().partition("text='")[2].partition("\\n")[0])
    assert alive(command)
    assert alive(daemon)
    server.kill()
    server.wait()
    assert eventually(lambda: not alive(command) and not alive(daemon))


@pytest.mark.parametrize("how", ["close", "cancel task"])
async def test_losing_interest_ends_the_command(how: str) -> None:
    pids: list[int] = []
    started = asyncio.Event()

    async def consume() -> None:
        async with contextlib.aclosing(
            run(("aws",), environment=ENVIRONMENT, prefix=python("import time; time.sleep(60)"))
        ) as events:
            async for event in events:
                assert isinstance(event, Started)
                pids.append(event.pid)
                started.set()
                if how == "close":
                    return

    task = asyncio.create_task(consume())
    await started.wait()
    if how == "cancel task":
        task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert eventually(lambda: not alive(pids[0]))


SERVER = """
import asyncio, sys
from cloudops_ls.commands.run import run
async def main():
    code = sys.argv[1]
    prefix = (sys.executable, "-u", "-c", code)
    async for event in run(("aws",), environment={"PATH": "/usr/bin:/bin"}, prefix=prefix):
        print(event, flush=True)
asyncio.run(main())
"""


def test_a_server_killed_with_sigkill_leaves_nothing_running() -> None:
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER, STUBBORN], stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    assert "Started" in server.stdout.readline()
    text = server.stdout.readline()
    pids = [int(word) for word in text.partition("text='")[2].partition("\\n")[0].split()]
    supervisors = supervisors_of(server.pid)
    assert len(pids) == 2
    assert len(supervisors) == 1
    assert all(map(alive, pids))
    server.kill()
    server.wait()
    # SIGTERM is ignored, so it takes the three seconds until SIGKILL.
    assert eventually(lambda: not any(map(alive, [*pids, *supervisors])))


async def test_a_killed_supervisor_takes_the_command_along_and_says_so() -> None:
    events: list[RunEvent] = []
    with pytest.raises(RunError) as caught:
        async for event in run(
            ("aws",), environment=ENVIRONMENT, prefix=python("import time; time.sleep(60)")
        ):
            events.append(event)
            (supervisor,) = supervisors_of(os.getpid())
            os.kill(supervisor, signal.SIGKILL)
    (started,) = events
    assert isinstance(started, Started)
    assert caught.value.outcome_unknown
    assert eventually(lambda: not alive(started.pid))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel's own signal")
def test_server_and_supervisor_killed_together_leave_nothing_running() -> None:
    code = "import os,time; os.write(1, b'up\\n'); time.sleep(60)"
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER, code], stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    pid = int(server.stdout.readline().partition("pid=")[2].rstrip(")\n"))
    server.stdout.readline()
    (supervisor,) = supervisors_of(server.pid)
    os.kill(server.pid, signal.SIGSTOP)
    os.kill(supervisor, signal.SIGKILL)
    server.kill()
    server.wait()
    assert eventually(lambda: not alive(pid))


def supervisors_of(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task")
    found = " ".join((task / "children").read_text() for task in tasks.iterdir())
    return [
        child
        for child in map(int, found.split())
        if alive(child) and b"runner.py" in Path(f"/proc/{child}/cmdline").read_bytes()
    ]

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudops_ls.commands.environment import command_environment
from cloudops_ls.commands.run import (
    AWS_CLI,
    Chunk,
    Finished,
    RunError,
    RunEvent,
    Started,
    Stream,
    run,
)

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.skipif(os.name != "posix", reason="process groups and signals are POSIX")

ENVIRONMENT = {"PATH": "/usr/bin:/bin"}


def python(code: str) -> tuple[str, ...]:
    """Something to run in place of the AWS CLI."""
    return (sys.executable, "-u", "-c", code)


async def gather(*arguments: str, prefix: tuple[str, ...], **options: Any) -> list[RunEvent]:
    options.setdefault("environment", ENVIRONMENT)
    return [event async for event in run(("aws", *arguments), prefix=prefix, **options)]


def output(events: list[RunEvent], stream: Stream = Stream.STDOUT) -> str:
    return "".join(e.text for e in events if isinstance(e, Chunk) and e.stream is stream)


def end(events: list[RunEvent]) -> Finished:
    assert isinstance(events[0], Started)
    last = events[-1]
    assert isinstance(last, Finished)
    return last


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


async def test_output_of_both_streams_and_the_exit_status_arrive() -> None:
    code = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"
    events = await gather(prefix=python(code))
    assert output(events) == "out\n"
    assert output(events, Stream.STDERR) == "err\n"
    assert end(events) == Finished(3, cancelled=False, timed_out=False, truncated=False)


ARGUMENTS = st.lists(
    st.text(alphabet=st.characters(exclude_categories=("Cs",), exclude_characters="\0")),
    max_size=6,
)


@settings(max_examples=25, deadline=None)
@given(arguments=ARGUMENTS)
def test_the_process_gets_exactly_the_words_that_were_given(arguments: list[str]) -> None:
    prefix = (
        sys.executable,
        "-I",
        "-X",
        "utf8",
        "-c",
        "import json,sys;print(json.dumps(sys.argv[1:]))",
    )
    events = asyncio.run(gather(*arguments, prefix=prefix))
    assert json.loads(output(events)) == arguments


async def test_the_process_gets_exactly_the_given_environment_and_no_input() -> None:
    code = "import json,os,sys;print(json.dumps([dict(os.environ), sys.stdin.read()]))"
    given_ = {**ENVIRONMENT, "AWS_CONFIG_FILE": "/é", "EMPTY": ""}
    events = await gather(
        prefix=(sys.executable, "-I", "-X", "utf8", "-c", code), environment=given_
    )
    environment, read = json.loads(output(events))
    environment.pop("LC_CTYPE", None)  # Python's own doing in the C locale
    assert environment == given_
    assert read == ""


async def test_it_runs_where_it_is_told(tmp_path: Path) -> None:
    events = await gather(prefix=python("import os; print(os.getcwd())"), cwd=tmp_path)
    assert output(events).strip() == str(tmp_path)


async def test_characters_are_never_cut_in_half_and_bad_bytes_are_replaced() -> None:
    code = (
        "import sys,time\n"
        "for byte in 'é😀'.encode():\n"
        "    sys.stdout.buffer.write(bytes([byte])); sys.stdout.flush(); time.sleep(0.01)\n"
        "sys.stdout.buffer.write(b'\\xff|\\xe2\\x82')"
    )
    events = await gather(prefix=python(code))
    assert output(events) == "é😀\ufffd|\ufffd"


async def test_output_streams_while_the_command_runs() -> None:
    code = "import os,time; os.write(1, b'first\\n'); time.sleep(30)"
    cancel = asyncio.Event()
    start = time.monotonic()
    async with contextlib.aclosing(
        run(("aws",), environment=ENVIRONMENT, prefix=python(code), cancel=cancel)
    ) as events:
        async for event in events:
            if isinstance(event, Chunk):
                assert event.text == "first\n"
                cancel.set()
    assert isinstance(event, Finished)
    assert event.cancelled
    assert event.exit_status == -signal.SIGTERM
    assert time.monotonic() - start < 10


async def test_output_over_the_limit_is_dropped_and_the_command_goes_on() -> None:
    code = "import sys; sys.stdout.write('x' * 5_000_000); sys.exit(4)"
    events = await gather(prefix=python(code), output_limit=1000)
    assert output(events) == "x" * 1000
    assert end(events) == Finished(4, cancelled=False, timed_out=False, truncated=True)


async def test_a_slow_consumer_slows_the_command_down() -> None:
    code = (
        "import sys,time\n"
        "for n in range(64):\n"
        "    sys.stdout.write('x' * 65536); sys.stdout.flush()\n"
        "    sys.stderr.write(f'{n} '); sys.stderr.flush()\n"
    )
    written = ""
    async with contextlib.aclosing(
        run(("aws",), environment=ENVIRONMENT, prefix=python(code))
    ) as events:
        assert isinstance(await anext(events), Started)
        await anext(events)
        await asyncio.sleep(1.0)
        received = 0
        async for event in events:
            if isinstance(event, Chunk) and event.stream is Stream.STDOUT:
                received += len(event.text)
            elif isinstance(event, Chunk):
                written += event.text
                if "40 " in written:
                    # It cannot be more than the pipes and buffers between us ahead.
                    assert received > (40 - 16) * 65536
    assert "63 " in written


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
needs_linux = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="only Linux hands orphans over"
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


async def test_a_program_that_is_not_there_is_one_clear_error() -> None:
    with pytest.raises(RunError, match="could not be started") as caught:
        await gather(prefix=("/no/such/program",))
    assert not caught.value.outcome_unknown


async def test_only_aws_runs() -> None:
    with pytest.raises(RunError, match="Only aws"):
        [event async for event in run(("rm", "-rf", "/"), environment=ENVIRONMENT)]


async def test_the_awscli_ignores_aliases_plugins_and_the_working_directory(
    tmp_path: Path,
) -> None:
    (tmp_path / ".aws" / "cli").mkdir(parents=True)
    (tmp_path / ".aws" / "cli" / "alias").write_text("[toplevel]\nec2 = !echo hijacked\n")
    (tmp_path / ".aws" / "config").write_text(
        "[default]\nregion = us-east-1\n[plugins]\nx = no_such_module\n"
    )
    for name in ("awscli", "json", "botocore"):
        (tmp_path / f"{name}.py").write_text("print('hijacked')")
    environment = command_environment({**os.environ, "HOME": str(tmp_path)})
    events = await gather(
        *("ec2", "stop-instances", "--generate-cli-skeleton"),
        prefix=AWS_CLI,
        environment=environment,
        cwd=tmp_path,
    )
    assert end(events).exit_status == 0, output(events, Stream.STDERR)
    assert "InstanceIds" in json.loads(output(events))


def test_the_environment_holds_what_aws_needs_and_nothing_else() -> None:
    base = {
        "PATH": "/bin",
        "HOME": "/h",
        "LC_ALL": "C",
        "AWS_CONFIG_FILE": "/c",
        "HTTPS_PROXY": "http://p",
        "no_proxy": "x",
        **dict.fromkeys(
            (
                *("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL"),
                *("AWS_ENDPOINT_URL_S3", "AWS_DATA_PATH", "AWS_ACCESS_KEY_ID"),
                *("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "PYTHONPATH", "PYTHONSTARTUP"),
                *("LD_PRELOAD", "CLOUDOPS_PASSPHRASE", "GITHUB_TOKEN", "AWS_PAGER"),
            ),
            "x",
        ),
    }
    assert command_environment(base) == {
        "PATH": "/bin",
        "HOME": "/h",
        "LC_ALL": "C",
        "AWS_CONFIG_FILE": "/c",
        "HTTPS_PROXY": "http://p",
        "no_proxy": "x",
        "AWS_PAGER": "",
        "AWS_CLI_AUTO_PROMPT": "off",
    }
    chosen = command_environment(base, credentials=True, extra={"TERM": "dumb"})
    assert chosen["AWS_SECRET_ACCESS_KEY"] == "x"
    assert chosen["TERM"] == "dumb"
    assert "AWS_PROFILE" not in chosen

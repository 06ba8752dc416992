from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudops_ls.commands.environment import command_environment
from cloudops_ls.commands.run import (
    AWS_CLI,
    Chunk,
    Finished,
    RunError,
    Started,
    Stream,
    run,
)
from tests.commands.running import ENVIRONMENT, end, gather, output, python

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(os.name != "posix", reason="process groups and signals are POSIX")


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

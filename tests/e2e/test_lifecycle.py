"""Starting, ending, and ending while something is under way."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from lsprotocol import types

from cloudops_ls.storage.keys import KeyRing
from cloudops_ls.storage.records import ExecutionStatus
from cloudops_ls.storage.service import StorageService
from tests.assistant.server import Answer, CloudOpsTestServer
from tests.e2e.conftest import both_editors
from tests.e2e.editor import Editor
from tests.e2e.processes import command_line, descendants, gone, needs_proc, workers_of
from tests.e2e.profiles import VSCODE
from tests.e2e.silence import closed_port, silent_endpoint
from tests.e2e.test_executing import state_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cloudops_ls.demo.cloud import DemoCloud
    from cloudops_ls.home import Home

PROMPT_SECONDS = 5.0
"""Longest time from ``shutdown`` to the end of the process."""


@pytest.fixture
def silent(environment: dict[str, str]) -> Iterator[dict[str, str]]:
    """The environment with a profile ``silent`` that AWS never answers, save for who it is.

    Its identity comes from the stand-in AWS, so that a command gets as far as running.
    """
    config = Path(environment["AWS_CONFIG_FILE"])
    credentials = Path(environment["AWS_SHARED_CREDENTIALS_FILE"])
    own = Path(environment["CLOUDOPS_HOME"]).parent / "aws"
    own.mkdir()
    with silent_endpoint() as endpoint:
        settings = config.read_text().split("[profile production]\n")[1].split("\n\n")[0]
        services = "".join(
            f"{name} =\n  endpoint_url = {endpoint}\n" for name in ("rds", "ec2", "s3", "lambda")
        )
        (own / "config").write_text(
            config.read_text()
            + f"\n[profile silent]\n{settings}\nservices = mute\n\n[services mute]\n{services}"
        )
        keys = credentials.read_text().split("[production]\n")[1].split("\n\n")[0]
        (own / "credentials").write_text(f"{credentials.read_text()}\n[silent]\n{keys}\n")
        yield {
            **environment,
            "AWS_CONFIG_FILE": str(own / "config"),
            "AWS_SHARED_CREDENTIALS_FILE": str(own / "credentials"),
        }


@both_editors
async def test_initialize_offers_what_there_is_and_an_orderly_end_is_0(
    editor: Editor, home: Home
) -> None:
    result = editor.initialized_with
    offered = result.capabilities
    assert result.server_info == types.ServerInfo("cloudops-ls", version("cloudops-ls"))
    utf8 = "utf-8" in (editor.wanted.general.position_encodings or ())
    assert offered.position_encoding == ("utf-8" if utf8 else "utf-16")
    assert offered.text_document_sync.change == types.TextDocumentSyncKind.Incremental
    assert offered.text_document_sync.open_close
    assert offered.completion_provider.trigger_characters == ("@", ":")
    assert offered.completion_provider.resolve_provider
    assert offered.hover_provider
    assert offered.code_lens_provider.resolve_provider
    assert set(offered.code_action_provider.code_action_kinds) == {"", "quickfix"}
    assert set(offered.execute_command_provider.commands) >= {
        "cloudops.sendParagraph",
        "cloudops.executeCommand",
        "cloudops.scanEstate",
        "cloudops.syncStatus",
        "cloudops.searchResources",
        "cloudops.resourceDetails",
    }
    # Nothing was asked of the worker, so none was started.
    assert workers_of(home) == []
    assert await editor.quit() == 0
    assert editor.stderr == b""
    assert not editor.messages, editor.said()


async def test_exit_without_shutdown_is_1(
    environment: dict[str, str], open_editor: Callable[..., Any]
) -> None:
    editor = await open_editor(environment, arguments=["--stdio"])
    editor.exit(None)
    assert await asyncio.wait_for(editor.process.wait(), PROMPT_SECONDS) == 1
    assert editor.stderr == b""


async def test_a_closed_stdin_ends_the_server(
    environment: dict[str, str], open_editor: Callable[..., Any]
) -> None:
    editor = await open_editor(environment)
    editor.process.stdin.close()
    assert await asyncio.wait_for(editor.process.wait(), PROMPT_SECONDS) == 1
    assert editor.stderr == b""


async def test_the_server_ends_when_the_process_of_its_editor_is_gone(
    environment: dict[str, str], open_editor: Callable[..., Any]
) -> None:
    someone = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", "input()"), stdin=asyncio.subprocess.PIPE
    )
    try:
        editor = await open_editor(environment, process_id=someone.pid)
        await editor.until(lambda: "name index loaded" in editor.logged(), "it is at work")
        assert editor.process.returncode is None
    finally:
        someone.kill()
        await someone.wait()
    # Its stdin is still open.
    assert await asyncio.wait_for(editor.process.wait(), PROMPT_SECONDS) == 1


async def shut_down(editor: Editor) -> float:
    """End the session; return how many seconds that took."""
    started = time.monotonic()
    await asyncio.wait_for(editor.shutdown_async(None), PROMPT_SECONDS)
    editor.exit(None)
    assert await asyncio.wait_for(editor.process.wait(), PROMPT_SECONDS) == 0
    assert editor.stderr == b""
    return time.monotonic() - started


async def ended(work: asyncio.Task[Any]) -> None:
    """The request was answered or cancelled; nobody waits for ever."""
    await asyncio.wait({work}, timeout=PROMPT_SECONDS)
    assert work.done()
    work.exception()


async def test_shutdown_while_an_answer_is_awaited(
    environment: dict[str, str], open_editor: Callable[..., Any]
) -> None:
    with CloudOpsTestServer(Answer(deltas=("Well",), hang=True)) as server:
        settings = {"profile": "production", "assistant": {"kind": "http", "url": server.url}}
        editor = await open_editor(environment, settings=settings)
        buffer = editor.open("Stop pg-instance-main1.\n")
        asking = asyncio.create_task(editor.ask(buffer, "Stop"))
        await editor.until(lambda: bool(server.requests), "the question arrived")
        assert await shut_down(editor) < PROMPT_SECONDS
        await ended(asking)
        assert server.client_left.wait(PROMPT_SECONDS)
    assert buffer.text == "Stop pg-instance-main1.\n"


@needs_proc
async def test_shutdown_while_a_command_runs_ends_the_command(
    silent: dict[str, str], open_editor: Callable[..., Any], home: Home
) -> None:
    editor = await open_editor(silent, settings={"profile": "silent"})
    buffer = editor.open("```aws\naws rds describe-db-instances\n```\n")
    editor.answers.append("Run")
    running = asyncio.create_task(editor.run(buffer, "aws rds"))
    await editor.until(lambda: "status=running" in buffer.text, "the command was started")
    children = descendants(editor.process.pid)
    for _ in range(100):
        children = descendants(editor.process.pid)
        if any("aws_cli.py" in command_line(pid) for pid in children):
            break
        await asyncio.sleep(0.05)
    else:
        pytest.fail("no aws process was started")
    workers = set(workers_of(home))
    assert await shut_down(editor) < PROMPT_SECONDS
    await ended(running)
    assert not await gone(children - workers, PROMPT_SECONDS)

    ring = KeyRing(home, environ=silent)
    with StorageService.open(home, keys=ring) as store:
        (execution,) = store.executions.list()
    assert execution.status is ExecutionStatus.CANCELLED


@needs_proc
async def test_shutdown_while_scanning_does_not_wait_for_aws(
    environment: dict[str, str], open_editor: Callable[..., Any], home: Home, tmp_path: Path
) -> None:
    with silent_endpoint() as endpoint:
        (tmp_path / "config").write_text(
            f"[profile silent]\nregion = us-west-2\nendpoint_url = {endpoint}\n"
        )
        (tmp_path / "credentials").write_text(
            "[silent]\naws_access_key_id = AKIASILENT\naws_secret_access_key = none\n"
        )
        unanswered = {
            **environment,
            "AWS_CONFIG_FILE": str(tmp_path / "config"),
            "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
        }
        editor = await open_editor(unanswered, settings={"profile": "silent"})
        scanning = asyncio.create_task(
            editor.execute("cloudops.scanEstate", {"profiles": ["silent"]})
        )
        await editor.until(lambda: "Finding out" in editor.progress(), "the scan is under way")
        assert await shut_down(editor) < PROMPT_SECONDS
        await ended(scanning)
        # The worker gives up a scan that nobody waits for any more, and leaves when idle.
        assert not await gone(set(workers_of(home)), 15)


async def test_shutdown_while_a_question_is_open_runs_nothing(
    editor: Editor, cloud: DemoCloud
) -> None:
    buffer = editor.open(
        "```aws\naws rds stop-db-instance --db-instance-identifier pg-instance-main1\n```\n"
    )

    too_late = asyncio.Event()

    async def hesitate(_question: types.ShowMessageRequestParams) -> str:
        await too_late.wait()
        return "Run"

    editor.answers.append(hesitate)
    running = asyncio.create_task(editor.run(buffer, "aws rds"))
    await editor.until(lambda: bool(editor.questions), "it was asked")
    started = time.monotonic()
    await asyncio.wait_for(editor.shutdown_async(None), PROMPT_SECONDS)
    too_late.set()
    editor.exit(None)
    assert await asyncio.wait_for(editor.process.wait(), PROMPT_SECONDS) == 0
    assert time.monotonic() - started < PROMPT_SECONDS
    await ended(running)
    assert state_of(cloud) == "available"


async def test_tcp(environment: dict[str, str]) -> None:
    port = closed_port()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cloudops_ls", "--tcp", f"127.0.0.1:{port}"),
        env=environment,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        editor = Editor(VSCODE, {"profile": "production"})
        deadline = time.monotonic() + 60
        while True:
            try:
                await editor.start_tcp("127.0.0.1", port)
                break
            except ConnectionRefusedError:
                assert time.monotonic() < deadline, "it does not listen"
                await asyncio.sleep(0.05)
        # An editor on another machine: its process id says nothing here.
        params = types.InitializeParams(capabilities=VSCODE, root_uri=None, process_id=4_194_300)
        result = await editor.initialize_session(params)
        assert result.server_info.name == "cloudops-ls"
        await editor.until(lambda: "name index loaded" in editor.logged(), "the names are there")
        buffer = editor.open("Stop pg-instance-ma\n")
        found = await editor.complete(buffer, buffer.after("pg-instance-ma"))
        assert [item.label for item in found.items] == ["pg-instance-main1"]
        await editor.shutdown_async(None)
        editor.exit(None)
        assert await asyncio.wait_for(process.wait(), PROMPT_SECONDS) == 0
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@pytest.mark.parametrize(
    "address", ["nowhere", "127.0.0.1:99999", "busy"], ids=["word", "range", "busy"]
)
def test_an_unusable_address_is_one_message(environment: dict[str, str], address: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        if address == "busy":
            address = f"127.0.0.1:{taken.getsockname()[1]}"
        ended = subprocess.run(
            [sys.executable, "-m", "cloudops_ls", "--tcp", address],
            env=environment,
            capture_output=True,
            text=True,
            timeout=30,
        )
    assert ended.returncode == 1
    assert ended.stderr.startswith("cloudops-ls: ")
    assert "Traceback" not in ended.stderr
    assert address in ended.stderr


def test_the_version_is_printed(environment: dict[str, str]) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "cloudops_ls", "--version"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert ended.stdout == f"{version('cloudops-ls')}\n"
    assert ended.stderr == ""

"""Run a checked command in a process of its own and stream what it says.

The server starts a supervisor (``runner.py``) and the supervisor starts the command; the pipe to
the supervisor is the lifeline. When the server dies, even by SIGKILL, the kernel closes the pipe
and the supervisor ends the command with everything it started. No shell is involved anywhere.
"""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import json
import os
import signal
import sys
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from cloudops_ls.commands import runner
from cloudops_ls.errors import CloudOpsError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence

OUTPUT_LIMIT = 10 * 1024 * 1024
"""Bytes of output, both streams together, after which the rest is dropped."""
TIMEOUT = 3600.0

AWS_CLI: tuple[str, ...] = (
    sys.executable,
    *("-E", "-P", "-u", "-X", "utf8"),
    str(Path(__file__).with_name("aws_cli.py")),
)
"""What stands for ``aws``: this environment's AWS CLI.

No ``PYTHON…`` variable and no file in the working directory takes part, output is not held back,
and arguments are UTF-8.
"""


class Stream(StrEnum):
    """Where a piece of output came from."""

    STDOUT = "stdout"
    STDERR = "stderr"


@dataclass(frozen=True, slots=True)
class Started:
    """The command runs; ``pid`` is also the number of its process group."""

    pid: int


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some output, in the order the supervisor saw it; never half a character."""

    stream: Stream
    text: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The end of the command and of its whole process group.

    Attributes
    ----------
    exit_status
        As the process gave it; negative for the signal that ended it.
    cancelled, timed_out
        Why it was ended, if it was.
    truncated
        Output went over the limit and is incomplete.
    """

    exit_status: int
    cancelled: bool
    timed_out: bool
    truncated: bool


RunEvent = Started | Chunk | Finished


class RunError(CloudOpsError):
    """The command could not be started, or nobody knows how it ended."""

    def __init__(self, what: str, *, fix: str, outcome_unknown: bool) -> None:
        super().__init__(what, fix=fix)
        self.outcome_unknown = outcome_unknown
        """It was started and its supervisor was lost: it may or may not have taken effect."""


async def run(
    argv: Sequence[str],
    *,
    environment: Mapping[str, str],
    timeout: float | None = TIMEOUT,  # noqa: ASYNC109 (the supervisor measures it)
    output_limit: int = OUTPUT_LIMIT,
    cancel: asyncio.Event | None = None,
    cwd: Path | None = None,
    prefix: Sequence[str] = AWS_CLI,
) -> AsyncGenerator[RunEvent, None]:
    """Run a command; yields one ``Started``, then ``Chunk`` s, then one ``Finished``.

    The command is slowed down while the events are not consumed. Closing the generator early, or
    cancelling the task that iterates it, ends the command; so wrap it in
    ``contextlib.aclosing``. To cancel and still see the end, set ``cancel``.

    Parameters
    ----------
    argv
        ``CheckedCommand.argv``, ``aws`` first.
    environment
        The command's whole environment, see ``environment.command_environment``.
    timeout
        Seconds; None for none.
    output_limit
        Bytes of output to pass on; the command goes on when they are used up.
    cancel
        Ends the command when set: SIGTERM, and SIGKILL three seconds later.
    cwd
        Working directory, for the local paths in a command.
    prefix
        What to start in place of the word ``aws``.

    Raises
    ------
    RunError
        It could not be started, or the supervisor was lost.
    """
    if not argv or argv[0] != "aws":
        raise RunError(
            "Only aws commands can run", fix="Start the command with aws", outcome_unknown=False
        )
    request = {
        "argv": [*prefix, *argv[1:]],
        "environment": dict(environment),
        "timeout": timeout,
        "output_limit": output_limit,
        "cwd": None if cwd is None else str(cwd),
    }
    supervisor = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", "-X", "utf8", runner.__file__),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=_bare(environment),
        start_new_session=True,
    )
    conversation = _Conversation(supervisor)
    canceller = None
    try:
        await conversation.send(json.dumps(request).encode("ascii") + b"\n")
        if cancel is not None:
            canceller = asyncio.create_task(conversation.cancel_when(cancel))
        async for event in conversation.events():
            yield event
    finally:
        if canceller is not None:
            canceller.cancel()
        await conversation.end()


def _bare(environment: Mapping[str, str]) -> dict[str, str]:
    """Keep what an interpreter may need to start on Windows; the rest is for the command."""
    return {name: environment[name] for name in ("PATH", "SYSTEMROOT") if name in environment}


class _Conversation:
    """The server's side of the talk with one supervisor."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        if process.stdin is None or process.stdout is None:
            raise ValueError("the supervisor needs pipes")
        self._process = process
        self._stdin = process.stdin
        self._stdout = process.stdout
        self._group: int | None = None

    async def send(self, data: bytes) -> None:
        # A supervisor that is gone shows itself when its answer is read.
        with contextlib.suppress(ConnectionError):
            self._stdin.write(data)
            await self._stdin.drain()

    async def cancel_when(self, event: asyncio.Event) -> None:
        await event.wait()
        await self.send(b"cancel\n")

    async def events(self) -> AsyncGenerator[RunEvent, None]:
        decoders = {
            b"O": (Stream.STDOUT, codecs.getincrementaldecoder("utf-8")("replace")),
            b"E": (Stream.STDERR, codecs.getincrementaldecoder("utf-8")("replace")),
        }
        while True:
            kind, content = await self._frame()
            if kind in decoders:
                stream, decoder = decoders[kind]
                if text := decoder.decode(content):
                    yield Chunk(stream, text)
                continue
            told = json.loads(content)
            if kind == b"S":
                self._group = told["pid"]
                yield Started(told["pid"])
            elif kind == b"X":
                raise RunError(
                    f"The command could not be started: {told['error']}",
                    fix="Check that the AWS CLI and the working directory exist",
                    outcome_unknown=False,
                )
            else:
                self._group = None
                for stream, decoder in decoders.values():
                    if text := decoder.decode(b"", final=True):
                        yield Chunk(stream, text)
                yield Finished(**told)
                return

    async def _frame(self) -> tuple[bytes, bytes]:
        try:
            kind, length = runner.HEADER.unpack(await self._stdout.readexactly(runner.HEADER.size))
            return kind, await self._stdout.readexactly(length)
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise RunError(
                "The command's supervisor was lost, so its outcome is not known",
                fix="Look at the resource before running the command again",
                outcome_unknown=self._group is not None,
            ) from error

    async def end(self) -> None:
        """Close the lifeline and wait until nothing is left of the command."""
        self._stdin.close()
        try:
            async with asyncio.timeout(runner.GRACE + 2):
                # What is still in the pipe would keep the supervisor from ending.
                while await self._stdout.read(runner.CHUNK):
                    pass
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
        finally:
            if self._process.returncode != 0:
                self._end_group()

    def _end_group(self) -> None:
        """Do the supervisor's work when it was lost or does not end."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
        if self._group is not None and hasattr(os, "killpg"):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._group, signal.SIGKILL)

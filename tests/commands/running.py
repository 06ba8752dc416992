"""Run Python in place of the AWS CLI, and read what it did."""

from __future__ import annotations

import sys
from typing import Any

from cloudops_ls.commands.run import (
    Chunk,
    Finished,
    RunEvent,
    Started,
    Stream,
    run,
)

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

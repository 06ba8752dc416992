"""Asking: what this program adds to a bare httpx call of the same payload."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from contextlib import aclosing, contextmanager
from datetime import UTC, datetime, timedelta
from time import perf_counter, process_time
from typing import TYPE_CHECKING, Any

import httpx

from benchmarks import operators_estate
from benchmarks.figures import Budget, Row, show
from cloudops_ls.assistant.http import HttpAssistant
from cloudops_ls.assistant.protocol import UserContext
from cloudops_ls.assistant.request import NamedResource, RequestBuilder
from cloudops_ls.storage.records import Message, Role

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console

    from benchmarks.options import Options
    from cloudops_ls.assistant.protocol import AssistantRequest
    from cloudops_ls.storage.records import SearchHit
    from cloudops_ls.storage.resource import Resource

SAMPLES = 200
RESOURCES = 10
TURNS = 40
OVERHEAD_MS = 30.0
CONTEXT = UserContext(user_id="ada", profile="production", default_region="us-west-2")


@contextmanager
def server() -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.bare_assistant"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None and process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.stdin.close()
        process.wait(10)


def conversation() -> list[Message]:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    text = "Stop the database of the main app before the migration, and tell me what follows. "
    return [
        Message(
            role=Role.ASSISTANT if n % 2 else Role.USER,
            content=text * 4,
            timestamp=start + timedelta(minutes=n),
        )
        for n in range(TURNS)
    ]


async def build(resources: Sequence[Resource], history: list[Message]) -> AssistantRequest:
    known = {one.arn: one for one in resources}

    async def search(_query: str) -> list[SearchHit]:
        return []

    builder = RequestBuilder(known.get, search)
    named = [NamedResource(one.name, (one.arn,)) for one in resources]
    prompt = "Compare " + ", ".join(one.name for one in resources)
    return await builder.build(prompt, named, history, CONTEXT, conversation_id="c")


async def measure(url: str, options: Options) -> dict[str, Any]:
    """The same payload bare, and as an operator's question: wall clock and processor time."""
    resources = operators_estate.estate()[:RESOURCES]
    history = conversation()
    body = (await build(resources, history)).model_dump_json().encode()
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    assistant = HttpAssistant(url)
    found: dict[str, Any] = {"bytes": len(body), "bare": [], "asked": [], "wall": ([], [])}
    async with httpx.AsyncClient() as client:
        for n in range(options.samples(SAMPLES) + 3):
            wall, began = perf_counter(), process_time()
            (await client.post(f"{url}/v1/reply", content=body, headers=headers)).json()
            bare, bare_wall = process_time() - began, perf_counter() - wall
            wall, began = perf_counter(), process_time()
            request = await build(resources, history)
            async with aclosing(assistant.reply(request)) as events:
                async for _ in events:
                    pass
            asked, asked_wall = process_time() - began, perf_counter() - wall
            if n >= 3:  # imports and connections are paid
                found["bare"].append(bare * 1000)
                found["asked"].append(asked * 1000)
                found["wall"][0].append(bare_wall * 1000)
                found["wall"][1].append(asked_wall * 1000)
    await assistant.aclose()
    return found


def run(console: Console, options: Options) -> None:
    with server() as url:
        found = asyncio.run(measure(url, options))
    added = [asked - bare for asked, bare in zip(found["asked"], found["bare"], strict=True)]
    bare_wall, asked_wall = found["wall"]
    show(
        console,
        f"Asking with {RESOURCES} resources and {TURNS} earlier turns, {found['bytes']:,} bytes "
        "sent; building the request included, processor time",
        [
            Row("a bare httpx call", found["bare"]),
            Row("asked", found["asked"], found["bare"]),
            Row("overhead", added, budget=Budget(p95=OVERHEAD_MS)),
            Row("wall clock: bare", bare_wall),
            Row("wall clock: asked", asked_wall, bare_wall),
        ],
    )

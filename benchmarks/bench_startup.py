"""From the start of the process to the answer of ``initialize``, and to the first names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.client import Client, at, open_document
from benchmarks.estate import APPS, environment
from benchmarks.figures import Budget, Row, show
from benchmarks.machine import processor_seconds
from benchmarks.subjects import OURS, bare

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console

    from benchmarks.options import Options

RUNS = 25
WARM_UPS = 2
FIRST_NAMES_RUNS = 10


def run(console: Console, options: Options) -> None:
    with environment(options.resources) as filled, environment(None) as empty:
        subjects: dict[str, tuple[Sequence[str], Mapping[str, str]]] = {
            "bare": (bare(), empty),
            "filled": (OURS, filled),
            "empty": (OURS, empty),
        }
        times: dict[str, list[float]] = {name: [] for name in subjects}
        work: dict[str, list[float]] = {name: [] for name in subjects}
        names = list(subjects)
        for number in range(-WARM_UPS, options.samples(RUNS)):
            # Whoever comes first in a round changes, so that nobody profits from it.
            for name in names[number % 3 :] + names[: number % 3]:
                seconds, processor = _initialize(*subjects[name])
                if number >= 0:
                    times[name].append(seconds * 1000)
                if number >= 0 and processor is not None:
                    work[name].append(processor * 1000)
        first = [_first_names(filled) * 1000 for _ in range(options.samples(FIRST_NAMES_RUNS))]
    budget = Budget(p50_ratio=1.25)
    show(
        console,
        "Process start until `initialize` is answered",
        [
            Row("bare pygls server", times["bare"]),
            Row(
                f"cloudops-ls, {options.resources:,} resources",
                times["filled"],
                times["bare"],
                budget,
            ),
            Row("cloudops-ls, no home yet", times["empty"], times["bare"], budget),
            *(
                Row(f"{what}, processor time", work[name], work["bare"] if base else None)
                for what, name, base in (
                    ("bare pygls server", "bare", False),
                    ("cloudops-ls", "filled", True),
                    ("cloudops-ls, no home yet", "empty", True),
                )
                if work[name]
            ),
            Row(
                f"process start until the first completion with names, {options.resources:,}",
                first,
                budget=Budget(p99=2000),
            ),
        ],
    )


def _initialize(command: Sequence[str], variables: Mapping[str, str]) -> tuple[float, float | None]:
    """Return the seconds until the answer, and the processor time that they took."""
    with Client(command, variables) as client:
        return client.initialize(), processor_seconds(client.process.pid)


def _first_names(variables: Mapping[str, str]) -> float:
    uri = "file:///first.cloudops.md"
    with Client(OURS, variables) as client:
        client.initialize()
        client.notify("initialized", {})
        open_document(client, uri, f"Stop {APPS[0]}\n")
        seconds = client.wait_for_log("name index loaded")
        result, waited = client.request("textDocument/completion", at(uri, 0, 5 + len(APPS[0])))
        if not result["items"]:
            raise RuntimeError("no name was offered")
        return seconds + waited

"""Completion and hover over stdio, against a bare server that echoes the very same answers."""

from __future__ import annotations

import gc
import json
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.client import Client, at, open_document
from benchmarks.estate import environment, resources
from benchmarks.figures import Budget, Row, show
from benchmarks.subjects import OURS, bare

if TYPE_CHECKING:
    from rich.console import Console

    from benchmarks.options import Options

ROUNDS = 400
WARM_UPS = 20
URI = "file:///requests.cloudops.md"
PREFIXES = ("pa", "pay", "web", "payments", "payments-web", "i-0", "000", "zz", "@c")
HEAD = "---\nprofile: production\nregion: us-west-2\n---\n\n# Measured\n\n"
COMPLETION_BUDGET = Budget(p50_ratio=3, p99_ratio=3, p99=20)
HOVER_BUDGET = Budget(p50_ratio=2, p99_ratio=2)


class Case(NamedTuple):
    """One request that is made again and again."""

    feature: str
    what: str
    line: int
    character: int

    @property
    def place(self) -> str:
        return f"{self.line}:{self.character}"

    @property
    def method(self) -> str:
        return f"textDocument/{self.feature}"


def runbook(count: int) -> tuple[str, list[Case]]:
    """A runbook with everything that is asked for, and where to ask."""
    lines = HEAD.splitlines()
    cases: list[Case] = []

    def ask(feature: str, what: str, before: str, after: str = "") -> None:
        lines.append(before + after)
        cases.append(Case(feature, what, len(lines) - 1, len(before)))

    for prefix in PREFIXES:
        ask("completion", f"`{prefix}`", f"Then look at {prefix}")
        lines.append("")
    lines.append("```aws")
    ask(
        "completion",
        "`payments` in a command",
        "aws ec2 describe-instances --instance-ids payments",
    )
    lines += ["```", ""]

    by_name = {
        name: list(same)
        for name, same in groupby(resources(min(count, 2_000)), key=lambda each: each.name)
    }
    unique = [name for name, same in by_name.items() if len(same) == 1]
    twin = next(name for name, same in by_name.items() if len(same) > 1)
    ask("hover", "one name in a short line", f"Stop {unique[0][:4]}", f"{unique[0][4:]} now.")
    lines.append("")
    ask("hover", "a name that two resources have", f"Stop {twin[:4]}", f"{twin[4:]} now.")
    lines.append("")
    before = "Before the migration, tell the team on call and wait for their word, then stop "
    ask(
        "hover",
        "the last of three names in a line of 60 words",
        f"{before * 3}{unique[1]}, then {unique[2]}, and at last {unique[3][:4]}",
        f"{unique[3][4:]}.",
    )
    lines.append("")
    ask("hover", "a word that is no name", "Nothing is kno", "wn of this.")
    return "\n".join(lines) + "\n", cases


def run(console: Console, options: Options) -> None:
    text, cases = runbook(options.resources)
    with (
        environment(options.resources) as variables,
        TemporaryDirectory(prefix="cloudops-bench-") as directory,
        Client(OURS, variables) as ours,
    ):
        _open(ours, text)
        ours.wait_for_log("name index loaded")
        recorded: dict[str, dict[str, Any]] = {"completion": {}, "hover": {}}
        for case in cases:
            recorded[case.feature][case.place], _ = ours.request(
                case.method, at(URI, case.line, case.character)
            )
        _check(cases, recorded)
        file = Path(directory) / "recorded.json"
        file.write_text(json.dumps(recorded))
        with Client(bare(file), variables) as echo:
            _open(echo, text)
            times = _measure(ours, echo, cases, options.samples(ROUNDS))
    for feature, budget in (("completion", COMPLETION_BUDGET), ("hover", HOVER_BUDGET)):
        rows: list[Row] = []
        all_ours: list[float] = []
        all_echo: list[float] = []
        for case in cases:
            if case.feature == feature:
                mine, echoed = times[case]
                all_ours += mine
                all_echo += echoed
                answer = recorded[feature][case.place]
                size = f", {_size(answer)}"
                rows.append(Row(f"{case.what}{size}", mine, echoed, budget))
        rows.append(Row("all of them", all_ours, all_echo, budget))
        rows.append(Row("the echo server, all of them", all_echo))
        show(console, f"{feature.title()}, {options.resources:,} resources, over stdio", rows)


def _open(client: Client, text: str) -> None:
    client.initialize()
    client.notify("initialized", {})
    open_document(client, URI, text)


def _check(cases: list[Case], recorded: dict[str, dict[str, Any]]) -> None:
    """A benchmark of empty answers would look splendid."""
    full = [answer for answer in recorded["completion"].values() if answer["items"]]
    if len(full) < len(recorded["completion"]) - 1:
        raise RuntimeError("names that must complete did not")
    shown = [answer for answer in recorded["hover"].values() if answer is not None]
    if len(shown) < len(recorded["hover"]) - 1:
        raise RuntimeError("names that must have a card had none")


def _size(answer: Any) -> str:
    if isinstance(answer, dict) and "items" in answer:
        return f"{len(answer['items'])} items"
    return f"{len(json.dumps(answer)) / 1000:.1f} kB" if answer else "no answer"


def _measure(
    ours: Client, echo: Client, cases: list[Case], rounds: int
) -> dict[Case, tuple[list[float], list[float]]]:
    times: dict[Case, tuple[list[float], list[float]]] = {case: ([], []) for case in cases}
    gc.collect()
    for number in range(-WARM_UPS, rounds):
        for case in cases:
            params = at(URI, case.line, case.character)
            pair = [(ours, times[case][0]), (echo, times[case][1])]
            for client, samples in pair if number % 2 else reversed(pair):
                _, seconds = client.request(case.method, params)
                if number >= 0:
                    samples.append(seconds * 1000)
    return times

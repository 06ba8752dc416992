"""pytest plugin of ``make faults``: everything the fault tests found, as one table."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest import Item, TerminalReporter

COUNTS = ("points", "hit", "acknowledged", "lost", "unnamed")
KINDS = (
    ("killed, with PostgreSQL: sync, chat, execution record", r"kill: .*, PostgreSQL"),
    ("killed: sync", r"kill: sync"),
    ("killed: chat; with a clock that jumps; two writers", r"kill: chat|two writers"),
    ("killed: execution record; commands being run", r"kill: execut"),
    ("killed: migration; key rotation", r"kill: (migration|key rotation)"),
    ("killed: search index", r"kill: search index"),
    ("killed: backup, prune, restore", r"kill: (backup|prune|restore)"),
    (
        "random sequences of work on backups, every backup restored after each step",
        r"random sequences",
    ),
    ("damaged files of the home", r"damage: (?!.* of a backup)"),
    ("damaged objects of a backup", r"damage: "),
    ("what S3 can do wrong", r"S3: "),
    ("disk full, disk read-only", r"disk: "),
    ("others", r""),
)
"""The rows of docs/storage.md, and what belongs to them; the first that matches."""


MARKED = "marked fault"


def pytest_itemcollected(item: Item) -> None:
    """Note what a test marked ``fault`` tries: it is one point of its own."""
    for mark in item.iter_markers("fault"):
        item.user_properties.append((MARKED, mark.args[0]))


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    """Print the table after everything else."""
    found: dict[str, Counter[str]] = {}
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", "") == "call":
                for name, value in report.user_properties:
                    if name == "fault":
                        line = dict(value)
                        found.setdefault(line.pop("what"), Counter()).update(line)
                    elif name == MARKED:
                        failed = {"lost": int(report.failed)}
                        found.setdefault(value, Counter()).update(points=1, hit=1, **failed)
    table = Table("fault", *COUNTS, "", box=box.ROUNDED, title="Faults", title_justify="left")
    for name in COUNTS:
        next(column for column in table.columns if column.header == name).justify = "right"
    for what, line in sorted(found.items()):
        red = line["lost"] or line["unnamed"]
        table.add_row(escape(what), *(f"{line[name]:,}" for name in COUNTS), "RED" if red else "ok")
    total = {name: sum(line[name] for line in found.values()) for name in COUNTS}
    table.add_section()
    table.add_row("together", *(f"{total[name]:,}" for name in COUNTS), "")
    Console(width=120).print(table)
    terminalreporter.write_line("For docs/storage.md:")
    for line in _markdown(found, total):
        terminalreporter.write_line(line)


def _markdown(found: dict[str, Counter[str]], total: dict[str, int]) -> Iterator[str]:
    """Yield the table of docs/storage.md."""
    kinds: dict[str, Counter[str]] = {}
    for what, line in found.items():
        kind = next(kind for kind, pattern in KINDS if re.match(pattern, what))
        kinds.setdefault(kind, Counter()).update(line)
    rows = [(kind, kinds[kind]) for kind, _ in KINDS if kind in kinds]
    yield "| Fault | Points | At work then | Acknowledged | Lost | Without a clear message |"
    yield "|---|---|---|---|---|---|"
    for kind, line in (*rows, ("together", total)):
        # A test that only looks for damage has nothing that was acknowledged.
        cells = (
            f"{line[name]:,}" if line[name] or name != "acknowledged" else "" for name in COUNTS
        )
        yield f"| {kind} | {' | '.join(cells)} |"

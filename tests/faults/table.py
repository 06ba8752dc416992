"""pytest plugin of ``make faults``: everything the fault tests found, as one table."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from pytest import Item, TerminalReporter

COUNTS = ("points", "hit", "acknowledged", "lost", "unnamed")


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

"""pytest plugin of ``make faults``: everything the fault tests found, as one table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from pytest import TerminalReporter

COUNTS = ("points", "hit", "acknowledged", "lost", "unnamed")


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    """Print the table after everything else."""
    found: list[dict[str, Any]] = [
        value
        for reports in terminalreporter.stats.values()
        for report in reports
        for name, value in getattr(report, "user_properties", ())
        if name == "fault" and getattr(report, "when", "") == "call"
    ]
    table = Table("fault", *COUNTS, "", box=box.ROUNDED, title="Faults", title_justify="left")
    for name in COUNTS:
        next(column for column in table.columns if column.header == name).justify = "right"
    for line in sorted(found, key=lambda each: each["what"]):
        red = line["lost"] or line["unnamed"]
        table.add_row(
            escape(line["what"]), *(f"{line[name]:,}" for name in COUNTS), "RED" if red else "ok"
        )
    total = {name: sum(line[name] for line in found) for name in COUNTS}
    table.add_section()
    table.add_row("together", *(f"{total[name]:,}" for name in COUNTS), "")
    Console(width=120).print(table)

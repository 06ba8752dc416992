"""Samples, percentiles, and the one table that every benchmark prints."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich import box
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console


def percentile(samples: Sequence[float], percent: float) -> float:
    """The nearest-rank percentile; a real sample, never an interpolation."""
    ordered = sorted(samples)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


@dataclass(frozen=True, slots=True)
class Budget:
    """What a row may cost; every limit that is given must hold.

    Attributes
    ----------
    p50_ratio, p99_ratio
        Times the baseline.
    p95, p99, most
        In the row's unit.
    """

    p50_ratio: float | None = None
    p99_ratio: float | None = None
    p95: float | None = None
    p99: float | None = None
    most: float | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One thing measured.

    Attributes
    ----------
    samples, baseline
        In the table's unit; a row without baseline has no ratios.
    """

    what: str
    samples: Sequence[float]
    baseline: Sequence[float] | None = None
    budget: Budget | None = None

    def ratio(self, percent: float) -> float | None:
        if not self.baseline:
            return None
        return percentile(self.samples, percent) / percentile(self.baseline, percent)

    def limits(self, unit: str) -> list[tuple[str, bool]]:
        """Each limit as text, and whether it holds."""
        if self.budget is None:
            return []
        found: list[tuple[str, float | None, float | None]] = [
            ("p50 ≤ {} ×", self.budget.p50_ratio, self.ratio(50)),
            ("p99 ≤ {} ×", self.budget.p99_ratio, self.ratio(99)),
            (f"p95 < {{}} {unit}", self.budget.p95, percentile(self.samples, 95)),
            (f"p99 < {{}} {unit}", self.budget.p99, percentile(self.samples, 99)),
            (f"max < {{}} {unit}", self.budget.most, max(self.samples)),
        ]
        return [
            (text.format(f"{limit:g}"), value <= limit)
            for text, limit, value in found
            if limit is not None and value is not None
        ]


def show(console: Console, title: str, rows: Sequence[Row], unit: str = "ms") -> None:
    """Print one table; Markdown when the output is not a terminal, ready to be kept."""
    table = Table(
        title=title if console.is_terminal else None,
        title_justify="left",
        box=box.ROUNDED if console.is_terminal else box.MARKDOWN,
    )
    if not console.is_terminal:
        console.print(f"\n### {title}")
    table.add_column("what", overflow="fold")
    for name in ("n", f"p50 {unit}", f"p99 {unit}", f"max {unit}", "× p50", "× p99"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("budget", no_wrap=True)
    for row in rows:
        table.add_row(
            row.what,
            f"{len(row.samples):,}",
            _number(percentile(row.samples, 50)),
            _number(percentile(row.samples, 99)),
            _number(max(row.samples)),
            _ratio(row.ratio(50)),
            _ratio(row.ratio(99)),
            ", ".join(f"{text} {'✓' if holds else '✗ OVER'}" for text, holds in row.limits(unit)),
        )
    console.print(table)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}" if value < 10 else f"{value:.1f}"


def _ratio(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"

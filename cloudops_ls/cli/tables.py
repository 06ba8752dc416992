"""Tables for people and for pipes."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from rich.console import Console

if TYPE_CHECKING:
    from rich.table import Table

_UNLIMITED = 10_000


def print_tables(*tables: Table) -> None:
    """Print tables, fitted to the terminal; whole, cell by cell, where there is none."""
    console = Console(width=None if sys.stdout.isatty() else _UNLIMITED)
    for table in tables:
        console.print(table)

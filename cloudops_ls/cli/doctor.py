"""``cloudops-ls doctor``: every part, how it is, and what to do."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cloudops_ls.cli.tables import print_tables
from cloudops_ls.home import Home
from cloudops_ls.storage.health import PartState, StorageHealth

EXIT_CODES = {PartState.OK: 0, PartState.DEGRADED: 1, PartState.FAILED: 2}
"""As monitoring plugins have them: fine, warning, critical."""


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(doctor)


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Look at every part of this installation.

    Home, key, store, worker, AWS, assistant. Exit code: 0 when everything is well, 1 when something
    works with less than it could have, 2 when something failed.
    """
    from cloudops_ls.cli.checks import examine

    home = Home.locate()
    console = Console(stderr=True)
    if as_json or not console.is_terminal:
        health = StorageHealth(parts=tuple(examine(home, lambda _: None)))
    else:
        with console.status("Looking") as status:
            parts = examine(home, lambda name: status.update(f"Looking at: {name}"))
            health = StorageHealth(parts=tuple(parts))
    if as_json:
        shown = {"state": health.state.value, **health.model_dump(mode="json")}
        typer.echo(_json(shown))
    else:
        table = Table("part", "state", "")
        for part in health.parts:
            advice = f" {part.fix.rstrip('.')}." if part.fix else ""
            table.add_row(part.name, part.state.value, escape(f"{part.detail}{advice}"))
        print_tables(table)
    raise typer.Exit(EXIT_CODES[health.state])


def _json(value: object) -> str:
    import json

    return json.dumps(value, indent=2, ensure_ascii=False)

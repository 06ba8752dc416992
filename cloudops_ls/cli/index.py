"""``cloudops-ls index``: the search index, compared with the store and made anew."""

from __future__ import annotations

from typing import Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Column, Table

from cloudops_ls.cli.tables import print_tables
from cloudops_ls.cli.worker_call import ask_worker
from cloudops_ls.errors import CloudOpsError
from cloudops_ls.home import Home
from cloudops_ls.worker import wire

index = typer.Typer(help="The search index.", rich_markup_mode=None)


def register(app: typer.Typer) -> None:
    """Add the command group to ``app``."""
    app.add_typer(index, name="index")


@index.command("status")
def index_status() -> None:
    """Compare the search index with the store.

    Exit code 1 where they differ.
    """
    found = ask_worker(Home.locate(), wire.INDEX_STATUS, {})
    counts = [
        Column(name, justify="right")
        for name in ("points", "missing", "stale", "extra", "to embed")
    ]
    table = Table("collection", "engine", "state", *counts, title="Search index")
    differing = 0
    for each in found["collections"]:
        differences = [each["missing"], each["stale"], each["extra"]]
        differing += sum(count or 0 for count in differences)
        table.add_row(
            each["collection"],
            each["engine"],
            "complete" if each["complete"] else "being built",
            *("?" if n is None else f"{n:,}" for n in (each["points"], *differences)),
            f"{each['unembedded']:,}",
        )
    print_tables(table)
    _print_parts(found["parts"])
    if differing:
        raise typer.Exit(1)


@index.command("rebuild")
def rebuild_index() -> None:
    """Make the search index anew from the store.

    Searches are answered meanwhile.
    """
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as bar:
        tasks: dict[str, Any] = {}

        def show(method: str, step: dict[str, Any]) -> None:
            if method == wire.INDEX_PROGRESS:
                what = step["what"]
                if what not in tasks:
                    tasks[what] = bar.add_task(what.capitalize(), total=step["total"])
                bar.update(tasks[what], total=step["total"], completed=step["done"])

        result = ask_worker(Home.locate(), wire.INDEX_REBUILD, {}, show)
    _print_parts(result["parts"])
    if not result["complete"]:
        raise CloudOpsError(
            "The search index was not rebuilt to its end",
            fix="The old one serves where it can; see 'cloudops-ls index status'",
        )


def _print_parts(parts: list[dict[str, Any]]) -> None:
    table = Table("part", "state", "")
    for part in parts:
        advice = f" {part['fix']}." if part["fix"] else ""
        table.add_row(part["name"], part["state"], escape(f"{part['detail']}{advice}"))
    print_tables(table)

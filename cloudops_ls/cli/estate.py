"""``cloudops-ls scan`` and ``status``."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from cloudops_ls.cli.tables import print_tables
from cloudops_ls.cli.worker_call import ask_worker
from cloudops_ls.config import load_settings
from cloudops_ls.home import Home
from cloudops_ls.worker import wire

Names = Annotated[list[str] | None, typer.Option()]


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    app.command()(scan)
    app.command()(status)


def scan(profile: Names = None, region: Names = None, type_: Names = None) -> None:
    """Read the AWS estate into the local store."""
    home = Home.locate()
    settings, problems = load_settings(home)
    console = Console(stderr=True)
    for problem in problems:
        console.print(str(problem), style="yellow", markup=False)
    params = {
        "profiles": profile or list(settings.estate.profiles) or [_default_profile(settings)],
        "regions": region or list(settings.estate.regions),
        "types": type_ or list(settings.estate.types),
    }
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[found]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("Scanning AWS", total=None, found="")

        def show(method: str, step: dict[str, Any]) -> None:
            if method == wire.SCAN_PROGRESS:
                found = f"{step['resources']:,} resources"
                bar.update(task, total=step["total"], completed=step["done"], found=found)

        result = ask_worker(home, wire.SCAN, params, show)
    console.print(
        f"{result['resources']:,} resources in {result['accounts']} accounts, "
        f"{result['scopes']} listings, {result['failed']} failed, {result['seconds']:.1f} s"
    )
    for text in result["problems"]:
        console.print(f"• {text}", style="yellow", markup=False)
    if not result["complete"]:
        raise typer.Exit(1)


def status() -> None:
    """Show how well the estate is known and how every part of the store is."""
    home = Home.locate()
    health = ask_worker(home, wire.HEALTH, {})
    parts = Table("part", "state", "", title="Store")
    for part in health["parts"]:
        advice = f" {part['fix']}." if part["fix"] else ""
        parts.add_row(part["name"], part["state"], escape(f"{part['detail']}{advice}"))
    known = ask_worker(home, wire.SCAN_STATUS, {})
    scopes = Table("account", "region", "type", "resources", "status", "", title="Estate")
    for scope in known["scopes"]:
        scopes.add_row(
            scope["account_id"],
            scope["region"],
            scope["resource_type"],
            str(scope["count"]),
            scope["status"],
            escape(scope["error"] or ""),
        )
    print_tables(parts, scopes)


def _default_profile(settings: Any) -> str:
    import os

    return settings.profile or os.environ.get("AWS_PROFILE") or "default"

"""``cloudops-ls scan`` and ``sync``: ask AWS, with a progress bar."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

from cloudops_ls.cli.defaults import default_profile
from cloudops_ls.cli.exit_codes import ExitCode
from cloudops_ls.cli.worker_call import ask_worker
from cloudops_ls.config import load_settings
from cloudops_ls.home import Home
from cloudops_ls.worker import wire

if TYPE_CHECKING:
    from cloudops_ls.config import Settings

AsJson = Annotated[bool, typer.Option("--json", help="The result as JSON on standard output.")]


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    app.command()(scan)
    app.command()(sync)


def scan(
    profile: Annotated[
        list[str] | None,
        typer.Option(help="Profile to scan; may be given again. '*' is every usable one."),
    ] = None,
    region: Annotated[
        list[str] | None,
        typer.Option(help="Region to scan; may be given again. '*' is every enabled one."),
    ] = None,
    type_: Annotated[
        list[str] | None,
        typer.Option("--type", help="Type to scan; may be given again. See 'cloudops-ls types'."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Read the AWS estate into the local store.

    Without options, what the settings say; from then on the estate is kept fresh by itself while
    an editor is open. Ctrl-C ends it, and what was found stays. Exit code 3: something could not
    be listed.
    """
    home = Home.locate()
    console = Console(stderr=True)
    settings = _settings(home, console)
    profiles = profile or list(settings.estate.profiles) or [default_profile(home, settings)]
    params = {
        "profiles": profiles,
        "regions": region or list(settings.estate.regions),
        "types": type_ or list(settings.estate.types),
        "whole": not (profile or region or type_),
    }
    _warn_of_credentials(home, profiles, console)
    result = _with_progress(home, "Scanning AWS", wire.SCAN, params, console)
    _report(result, console, as_json=as_json)


def sync(
    full: Annotated[
        bool, typer.Option("--full", help="List everything again, instead of what was touched.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Bring the stored estate up to date.

    Asks AWS about what was touched since the last time, as CloudTrail's event history tells;
    where that is closed, the quick listings take turns. Exit code 3: something could not be
    asked.
    """
    home = Home.locate()
    console = Console(stderr=True)
    settings = _settings(home, console)
    profiles = list(settings.estate.profiles) or [default_profile(home, settings)]
    _warn_of_credentials(home, profiles, console)
    params = {
        "kind": "full" if full else "incremental",
        "settings": settings.estate.model_dump(mode="json"),
        "profile": default_profile(home, settings),
    }
    result = _with_progress(home, "Synchronising AWS", wire.SYNC, params, console)
    _report(result, console, as_json=as_json)


def _settings(home: Home, console: Console) -> Settings:
    settings, problems = load_settings(home)
    for problem in problems:
        console.print(str(problem), style="yellow", markup=False)
    return settings


def _warn_of_credentials(home: Home, profiles: list[str], console: Console) -> None:
    """Say what will fail or end soon, before something long begins."""
    for one in ask_worker(home, wire.CREDENTIALS, {"profiles": profiles}):
        if one["warning"]:
            advice = f": cloudops-ls accounts login {one['profile']}" if one["way"] else ""
            console.print(f"{one['warning']}{advice}", style="yellow", markup=False)


def _with_progress(
    home: Home, title: str, method: str, params: dict[str, Any], console: Console
) -> dict[str, Any]:
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[found]}"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[current]}", style="dim"),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(title, total=None, found="", current="")

        def show(notified: str, step: dict[str, Any]) -> None:
            if notified == wire.SCAN_PROGRESS:
                bar.update(
                    task,
                    total=step["total"] or None,
                    completed=step["done"],
                    found=f"{step['resources']:,} resources",
                    current=step["current"],
                )

        try:
            result: dict[str, Any] = ask_worker(home, method, params, show, cancel=wire.CANCEL_SCAN)
        except KeyboardInterrupt:
            bar.stop()
            console.print("Cancelled; what was found stays", style="yellow")
            raise typer.Exit(ExitCode.INTERRUPTED) from None
        return result


def _report(result: dict[str, Any], console: Console, *, as_json: bool) -> None:
    if as_json:
        json.dump(result, sys.stdout, indent=2)
        sys.stdout.write("\n")
    else:
        console.print(_summary(result), markup=False)
    for text in result["problems"]:
        console.print(f"• {text}", style="yellow", markup=False)
    if not result["complete"]:
        nothing = result["cancelled"] or not result["accounts"]
        raise typer.Exit(ExitCode.FAILED if nothing else ExitCode.INCOMPLETE)


def _summary(result: dict[str, Any]) -> str:
    if result["kind"] == "incremental":
        return (
            f"{result['refreshed']:,} resources asked about again, {result['gone']:,} of them "
            f"gone; {result['listed']:,} listings, {result['failed']:,} failed"
        )
    return (
        f"{result['resources']:,} resources in {result['accounts']:,} accounts, "
        f"{result['scopes']:,} listings, {result['failed']:,} failed, {result['seconds']:.1f} s"
    )

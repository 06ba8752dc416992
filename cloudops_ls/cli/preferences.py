"""``cloudops-ls preferences``: what is remembered of you."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.table import Table

from cloudops_ls.cli.defaults import preferred
from cloudops_ls.cli.store import open_store
from cloudops_ls.cli.tables import print_tables
from cloudops_ls.home import Home, user_name

preferences = typer.Typer(
    help="What is remembered of you: profile, region, approval, plans.",
    invoke_without_command=True,
    rich_markup_mode=None,
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="profile, region, approval or plans.")]


def register(app: typer.Typer) -> None:
    """Add the command group to ``app``."""
    app.add_typer(preferences, name="preferences")


@preferences.callback()
def show(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Print what you prefer. Runbooks, settings and AWS_PROFILE come first.

    None of it makes the policy looser: approval 'always' asks also where the policy allows.
    """
    if context.invoked_subcommand is not None:
        return
    found = preferred(Home.locate()).model_dump(mode="json")
    if as_json:
        typer.echo(json.dumps(found))
        return
    table = Table("preference", "value")
    for name, value in found.items():
        table.add_row(name, value or "–")
    print_tables(table)


@preferences.command("set")
def set_preference(
    name: Name,
    value: Annotated[
        str, typer.Argument(help="Name of a profile or region; policy or always; step or all.")
    ],
) -> None:
    """Remember one."""
    with open_store(Home.locate()) as storage:
        storage.preferences.change(user_name(), {name: value})


@preferences.command("forget")
def forget_preference(name: Name) -> None:
    """Forget one."""
    with open_store(Home.locate()) as storage:
        storage.preferences.change(user_name(), {name: None})

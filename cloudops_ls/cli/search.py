"""``cloudops-ls search``."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from cloudops_ls.cli.tables import print_tables
from cloudops_ls.cli.worker_call import ask_worker
from cloudops_ls.config import load_settings
from cloudops_ls.estate.search.query import FilterKey
from cloudops_ls.estate.untrusted import visible
from cloudops_ls.home import Home
from cloudops_ls.worker import wire

_LONGEST_NAME = 1000


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(search)


def search(
    query: Annotated[
        list[str],
        typer.Argument(
            help="Words, and filters: type:rds region:us-west-2 account:production state:stopped "
            "tag:env=prod. A comma means or, * anything, a - before a filter not (then write -- "
            "before the query)."
        ),
    ],
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Most resources shown.")] = 20,
    as_json: Annotated[
        bool, typer.Option("--json", help="Whole records with score and how they were found.")
    ] = False,
) -> None:
    """Find resources by name, id, ARN, description or filters.

    Exit code 1 when there is none.
    """
    home = Home.locate()
    settings, _ = load_settings(home)
    # The shell took the quotes away that keep a value with spaces together.
    words = " ".join(_requoted(word) for word in query)
    params = {"query": words, "limit": limit, "region": settings.region}
    found = ask_worker(home, wire.SEARCH, params)
    for one in found["unmatched"]:
        Console(stderr=True, markup=False).print(f"Nothing in the estate fulfils {one}")
    if as_json:
        typer.echo(json.dumps(found["hits"], ensure_ascii=False, indent=2))
    elif found["hits"]:
        print_tables(_table(found["hits"]))
    if not found["hits"]:
        Console(stderr=True, markup=False).print(
            "Nothing is found. What was scanned, and when, says: cloudops-ls status"
        )
        raise typer.Exit(1)


def _requoted(word: str) -> str:
    key, colon, value = word.partition(":")
    if not colon or " " not in value or '"' in value or ":" in value:
        return word
    if key.lstrip("-").lower() not in frozenset(FilterKey):
        return word
    name, equals, text = value.partition("=")
    return f'{key}:"{name}"="{text}"' if equals else f'{key}:"{value}"'


def _table(hits: list[dict[str, Any]]) -> Table:
    table = Table(Column("name", overflow="fold"), "type", "account", "region", "state", "found by")
    for hit in hits:
        one = hit["resource"]
        table.add_row(
            escape(visible(one["name"], _LONGEST_NAME)),
            one["resource_type"],
            one["account_id"],
            one["region"],
            escape(visible(one["state"] or "")),
            hit["how"],
        )
    return table

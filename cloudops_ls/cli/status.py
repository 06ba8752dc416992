"""``cloudops-ls status``: how well the estate is known, and how everything is."""

from __future__ import annotations

import json
import sys
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from cloudops_ls.cli.estate import AsJson  # noqa: TC001 - Typer reads annotations
from cloudops_ls.cli.tables import print_tables
from cloudops_ls.cli.worker_call import ask_worker
from cloudops_ls.home import Home
from cloudops_ls.worker import wire

_FINE = ("complete", "disabled")
"""Outcomes that need nobody's attention."""


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(status)


def status(
    every: Annotated[
        bool, typer.Option("--all", help="Every listing, not only those that need attention.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show the store, the accounts and the synchronisations.

    Also the listings that went wrong.
    """
    home = Home.locate()
    health = ask_worker(home, wire.HEALTH, {})
    known = ask_worker(home, wire.SCAN_STATUS, {})
    synced = ask_worker(home, wire.SYNC_STATUS, {})
    accounts = ask_worker(home, wire.PROFILES, {})
    if as_json:
        json.dump(
            {"health": health, "estate": known, "sync": synced, **accounts}, sys.stdout, indent=2
        )
        sys.stdout.write("\n")
        return
    tables = [_parts(health), _profiles(accounts), _types(known["scopes"]), _runs(synced)]
    wrong = [scope for scope in known["scopes"] if every or _needs_attention(scope)]
    if wrong:
        tables.append(_scopes(wrong))
    print_tables(*(table for table in tables if table.row_count))
    for warning in (one["warning"] for one in accounts["profiles"] if one["warning"]):
        typer.echo(warning)
    for problem in accounts["problems"]:
        line = f":{problem['line']}" if problem["line"] else ""
        typer.echo(f"{problem['file']}{line}: {problem['message']}")
    if synced["next"]:
        typer.echo(f"Next: {synced['next']['kind']} at {moment(synced['next']['at'])}")
    elif synced["waits_for"]:
        typer.echo(f"No synchronisation by the clock: {synced['waits_for']}.")


def moment(text: str | None) -> str:
    """Return an ISO 8601 moment as people read it, in UTC."""
    return f"{text[:10]} {text[11:16]} UTC" if text else ""


def _needs_attention(scope: dict[str, Any]) -> bool:
    return (scope["outcome"] or scope["status"]) not in _FINE


def _parts(health: dict[str, Any]) -> Table:
    table = Table("part", "state", "", title="Store")
    for part in health["parts"]:
        advice = f" {part['fix']}." if part["fix"] else ""
        table.add_row(part["name"], part["state"], escape(f"{part['detail']}{advice}"))
    return table


def _profiles(accounts: dict[str, Any]) -> Table:
    table = Table("profile", "kind", "account", "credentials", "until", title="Profiles")
    for one in accounts["profiles"]:
        account = " ".join(filter(None, (one["account_alias"], one["account_id"])))
        table.add_row(
            escape(one["name"]), one["kind"], escape(account), one["state"], moment(one["expires"])
        )
    return table


def _types(scopes: list[dict[str, Any]]) -> Table:
    table = Table("type", "resources", "listings", "oldest", title="Estate")
    by_type: dict[str, list[dict[str, Any]]] = {}
    for scope in scopes:
        by_type.setdefault(scope["resource_type"], []).append(scope)
    for name, mine in sorted(by_type.items()):
        oldest = min((one["finished_at"] for one in mine if one["finished_at"]), default=None)
        count = sum(one["count"] for one in mine)
        table.add_row(name, f"{count:,}", f"{len(mine):,}", moment(oldest))
    return table


def _runs(synced: dict[str, Any]) -> Table:
    table = Table(
        "kind", "began", "by", "asked", "failed", "resources", "", title="Synchronisations"
    )
    for run in synced["runs"]:
        state = "complete" if run["complete"] else "incomplete"
        table.add_row(
            run["kind"],
            moment(run["started_at"]),
            run["reason"],
            f"{run['scopes']:,}",
            f"{run['failed']:,}",
            f"{run['resources']:,}",
            state if run["finished_at"] else "under way, or cut off",
        )
    return table


def _scopes(scopes: list[dict[str, Any]]) -> Table:
    table = Table("account", "region", "type", "resources", "outcome", "", title="Listings")
    for scope in scopes:
        table.add_row(
            scope["account_id"],
            scope["region"],
            scope["resource_type"],
            f"{scope['count']:,}",
            scope["outcome"] or scope["status"],
            escape(scope["error"] or ""),
        )
    return table

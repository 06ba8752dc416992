"""``cloudops-ls policy``: what the policy file says, and which rule decides."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cloudops_ls.cli.checking import read
from cloudops_ls.cli.commands import Command, Profile, Region, print_finding
from cloudops_ls.cli.tables import print_tables
from cloudops_ls.commands.policy_file import MISSING
from cloudops_ls.commands.policy_rule import Match, Rule
from cloudops_ls.commands.verdict import Decision
from cloudops_ls.composition import open_policy
from cloudops_ls.errors import CloudOpsError
from cloudops_ls.home import Home

policy = typer.Typer(help="The rules on what may run.", rich_markup_mode=None)

_EXIT = {Decision.ALLOW: 0, Decision.ASK: 0, Decision.DENY: 3}


def register(app: typer.Typer) -> None:
    """Add the command group to ``app``."""
    app.add_typer(policy, name="policy")


@policy.command("check")
def check_policy() -> None:
    """Say whether the policy file is valid.

    Exit code 1 when it is not.
    """
    file = open_policy(Home.locate())
    found = file.read()
    if found.policy is None:
        typer.echo(f"{MISSING}: {file.path}")
        return
    count = len(found.policy.rule)
    typer.echo(f"{file.path} is valid: {count} {'rule' if count == 1 else 'rules'}")


@policy.command("show")
def show_policy() -> None:
    """Show the rules in force."""
    file = open_policy(Home.locate())
    found = file.read()
    if found.policy is None:
        typer.echo(f"{MISSING}: {file.path}")
        return
    table = Table("rule", "decision", "applies to", "reason", title=str(file.path))
    for name, rule in found.policy.named:
        table.add_row(
            escape(name), rule.decision.value, escape(_conditions(rule)), escape(rule.reason)
        )
    table.add_row("otherwise", found.policy.default.value, "everything else", "")
    print_tables(table)


@policy.command("test")
def test_policy(
    command: Command,
    profile: Profile = None,
    region: Region = None,
    at: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"], help="As if it were then, local time."
        ),
    ] = None,
) -> None:
    """Say what the policy decides about a command, and why.

    That is the rule that decided. Exit code 3 for deny.
    """
    home = Home.locate()
    file = open_policy(home)
    found = read(home, command, profile, region)
    if found.command is None:
        console = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
        for finding in found.findings:
            print_finding(console, command, finding)
        raise CloudOpsError("The command cannot run as it is written, whatever the policy says")
    now = (at or datetime.now(UTC)).astimezone()
    verdict = file.decide(found.command, found.resources, now)
    rule = f" by {verdict.rule!r}" if verdict.rule else ""
    typer.echo(f"{verdict.decision.value}{rule}: {verdict.reason}")
    current = file.read().policy if verdict.source != "broken" else None
    if current is not None and current.rule:
        table = Table("rule", "decision", "", "because of")
        for each in current.explain(found.command, found.resources, now):
            because = "" if each.match is Match.YES else each.condition
            table.add_row(escape(each.rule), each.decision.value, each.match.value, because)
        print_tables(table)
    raise typer.Exit(_EXIT[verdict.decision])


def _conditions(rule: Rule) -> str:
    """Return a rule's conditions as one line."""
    parts = []
    for name in ("service", "operation", "access", "profile", "account", "region"):
        values = getattr(rule, name)
        if values is not None:
            parts.append(f"{name} {' or '.join(str(value) for value in values)}")
    for key, values in (rule.tags or {}).items():
        parts.append(f"tag {key}={' or '.join(values)}")
    for name in ("during", "outside"):
        for window in getattr(rule, name) or ():
            days = " ".join(window.days) if len(window.days) < 7 else ""
            hours = f"{window.start:%H:%M}-{window.end:%H:%M}" if window.start or window.end else ""
            dates = "-".join(str(day) for day in (window.first, window.last) if day is not None)
            spans = " ".join(filter(None, (days, hours, dates, window.zone)))
            parts.append(f"{name} {spans or 'always'}")
    return ", ".join(parts) or "everything"

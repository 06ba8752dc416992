"""``cloudops-ls check``: everything that is known about a command, and nothing runs."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.text import Text

from cloudops_ls.cli.checking import Read, read
from cloudops_ls.commands.diagnose import Finding, Severity
from cloudops_ls.composition import open_policy
from cloudops_ls.home import Home

if TYPE_CHECKING:
    from cloudops_ls.commands.model import CheckedCommand
    from cloudops_ls.commands.verdict import Verdict

Command = Annotated[
    str, typer.Argument(metavar="'aws …'", help="One command, as a single argument.")
]
Profile = Annotated[str | None, typer.Option(help="AWS profile, unless the command names one.")]
Region = Annotated[str | None, typer.Option(help="AWS region, unless the command names one.")]

_INVALID = 1
_DENIED = 3
_STYLES = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.HINT: "dim"}


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    app.command()(check)


def check(
    command: Command,
    profile: Profile = None,
    region: Region = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Say what a command would do, and what is wrong with it.

    Nothing runs.

    Exit code 0: it is valid. 1: it cannot run as it is written. 3: the policy denies it.
    """
    home = Home.locate()
    found = read(home, command, profile, region)
    verdict = None
    if found.command is not None:
        verdict = open_policy(home).decide(found.command, found.resources)
    if as_json:
        typer.echo(json.dumps(_plain(found, verdict), indent=2))
    else:
        _print(command, found, verdict)
    if found.command is None:
        raise typer.Exit(_INVALID)
    if verdict is not None and verdict.decision.value == "deny":
        raise typer.Exit(_DENIED)


def _plain(found: Read, verdict: Verdict | None) -> dict[str, object]:
    return {
        "valid": found.command is not None,
        "findings": [finding.model_dump(mode="json") for finding in found.findings],
        "command": found.command.model_dump(mode="json") if found.command is not None else None,
        "policy": verdict.model_dump(mode="json") if verdict is not None else None,
    }


def _print(text: str, found: Read, verdict: Verdict | None) -> None:
    console = Console(highlight=False, markup=False, soft_wrap=True)
    for finding in found.findings:
        print_finding(console, text, finding)
    if found.command is None:
        return
    for name, value in _facts(found.command, found, verdict):
        console.print(Text.assemble((f"{name}: ", "bold"), value))


def _facts(command: CheckedCommand, found: Read, verdict: Verdict | None) -> list[tuple[str, str]]:
    account = command.account_id or "not known before its first scan or run"
    if command.account_alias is not None:
        account = f"{command.account_alias} ({command.account_id})"
    facts = [
        ("Command", command.command),
        ("Makes", ", ".join(command.calls) or "no API call"),
        ("Account", account),
        ("Profile", command.profile or "default"),
        ("Region", command.region or "as the profile is configured"),
    ]
    facts += [
        (
            "Affects",
            f"{each.name} ({each.arn})" + (f", {each.state}" if each.state else ""),
        )
        for each in found.resources
    ]
    facts += [("Not in the estate", value) for value in command.unresolved]
    facts += [(f"File to {each.use.value}", each.location) for each in command.files]
    secret = ", reveals a secret" if command.reveals_secret else ""
    facts += [
        ("Access", f"{command.access.value}{secret}"),
        ("Risk", command.risk.level.value),
    ]
    facts += [("Because", reason) for reason in command.risk.reasons]
    if verdict is not None:
        rule = f" ({verdict.rule})" if verdict.rule else ""
        facts.append(("Policy", f"{verdict.decision.value}{rule}: {verdict.reason}"))
    return [*facts, ("Would run", shlex.join(command.argv))]


def print_finding(console: Console, text: str, finding: Finding) -> None:
    """Print one finding under the line of the command that it is about."""
    console.print(Text(f"{finding.severity.value}: {finding.message}", _STYLES[finding.severity]))
    if finding.start is None or finding.end is None:
        return
    start = text.rfind("\n", 0, finding.start) + 1
    end = text.find("\n", finding.start)
    line = text[start : end if end >= 0 else len(text)]
    width = max(1, min(finding.end, start + len(line)) - finding.start)
    console.print(Text(f"  {line}"))
    # Tabs stay tabs, so that the mark stands under what it means.
    before = "".join("\t" if char == "\t" else " " for char in line[: finding.start - start])
    console.print(Text(f"  {before}{'^' * width}", _STYLES[finding.severity]))

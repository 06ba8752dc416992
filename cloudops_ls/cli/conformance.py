"""``cloudops-ls conformance``: whether a server speaks the assistant protocol."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.text import Text

from cloudops_ls.composition import assistant_token

if TYPE_CHECKING:
    from cloudops_ls.assistant.conformance import Conformance, Finding

_STYLES = {"passed": "green", "failed": "bold red", "skipped": "yellow"}


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(conformance)


def conformance(
    url: Annotated[str, typer.Argument(help="Base URL; /v1/reply is added.")],
    seconds: Annotated[float, typer.Option(min=1, help="Longest wait for one answer.")] = 120,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per check.")] = False,
) -> None:
    """Check that a server speaks the assistant protocol.

    The protocol is in docs/protocol.md; what fails is said with what the server did instead and
    with the section that has the rule. The token is taken from CLOUDOPS_ASSISTANT_TOKEN or the
    keychain. Exit code 1 when a check failed.
    """
    from cloudops_ls.assistant.conformance import Conformance, Verdict
    from cloudops_ls.assistant.timings import HttpTimings

    checks = Conformance(
        url, assistant_token(), HttpTimings(total=seconds, silence=min(seconds, 60))
    )
    findings = asyncio.run(_report(checks, as_json=as_json))
    if any(finding.verdict is Verdict.FAILED for finding in findings):
        raise typer.Exit(1)


async def _report(checks: Conformance, *, as_json: bool) -> list[Finding]:
    console = Console(highlight=False)
    findings = []
    async for finding in checks.run():
        findings.append(finding)
        verdict = finding.verdict.value
        if as_json:
            row = {
                "check": finding.name,
                "verdict": verdict,
                "detail": finding.detail,
                "section": finding.section,
            }
            typer.echo(json.dumps(row))
        else:
            line = Text.assemble(
                (f"{verdict:8}", _STYLES[verdict]), finding.name, (f": {finding.detail}", "dim")
            )
            if verdict == "failed":
                line.append(f' (docs/protocol.md, "{finding.section}")', "dim")
            console.print(line, soft_wrap=True)
    if not as_json:
        verdicts = [finding.verdict.value for finding in findings]
        counts = (f"{verdicts.count(one)} {one}" for one in _STYLES if one in verdicts)
        console.print(", ".join(counts) + ".")
    return findings

"""``cloudops-ls audit``: who decided and ran what, and whether the log is what was written."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Column, Table

from cloudops_ls.cli.store import open_store
from cloudops_ls.cli.tables import print_tables
from cloudops_ls.errors import CloudOpsError
from cloudops_ls.home import Home
from cloudops_ls.storage.audit_chain import AuditEntry

if TYPE_CHECKING:
    from collections.abc import Iterator

audit = typer.Typer(help="The tamper-evident log of decisions and runs.", rich_markup_mode=None)


def register(app: typer.Typer) -> None:
    """Add the command group to ``app``."""
    app.add_typer(audit, name="audit")


@audit.command("list")
def list_entries(
    limit: Annotated[int, typer.Option(help="At most so many, newest first.")] = 20,
    execution: Annotated[str | None, typer.Option(help="Only those about this execution.")] = None,
) -> None:
    """List entries, newest first."""
    table = Table(
        "seq", "at (UTC)", "event", "who", Column("execution", no_wrap=True), "account", "what"
    )
    with open_store(Home.locate()) as storage:
        for entry in storage.audit.list(execution_id=execution, limit=limit):
            table.add_row(
                str(entry.seq),
                f"{entry.at:%Y-%m-%d %H:%M:%S}",
                entry.event.value,
                escape(entry.actor),
                entry.execution_id or "",
                str(entry.details.get("account_id") or ""),
                escape(_what(entry)),
            )
    print_tables(table)


@audit.command("show")
def show_entry(seq: Annotated[int, typer.Argument(help="The entry's number.")]) -> None:
    """Print one entry, whole, as JSON."""
    with open_store(Home.locate()) as storage:
        found = storage.audit.get(seq)
    if found is None:
        raise CloudOpsError(
            "There is no such entry", where=str(seq), fix="See cloudops-ls audit list"
        )
    typer.echo(found.model_dump_json(indent=2))


@audit.command("verify")
def verify(
    against: Annotated[
        typer.FileText | None,
        typer.Option(help="An earlier export: everything in it must still be there, unchanged."),
    ] = None,
) -> None:
    """Check every link, the end, and the stored outputs.

    Names the first broken link; exit code 1 when there is one.
    """
    kept = list(_exported(against)) if against is not None else []
    with open_store(Home.locate()) as storage:
        result = storage.audit.verify(kept)
    if result.broken is not None:
        raise CloudOpsError(
            f"The audit log was tampered with, or damaged: {result.broken.what}",
            where=f"entry {result.broken.seq}",
            fix="Entries before that one are as they were written; trust none from there on",
        )
    typer.echo(f"{result.entries:,} entries, none missing, none changed. Last: {result.head}")


@audit.command("export")
def export(
    since: Annotated[int, typer.Option(help="Number of the first entry.")] = 1,
) -> None:
    """Print the entries as JSON lines, oldest first.

    Commands are in them word by word.
    """
    with open_store(Home.locate()) as storage:
        for entry in storage.audit.entries():
            if entry.seq >= since:
                sys.stdout.write(entry.model_dump_json() + "\n")


def _exported(file: typer.FileText) -> Iterator[AuditEntry]:
    for number, line in enumerate(file, 1):
        if line.strip():
            try:
                yield AuditEntry.model_validate_json(line)
            except ValueError:
                raise CloudOpsError(
                    "This is no line of an export",
                    where=f"{file.name}, line {number}",
                    fix="Give a file that cloudops-ls audit export wrote",
                ) from None


def _what(entry: AuditEntry) -> str:
    argv = entry.details.get("argv")
    if isinstance(argv, list):
        reason = entry.details.get("reason")
        return shlex.join(str(word) for word in argv) + (f" ({reason})" if reason else "")
    status, exit_status = entry.details.get("status"), entry.details.get("exit_status")
    return " ".join(str(part) for part in (status, exit_status) if part is not None)

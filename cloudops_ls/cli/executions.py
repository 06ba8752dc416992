"""``cloudops-ls executions``: what was run, and its whole output."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Column, Table

from cloudops_ls.cli.store import open_store
from cloudops_ls.cli.tables import print_tables
from cloudops_ls.errors import CloudOpsError
from cloudops_ls.home import Home
from cloudops_ls.storage.audit_chain import AuditEvent

executions = typer.Typer(help="What was run from runbooks.", rich_markup_mode=None)


def register(app: typer.Typer) -> None:
    """Add the command group to ``app``."""
    app.add_typer(executions, name="executions")


@executions.command("list")
def list_executions(
    limit: Annotated[int, typer.Option(help="At most so many, newest first.")] = 20,
) -> None:
    """List executions, newest first."""
    table = Table(Column("id", no_wrap=True), "status", "exit", "started", "account", "command")
    with open_store(Home.locate()) as storage:
        for one in storage.executions.list(limit=limit):
            table.add_row(
                one.id,
                one.status.value,
                "" if one.exit_status is None else str(one.exit_status),
                f"{one.started_at:%Y-%m-%d %H:%M:%S}" if one.started_at else "",
                one.account_id or "",
                escape(one.command),
            )
    print_tables(table)


@executions.command("show")
def show_execution(
    execution_id: Annotated[
        str, typer.Argument(metavar="ID", help="As 'executions list' shows it.")
    ],
    reveal: Annotated[
        bool, typer.Option("--reveal", help="Print output that holds a secret; that is recorded.")
    ] = False,
    details: Annotated[
        bool, typer.Option("--details", help="Print the record as JSON instead of the output.")
    ] = False,
) -> None:
    """Print the whole stored output of one execution, however long it is."""
    with open_store(Home.locate()) as storage:
        found = storage.executions.get(execution_id, output=False)
        if found is None:
            raise CloudOpsError(
                "There is no such execution",
                where=execution_id,
                fix="See cloudops-ls executions list",
            )
        if details:
            typer.echo(found.model_dump_json(indent=2, exclude={"output"}))
            return
        length = storage.executions.output_length(execution_id)
        if found.metadata.get("reveals_secret") and length:
            if not reveal:
                raise CloudOpsError(
                    "The output of this execution holds a secret",
                    where=execution_id,
                    fix="Add --reveal to print it; the audit log will say so",
                )
            storage.audit.append(AuditEvent.OUTPUT_SHOWN, execution_id=execution_id)
        piece = "\n"
        for piece in storage.executions.output(execution_id):
            typer.echo(piece, nl=False)
        if not piece.endswith("\n"):
            typer.echo()
    if undo := found.metadata.get("undo"):
        typer.echo(f"To take it back: {undo}", err=True)

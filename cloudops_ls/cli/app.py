"""``cloudops-ls``: the commands put together."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.console import Console

from cloudops_ls.errors import CloudOpsError

app = typer.Typer(
    help="A language server that turns a Markdown runbook into a safe conversation with AWS.",
    no_args_is_help=False,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def run() -> None:
    """Run the command line; expected failures are one message and exit code 1."""
    from cloudops_ls.cli import (
        accounts,
        audit,
        backup,
        commands,
        conformance,
        demo,
        doctor,
        estate,
        executions,
        history,
        index,
        key,
        models,
        policy,
        preferences,
        previewing,
        resources,
        running,
        search,
        status,
        types,
    )

    for group in (
        estate,
        status,
        search,
        resources,
        accounts,
        commands,
        running,
        previewing,
        policy,
        preferences,
        types,
        history,
        executions,
        audit,
        key,
        doctor,
        backup,
        index,
        models,
        conformance,
        demo,
    ):
        group.register(app)
    try:
        app()
    except CloudOpsError as error:
        # Not wrapped: paths in it are there to be copied.
        Console(stderr=True, highlight=False, markup=False, soft_wrap=True).print(
            f"cloudops-ls: {error}"
        )
        sys.exit(1)


@app.callback(invoke_without_command=True)
def main(
    context: typer.Context,
    tcp: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="Serve one editor over TCP instead of stdio."),
    ] = None,
    stdio: Annotated[bool, typer.Option(help="Serve over stdin and stdout; the default.")] = False,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Serve LSP over stdin and stdout when no command is given."""
    if version:
        from importlib.metadata import version as installed_version

        typer.echo(installed_version("cloudops-ls"))
        raise typer.Exit
    if context.invoked_subcommand is not None:
        return
    from cloudops_ls import composition

    if tcp is None or stdio:
        composition.serve_stdio()
    host, _, port = tcp.rpartition(":")
    if not port.isdigit():
        raise CloudOpsError(
            "The address is not understood", where=f"--tcp {tcp}", fix="Write HOST:PORT or PORT"
        )
    composition.serve_tcp(host or "127.0.0.1", int(port))

"""``cloudops-ls``: the commands put together."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Annotated, Any

import typer
import typer.main
from typer.core import TyperGroup

from cloudops_ls.errors import CloudOpsError

_MODULES = {
    "scan": "estate",
    "sync": "estate",
    "status": "status",
    "search": "search",
    "show": "resources",
    "changes": "resources",
    "accounts": "accounts",
    "check": "commands",
    "run": "running",
    "preview": "previewing",
    "policy": "policy",
    "preferences": "preferences",
    "types": "types",
    "history": "history",
    "executions": "executions",
    "audit": "audit",
    "key": "key",
    "doctor": "doctor",
    "backup": "backup",
    "index": "index",
    "models": "models",
    "conformance": "conformance",
    "demo": "demo",
}
"""Each command, in the order of the help, and the module of this package that has it."""


class CommandsOnDemand(TyperGroup):
    """Imports a command when it is asked for: all of them together take longer than most run."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of all commands."""
        return list(_MODULES)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return the command; None if there is none of that name."""
        # The suggestions for a wrong name are taken from all that are there.
        for module in {_MODULES[cmd_name]} if cmd_name in _MODULES else set(_MODULES.values()):
            holder = typer.Typer(rich_markup_mode=None)
            import_module(f"cloudops_ls.cli.{module}").register(holder)
            self.commands.update(typer.main.get_group(holder).commands)
        return self.commands.get(cmd_name)


app = typer.Typer(
    cls=CommandsOnDemand,
    help="A language server that turns a Markdown runbook into a safe conversation with AWS.",
    no_args_is_help=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def run() -> None:
    """Run the command line; expected failures are one message and exit code 1."""
    try:
        app()
    except CloudOpsError as error:
        from rich.console import Console

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
    stdio: Annotated[
        bool, typer.Option("--stdio", help="Serve over stdin and stdout; the default.")
    ] = False,
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

"""``cloudops-ls demo``: the whole product against a stand-in AWS, in the terminal."""

from __future__ import annotations

from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(demo)


def demo(
    yes: Annotated[bool, typer.Option("--yes", help="Confirm by itself; for scripts.")] = False,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep the estate running for an editor.")
    ] = False,
    serve: Annotated[
        bool,
        typer.Option(
            "--serve",
            help="No tour: for an editor, tell where the estate is as JSON, and keep it until "
            "standard input ends.",
        ),
    ] = False,
    pace: Annotated[
        float, typer.Option(min=0, help="Multiplies the pauses; 0 is without any.")
    ] = 1.0,
) -> None:
    """Show one request from typing to the changed resource. Needs no account and no network."""
    if serve:
        from cloudops_ls.demo.serving import serve_demo

        raise typer.Exit(serve_demo())
    from cloudops_ls.demo.tour import run_demo

    raise typer.Exit(run_demo(yes=yes, keep=keep, pace=pace))

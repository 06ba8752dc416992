"""``cloudops-ls backup``: encrypted backups in S3, and one encrypted file.

Exit codes: 0 done, 1 failed or damage found, 2 wrong usage, 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import json
import os
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.filesize import decimal
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Column, Table

from cloudops_ls.cli.tables import print_tables
from cloudops_ls.cli.worker_call import ask_worker
from cloudops_ls.errors import CloudOpsError
from cloudops_ls.home import Home
from cloudops_ls.worker import wire

PASSPHRASE_VARIABLE = "CLOUDOPS_EXPORT_PASSPHRASE"  # noqa: S105 -- a name, not a secret

backup = typer.Typer(help="Encrypted backups in S3, and one encrypted file.", rich_markup_mode=None)

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Replace = Annotated[
    bool, typer.Option("--replace", help="Replace what is here; else what is missing is added.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before replacing.")]
RecoveryFile = Annotated[
    str | None,
    typer.Option(metavar="FILE", help="File with the recovery key, - for standard input."),
]
Passphrase = Annotated[
    bool,
    typer.Option("--passphrase", help=f"Ask for a passphrase, or take ${PASSPHRASE_VARIABLE}."),
]


def register(app: typer.Typer) -> None:
    """Add the command group to ``app``."""
    app.add_typer(backup, name="backup")


@backup.command("now")
def back_up_now(as_json: Json = False) -> None:
    """Back up everything that cannot be rebuilt."""
    done = _work("Backing up", wire.BACKUP, {})
    if as_json:
        _print_json(done)
        return
    typer.echo(
        f"{done['name']}: {done['new_pieces']:,} of {done['pieces']:,} pieces were new, "
        f"{decimal(done['new_bytes'])} uploaded"
    )


@backup.command("list")
def list_backups(as_json: Json = False, recovery_key: RecoveryFile = None) -> None:
    """List the backups, newest first.

    Also says when the next one is due.
    """
    found = ask_worker(Home.locate(), wire.BACKUPS, {"recovery_key": _read_key(recovery_key)})
    if as_json:
        _print_json(found)
        return
    table = Table(
        Column("backup", no_wrap=True), "made (UTC)", "by", "resources", "messages", "added", ""
    )
    for each in found["backups"]:
        table.add_row(
            each["name"],
            "" if each["created_at"] is None else _minutes(each["created_at"]),
            escape(each["host"]) + (" (here)" if each["mine"] else ""),
            f"{each['rows'].get('resources', 0):,}",
            f"{each['rows'].get('messages', 0):,}",
            decimal(each["new_bytes"]),
            escape(each["problem"] or ""),
        )
    print_tables(table)
    typer.echo(_schedule_text(found["schedule"]))
    if any(each["problem"] for each in found["backups"]):
        raise typer.Exit(1)


@backup.command("verify")
def verify_backups(
    read_data: Annotated[
        bool, typer.Option("--read-data", help="Read and decrypt all content, which proves it.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Check that every backup can be restored."""
    found = _work("Verifying", wire.VERIFY_BACKUPS, {"read_data": read_data})
    if as_json:
        _print_json(found)
    else:
        for problem in found["problems"]:
            typer.echo(f"• {problem}")
        for name, reason in found["damaged"].items():
            typer.echo(f"✗ {name}: {reason}")
        proof = f"{decimal(found['read_bytes'])} read" if read_data else "content was not read"
        typer.echo(
            f"{_backups_are(len(found['whole']))} whole, {len(found['damaged']):,} damaged; {proof}"
        )
    if not found["ok"]:
        raise typer.Exit(1)


@backup.command("restore")
def restore_backup(
    date: Annotated[
        str, typer.Argument(help="A backup's name, the beginning of one such as 2026-11-25.")
    ] = "latest",
    replace: Replace = False,
    yes: Yes = False,
    recovery_key: RecoveryFile = None,
    as_json: Json = False,
) -> None:
    """Restore a backup.

    Everything is proven before anything is changed.
    """
    _confirm(replace and not yes)
    params = {"date": date, "replace": replace, "recovery_key": _read_key(recovery_key)}
    _print_restored(_work("Restoring", wire.RESTORE_BACKUP, params), as_json)


@backup.command("prune")
def prune_backups(
    keep_days: Annotated[
        int | None, typer.Option(help="Days before the newest backup; else the setting's.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Remove backups that are older than they are kept.

    Never the last one.
    """
    _print_pruned(_work("Pruning", wire.PRUNE_BACKUPS, {"keep_days": keep_days}), as_json)


@backup.command("remove")
def remove_backups(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Whole names, as listed.")
    ] = None,
    damaged: Annotated[
        bool, typer.Option("--damaged", help="All that 'backup verify' finds damaged.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Remove backups by name, or the damaged ones.

    Never the last one.
    """
    if not names and not damaged:
        raise typer.BadParameter("name backups, or say --damaged", param_hint="names")
    params = {"names": names or [], "damaged": damaged}
    _print_pruned(_work("Removing", wire.REMOVE_BACKUP, params), as_json)


@backup.command("export")
def export_store(
    file: Annotated[Path, typer.Argument(help="A new file; no file is ever overwritten.")],
    passphrase: Passphrase = False,
    as_json: Json = False,
) -> None:
    """Write everything into one encrypted file."""
    secret = _ask_passphrase(confirm=True) if passphrase else None
    params = {"path": str(file.absolute()), "passphrase": secret}
    done = _work("Exporting", wire.EXPORT_STORE, params)
    if as_json:
        _print_json(done)
        return
    typer.echo(f"{done['path']}: {done['rows']:,} records, {decimal(done['size'])}, encrypted")


@backup.command("import")
def import_store(
    file: Annotated[Path, typer.Argument(help="What 'backup export' wrote.")],
    replace: Replace = False,
    yes: Yes = False,
    passphrase: Passphrase = False,
    recovery_key: RecoveryFile = None,
    as_json: Json = False,
) -> None:
    """Restore an exported file.

    Everything is proven before anything is changed.
    """
    _confirm(replace and not yes)
    params = {
        "path": str(file.absolute()),
        "replace": replace,
        "passphrase": _ask_passphrase(confirm=False) if passphrase else None,
        "recovery_key": _read_key(recovery_key),
    }
    _print_restored(_work("Importing", wire.IMPORT_STORE, params), as_json)


@backup.command("schedule")
def schedule_backups(
    switch: Annotated[
        str | None, typer.Argument(metavar="[on|off]", help="Without it, how it stands.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Turn backups that are made by themselves on or off."""
    if switch not in (None, "on", "off"):
        raise typer.BadParameter("on or off", param_hint="switch")
    enabled = None if switch is None else switch == "on"
    state = ask_worker(Home.locate(), wire.BACKUP_SCHEDULE, {"enabled": enabled})
    if as_json:
        _print_json(state)
        return
    typer.echo(_schedule_text(state))


def _work(title: str, method: str, params: dict[str, Any]) -> Any:
    """Ask the worker and show its steps."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
    )
    console = Console(stderr=True)
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task(title, total=None)

        def show(told: str, step: dict[str, Any]) -> None:
            if told == wire.BACKUP_PROGRESS:
                bar.update(
                    task,
                    description=step["doing"],
                    total=step["total"] or None,
                    completed=step["done"],
                )

        return ask_worker(Home.locate(), method, params, show, cancel=wire.CANCEL_BACKUP)


def _confirm(asked: bool) -> None:
    if asked:
        typer.confirm(
            "Everything stored here is replaced (a copy is kept). Go on?", abort=True, err=True
        )


def _read_key(name: str | None) -> str | None:
    """Return the text of a recovery key's file; the worker parses it."""
    if name is None:
        return None
    if name == "-":
        return sys.stdin.read()
    try:
        return Path(name).expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise CloudOpsError(
            f"Cannot read the recovery key: {reason}", where=name, fix="Give its file"
        ) from None


def _ask_passphrase(*, confirm: bool) -> str:
    given = os.environ.get(PASSPHRASE_VARIABLE)
    if given:
        return given
    asked: str = typer.prompt(
        "Passphrase of the file", hide_input=True, confirmation_prompt=confirm, err=True
    )
    return asked


def _print_restored(done: dict[str, Any], as_json: bool) -> None:
    if as_json:
        _print_json(done)
        return
    rows = ", ".join(
        f"{count:,} {table.replace('_', ' ')}" for table, count in done["added"].items() if count
    )
    typer.echo(f"{done['name']}: {rows or 'nothing was missing'}")
    if done["safety_copy"]:
        typer.echo(
            "What was replaced is in "
            f"{done['safety_copy']} (cloudops-ls backup import --replace undoes this)"
        )


def _print_pruned(done: dict[str, Any], as_json: bool) -> None:
    if as_json:
        _print_json(done)
        return
    for name in done["removed"]:
        typer.echo(f"removed {name}")
    typer.echo(
        f"{_backups_are(done['kept'])} kept; {done['objects']:,} objects, "
        f"{decimal(done['size'])} freed"
    )


def _backups_are(count: int) -> str:
    return "1 backup is" if count == 1 else f"{count:,} backups are"


def _schedule_text(state: dict[str, Any]) -> str:
    last = _minutes(state["last_done"]) if state["last_done"] else "never"
    text = f"Last backup: {last}. Schedule: {'on' if state['enabled'] else 'off'}"
    if state["next_due"]:
        text += f", next due {_minutes(state['next_due'])}"
    if state["problem"]:
        text += f". The last attempt failed: {state['problem']}"
    return text


def _minutes(moment: str) -> str:
    return f"{datetime.fromisoformat(moment):%Y-%m-%d %H:%M}"


def _print_json(value: Any) -> None:
    typer.echo(json.dumps(value, indent=2))

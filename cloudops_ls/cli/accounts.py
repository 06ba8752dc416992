"""``cloudops-ls accounts``: profiles, signing in, keys in the keychain."""

from __future__ import annotations

import json
import sys
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from cloudops_ls.cli.estate import AsJson  # noqa: TC001 - Typer reads annotations
from cloudops_ls.cli.exit_codes import ExitCode
from cloudops_ls.cli.status import moment
from cloudops_ls.cli.tables import print_tables
from cloudops_ls.cli.worker_call import ask_worker
from cloudops_ls.home import Home
from cloudops_ls.worker import wire

accounts = typer.Typer(
    help="AWS profiles, signing in, keys in the OS keychain.",
    rich_markup_mode=None,
    invoke_without_command=True,
)
Profile = Annotated[str, typer.Argument(metavar="PROFILE", help="A profile of ~/.aws.")]


def register(app: typer.Typer) -> None:
    """Add the command group to ``app``."""
    app.add_typer(accounts, name="accounts")


@accounts.callback()
def overview(context: typer.Context, as_json: AsJson = False) -> None:
    """List profiles with their accounts and credentials.

    Also the damaged lines of ~/.aws.
    """
    if context.invoked_subcommand is None:
        _list(as_json=as_json)


@accounts.command("list")
def list_accounts(as_json: AsJson = False) -> None:
    """List profiles with their accounts and credentials.

    Also the damaged lines of ~/.aws.
    """
    _list(as_json=as_json)


@accounts.command()
def login(
    profile: Profile,
    browser: Annotated[
        bool, typer.Option(help="Open the page; without, its address is only printed.")
    ] = True,
) -> None:
    """Sign in, with an MFA code or in the browser.

    The browser is for IAM Identity Center. A code is never stored. The session it opens lives in
    the background process's memory, which stays as long as the session lasts.
    """
    home = Home.locate()
    console = Console(stderr=True, highlight=False)
    begun = ask_worker(home, wire.SIGN_IN_BEGIN, {"profile": profile})
    finish: dict[str, Any] = {"profile": profile}
    if begun["way"] == "mfa":
        finish["code"] = typer.prompt(f"Code of {begun['serial']}", hide_input=True, err=True)
    elif begun["way"] == "sso":
        console.print(f"Confirm in the browser that the code is {begun['code']}:", markup=False)
        console.print(begun["url"], markup=False, soft_wrap=True)
        if browser:
            typer.launch(begun["url"])
    try:
        reached = ask_worker(home, wire.SIGN_IN_FINISH, finish, cancel=wire.SIGN_IN_CANCEL)
    except KeyboardInterrupt:
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    name = f"{reached['alias']} ({reached['account_id']})" if reached["alias"] else None
    console.print(f"Signed in to {name or reached['account_id']}.", markup=False)


@accounts.command()
def logout() -> None:
    """Forget the sessions that MFA codes opened."""
    ask_worker(Home.locate(), wire.SIGN_OUT, {})


@accounts.command("import")
def import_keys(profile: Profile) -> None:
    """Copy a profile's static keys into the OS keychain.

    They count before the file there. The file stays as it is; the keys can then be removed from it.
    """
    ask_worker(Home.locate(), wire.KEYCHAIN_COPY, {"profile": profile})
    Console(stderr=True).print(
        f"The keys of '{profile}' are in the keychain and are used from there. "
        "They can be removed from the credentials file.",
        markup=False,
    )


@accounts.command()
def forget(profile: Profile) -> None:
    """Remove a profile's keys from the OS keychain.

    The file counts again.
    Exit code 1 when there were none.
    """
    if not ask_worker(Home.locate(), wire.KEYCHAIN_FORGET, {"profile": profile})["removed"]:
        raise typer.Exit(ExitCode.FAILED)


def _list(*, as_json: bool) -> None:
    found = ask_worker(Home.locate(), wire.PROFILES, {})
    if as_json:
        json.dump(found, sys.stdout, indent=2)
        sys.stdout.write("\n")
    elif found["profiles"]:
        print_tables(_table(found["profiles"]))
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    for problem in found["problems"]:
        line = f":{problem['line']}" if problem["line"] else ""
        console.print(
            f"{problem['file']}{line}: {problem['message']}", style="yellow", markup=False
        )
    if not found["profiles"]:
        raise typer.Exit(ExitCode.FAILED)


def _table(profiles: list[dict[str, Any]]) -> Table:
    table = Table(
        Column("profile", no_wrap=True), "kind", "account", "region", "credentials", "until"
    )
    for one in profiles:
        account = " ".join(filter(None, (one["account_alias"], one["account_id"])))
        kind = f"{one['kind']}, keychain" if one["in_keychain"] else one["kind"]
        if one["source_profile"]:
            kind = f"{kind} via {one['source_profile']}"
        table.add_row(
            escape(one["name"]),
            escape(kind),
            escape(account),
            one["region"] or "",
            one["state"],
            moment(one["expires"]),
        )
    return table

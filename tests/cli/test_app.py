from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pkgutil import iter_modules

import typer
import typer.main

from cloudops_ls import cli


def test_the_help_names_every_command_there_is() -> None:
    holder = typer.Typer()
    for module in iter_modules(cli.__path__, f"{cli.__name__}."):
        register = getattr(import_module(module.name), "register", None)
        if register is not None:
            register(holder)
    told = _run("--help").stdout.partition("Commands:")[2]
    named = [line.split()[0] for line in told.splitlines() if line[:3].strip()]
    assert sorted(named) == sorted(typer.main.get_group(holder).commands)


def test_a_wrong_name_is_answered_with_the_nearest_one() -> None:
    done = _run("scam")
    assert done.returncode == 2
    assert "Did you mean 'scan'?" in done.stderr


def test_a_command_imports_no_more_than_it_needs() -> None:
    script = (
        "import sys; from cloudops_ls.cli.app import app; app(['--version'], standalone_mode=False)"
        "; print(*sorted({'rich', 'sqlalchemy', 'pygls', 'boto3'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[1:] == [""]


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cloudops_ls", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

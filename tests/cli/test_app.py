from __future__ import annotations

import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import typer
import typer.main
from typer.testing import CliRunner

from cloudops_ls import cli
from cloudops_ls.cli.app import app


def test_the_help_names_every_command_there_is() -> None:
    told = _run("--help").stdout.partition("Commands:")[2]
    named = [line.split()[0] for line in told.splitlines() if line[:3].strip()]
    assert sorted(named) == sorted(typer.main.get_group(_all_of_them()).commands)


def test_every_line_of_the_help_is_whole() -> None:
    commands = typer.main.get_group(_all_of_them()).commands
    groups = [name for name, command in commands.items() if hasattr(command, "commands")]
    for arguments in ([], *([group] for group in groups)):
        told = CliRunner().invoke(app, [*arguments, "--help"], env={"COLUMNS": "80"}).stdout
        assert "Commands:" in told
        assert "..." not in told.partition("Commands:")[2]


def test_a_shell_is_answered_and_no_server_started() -> None:
    asked = {
        "_CLOUDOPS_LS_COMPLETE": "complete_bash",
        "COMP_WORDS": "cloudops-ls key ro",
        "COMP_CWORD": "2",
    }
    installed = Path(sys.executable).with_name("cloudops-ls")
    done = subprocess.run(
        installed,
        env=os.environ | asked,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.split() == ["rotate"]


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


def _all_of_them() -> typer.Typer:
    holder = typer.Typer()
    for module in iter_modules(cli.__path__, f"{cli.__name__}."):
        register = getattr(import_module(module.name), "register", None)
        if register is not None:
            register(holder)
    return holder


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cloudops_ls", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

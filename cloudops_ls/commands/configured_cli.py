"""An AWS CLI of the user's own, named by the setting ``commands.aws``, in place of ours."""

from __future__ import annotations

import configparser
import re
import subprocess
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from cloudops_ls.commands.errors import CommandError, ErrorKind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ALIASES = Path(".aws") / "cli" / "alias"
_VERSION = re.compile(r"aws-cli/(\d+)\.")
_SECONDS = 30.0
_SETTING = "setting commands.aws in config.toml"


class ConfiguredCli:
    """Which CLI it is, found out on first use; thread-safe.

    Parameters
    ----------
    prefix
        What is started in place of the word ``aws``, such as ``("aws",)``.
    environment
        The environment it is started with, to ask for its version.
    home
        The user's home, where its aliases would be.
    """

    def __init__(self, prefix: Sequence[str], environment: Mapping[str, str], home: Path) -> None:
        self.prefix = tuple(prefix)
        self._environment = dict(environment)
        self._home = home

    @property
    def version2(self) -> bool:
        """Whether it is version 2. Blocking the first time: the program is asked.

        Raises
        ------
        CommandError
            It cannot be started, or is no AWS CLI.
        """
        major = self._major
        if major is None:
            raise CommandError(
                ErrorKind.UNSUPPORTED,
                f"{self.prefix[0]} could not be started as an AWS CLI ({_SETTING})",
                fix="Correct the setting, or remove it to use the CLI that comes with CloudOps",
            )
        return major >= 2

    @cached_property
    def _major(self) -> int | None:
        try:
            told = subprocess.run(
                [*self.prefix, "--version"],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=_SECONDS,
            )
        except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
            return None
        found = _VERSION.search(told.stdout + told.stderr)
        return int(found[1]) if found is not None else None

    def refuse_aliases(self) -> None:
        """Refuse to go on where the user has aliases: one may give any command another meaning.

        Our own CLI is started without them; for another one there is no such way.

        Raises
        ------
        CommandError
            There are some, or the file cannot be read.
        """
        aliases = configparser.RawConfigParser(strict=False, allow_no_value=True)
        try:
            aliases.read_string((self._home / ALIASES).read_text(encoding="utf-8"))
            harmless = not any(aliases.options(section) for section in aliases.sections())
        except FileNotFoundError:
            return
        except (OSError, UnicodeDecodeError, configparser.Error):
            harmless = False
        if not harmless:
            raise CommandError(
                ErrorKind.UNSUPPORTED,
                f"~/{ALIASES} may give commands another meaning, and the AWS CLI of commands.aws "
                "cannot be started without it",
                fix="Empty that file, or remove the setting",
            )

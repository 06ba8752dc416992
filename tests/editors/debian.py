"""Editors of other Debian releases, beside the machine's own programs.

Debian 12 has a Neovim without ``vim.lsp.config``, an Emacs without eglot and no Helix. Here apt,
with lists of its own and nothing taken for installed, resolves and verifies what an editor needs;
the packages are unpacked into a folder, and the program is told where its loader and libraries
are. Nothing of the machine is changed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.editors.installing import CACHE, UnavailableError, debian, run

MIRROR = "http://deb.debian.org/debian"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
TOOLS = ("patchelf", "tmux")


@dataclass(frozen=True, slots=True)
class DebianEditor:
    """An editor as one Debian release has it.

    Attributes
    ----------
    name
        What the tests call it.
    program
        Where the program is in the unpacked packages.
    packages
        The editor, and what of its plugins the release has.
    """

    name: str
    suite: str
    program: str
    packages: tuple[str, ...]

    def install(self, folder: Path) -> None:
        """Unpack the editor into ``folder``.

        Raises
        ------
        UnavailableError
            This is not a Debian, or the release is not reached.
        """
        if missing := [tool for tool in TOOLS if shutil.which(tool) is None]:
            debian(*missing)
        if not KEYRING.exists():
            raise UnavailableError(f"there is no {KEYRING}, with which Debian signs its releases")
        archives = CACHE / "apt" / self.name
        shutil.rmtree(archives, ignore_errors=True)
        (archives / "partial").mkdir(parents=True)
        self._apt(archives, "update")
        self._apt(archives, "install", "--yes", "--download-only", *self.packages)
        for archive in archives.glob("*.deb"):
            run("dpkg-deb", "--extract", archive, folder)
        shutil.rmtree(archives)
        _link(folder / self.program, folder)

    def _apt(self, archives: Path, *arguments: str) -> None:
        lists = CACHE / "apt" / "lists" / self.suite
        (lists / "partial").mkdir(parents=True, exist_ok=True)
        sources = lists.with_suffix(".list")
        sources.write_text(f"deb [signed-by={KEYRING}] {MIRROR} {self.suite} main\n")
        options = {
            "Dir::Etc::sourcelist": sources,
            "Dir::Etc::sourceparts": "-",
            "Dir::State::lists": lists,
            "Dir::State::status": "/dev/null",
            "Dir::Cache": archives,
            "Dir::Cache::archives": archives,
            "APT::Install-Recommends": "false",
            "APT::Sandbox::User": "",
            "APT::Update::Error-Mode": "any",
            "Acquire::Languages": "none",
            "Acquire::Retries": "2",
        }
        given = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
        try:
            run("apt-get", "-qq", *given, *arguments)
        except RuntimeError as error:
            wanted = " ".join(self.packages)
            raise UnavailableError(
                f"no answer from the Debian mirror for: {wanted} of {self.suite}"
            ) from error


EDITORS = (
    # The stable release's has no vim.lsp.config; the next one's has, and telescope beside it.
    DebianEditor("neovim-0.10", "trixie", "usr/bin/nvim", ("neovim",)),
    DebianEditor("neovim", "forky", "usr/bin/nvim", ("neovim", "neovim-telescope")),
    # The first that asks: window/showMessageRequest came after 25.07.
    DebianEditor("helix", "sid", "usr/bin/hx", ("hx",)),
    DebianEditor("emacs", "trixie", "usr/bin/emacs-nox", ("emacs-nox", "elpa-lsp-mode")),
)
RECIPE = (Path(__file__),)


def _link(program: Path, folder: Path) -> None:
    """Have a program use the loader and the libraries that came with it."""
    program = program.resolve()
    asked = subprocess.run(
        ["patchelf", "--print-interpreter", program], capture_output=True, text=True, check=True
    )
    loader = Path(asked.stdout.strip()).relative_to("/")
    # Packages of today install below /usr; the paths in programs are older.
    found = next(path for path in (folder / "usr" / loader, folder / loader) if path.exists())
    libraries = sorted({path.parent for path in folder.glob("usr/lib/*-linux-*/lib*.so*")})
    run("patchelf", "--set-interpreter", found, program)
    run("patchelf", "--force-rpath", "--set-rpath", os.pathsep.join(map(str, libraries)), program)

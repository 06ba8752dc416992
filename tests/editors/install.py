"""``python -m tests.editors.install``: the real editors, each once per version of its recipe.

An editor that cannot be had here is no failure: its tests are skipped, with the reason. An
installation that fails although everything could be reached is one.
"""

from __future__ import annotations

import hashlib
import shutil
import time
from typing import TYPE_CHECKING

from tests.editors import debian
from tests.editors.installing import CACHE, ROOT, UnavailableError
from tests.editors.vscode import install as vscode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    Recipe = tuple[Callable[[Path], None], Sequence[Path]]

EDITORS: dict[str, Recipe] = {
    "vscode": (vscode.install, vscode.RECIPE),
    "vscode-extension": (vscode.build_extension, vscode.EXTENSION_SOURCES),
    **{editor.name: (editor.install, debian.RECIPE) for editor in debian.EDITORS},
}
"""What installs an editor into a folder, and the files that, changed, ask for a new one."""


def main() -> None:
    CACHE.mkdir(parents=True, exist_ok=True)
    for name, (install, recipe) in EDITORS.items():
        folder, missing = CACHE / name, CACHE / f"{name}.missing"
        made_from = hashlib.sha256(b"\0".join(path.read_bytes() for path in recipe)).hexdigest()
        stamp = folder / "made-from"
        missing.unlink(missing_ok=True)
        # What it needs beside its folder goes with a virtual environment that is made anew.
        lacking = name == "vscode" and vscode.lacks_python_packages()
        if stamp.exists() and stamp.read_text() == made_from and not lacking:
            print(f"{name}: in {folder.relative_to(ROOT)}")
            continue
        began = time.monotonic()
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        try:
            install(folder)
        except UnavailableError as error:
            missing.write_text(str(error))
            print(f"{name}: SKIPPED: {error}")
            continue
        stamp.write_text(made_from)
        print(f"{name}: installed in {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()

"""Draw docs/images/demo.svg: what ``cloudops-ls demo --yes`` prints, as a terminal shows it.

Usage: python tools/picture_demo.py
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import SVG_EXPORT_THEME
from rich.text import Text

WIDTH = 96
FIRST, LAST = "5  Ask", "7  Look again"
"""Headings of the tour: from the first to the last, without it."""
_FONT_FACE = re.compile(r"@font-face\s*{[^}]*}\s*")
TARGET = Path(__file__).parents[1] / "docs" / "images" / "demo.svg"


def main() -> None:
    """Run the demo and export the middle of it."""
    environment = {
        **os.environ,
        "TTY_COMPATIBLE": "1",  # rich: colours, although nobody watches
        "TTY_INTERACTIVE": "0",  # rich: no live updates
        "COLUMNS": str(WIDTH),
        "TERM": "xterm-256color",
    }
    shown = subprocess.run(
        [sys.executable, "-m", "cloudops_ls", "demo", "--yes", "--pace", "0"],
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    lines = Text.from_ansi(shown).split("\n")
    plain = [line.plain for line in lines]
    start = next(number for number, line in enumerate(plain) if line.startswith(FIRST))
    end = next(number for number, line in enumerate(plain) if line.startswith(LAST))
    with Path(os.devnull).open("w") as nowhere:
        console = Console(record=True, width=WIDTH, file=nowhere)
        for line in lines[start:end]:
            console.print(line, soft_wrap=True)
        svg = console.export_svg(title="cloudops-ls demo", theme=SVG_EXPORT_THEME)
    # A picture in a README loads nothing from elsewhere.
    TARGET.write_text(_FONT_FACE.sub("", svg), encoding="utf-8")


if __name__ == "__main__":
    main()

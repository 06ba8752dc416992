"""The picture in docs/architecture.md is the one that the imports draw."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import grimp

ROOT = Path(__file__).parents[1]
_NODE = re.compile(r"^\s*(\w+)(?:\[\"?(.*?)\"?\])?\s*(?:-->\s*(\w+)(?:\[\"?(.*?)\"?\])?)?\s*$")


def drawn() -> set[tuple[str, str]]:
    """The arrows of the diagram, as names of modules directly below the package."""
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    diagram = page.split("```mermaid\n")[1].split("```")[0]
    names = {"main": "__main__"}
    arrows = set()
    for line in diagram.splitlines()[1:]:
        match = _NODE.match(line)
        assert match is not None, f"not understood: {line}"
        if match[3]:
            arrows.add((names.get(match[1], match[1]), names.get(match[3], match[3])))
    return arrows


def imported() -> set[tuple[str, str]]:
    """The imports between modules directly below the package, lazy and type-only ones too."""
    graph = grimp.build_graph("cloudops_ls")
    found = set()
    for importer in graph.modules:
        for target in graph.find_modules_directly_imported_by(importer):
            source, to = (name.split(".")[1:2] for name in (importer, target))
            if source and to and source != to:
                found.add((source[0], to[0]))
    return found


def reachable(arrows: set[tuple[str, str]], start: str) -> set[str]:
    seen, waiting = set(), [start]
    while waiting:
        here = waiting.pop()
        for source, target in arrows:
            if source == here and target not in seen:
                seen.add(target)
                waiting.append(target)
    return seen


def test_every_arrow_of_the_diagram_is_an_import() -> None:
    assert drawn() - imported() == set()


def test_every_import_follows_the_arrows_of_the_diagram() -> None:
    arrows = drawn()
    astray = {(a, b) for a, b in imported() if b not in reachable(arrows, a)}
    assert astray == set()


def test_the_import_contracts_hold() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout

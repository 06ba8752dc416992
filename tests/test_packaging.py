"""What is released together says the same of itself."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
_MASON = ROOT / "packaging" / "mason-registry" / "packages" / "cloudops-ls" / "package.yaml"


def test_all_parts_have_one_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extension = ROOT / "editors" / "vscode"
    versions = {
        json.loads((extension / name).read_text(encoding="utf-8"))["version"]
        for name in ("package.json", "package-lock.json")
    }
    mason = re.search(r"pkg:pypi/([\w-]+)@(\S+)", _MASON.read_text(encoding="utf-8"))
    assert mason is not None and mason[1] == project["name"]
    assert versions | {mason[2]} == {project["version"]}


def test_the_editors_start_the_script_that_is_installed() -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
        "scripts"
    ]
    config = ROOT / "packaging" / "nvim-lspconfig" / "lsp" / "cloudops_ls.lua"
    started = re.search(r"cmd = \{ '([\w-]+)' \}", config.read_text(encoding="utf-8"))
    assert started is not None and started[1] in scripts
    assert f"{started[1]}: pypi:{started[1]}" in _MASON.read_text(encoding="utf-8")

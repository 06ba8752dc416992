"""The settings in the VS Code extension's manifest are those of the models."""

from __future__ import annotations

import importlib.util
from pathlib import Path

_SCRIPT = Path(__file__).parents[1] / "tools" / "generate_vscode_settings.py"


def test_the_manifest_is_what_the_models_say() -> None:
    spec = importlib.util.spec_from_file_location(_SCRIPT.stem, _SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert script.main(["--check"]) == 0, "run python tools/generate_vscode_settings.py"

"""The configurations that the documentation gives, so that the tests run exactly these."""

from __future__ import annotations

import re

from tests.editors.installing import ROOT

PLUGIN = ROOT / "editors" / "nvim"


def recipe(page: str, heading: str, language: str) -> str:
    """Return the first fence of a language under a heading of a page in ``docs``."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    _, found, rest = text.partition(f"\n## {heading}\n")
    assert found, f"docs/{page} has no heading '{heading}'"
    section = re.split(r"\n## ", rest, maxsplit=1)[0]
    fence = re.search(rf"^```{language}\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    assert fence is not None, f"docs/{page}: no {language} under '{heading}'"
    return fence[1].replace("/path/to/cloudops-ls/editors/nvim", str(PLUGIN))

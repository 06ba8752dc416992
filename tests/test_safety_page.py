"""docs/safety.md: every threat in its table names a test that is there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
_TEST = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def rows() -> list[str]:
    page = (ROOT / "docs" / "safety.md").read_text()
    table = page.partition("## Threats")[2]
    lines = [line for line in table.splitlines() if line.startswith("|")]
    return lines[2:]


def test_every_threat_names_a_test_that_exists() -> None:
    assert len(rows()) >= 30
    for row in rows():
        _, threat, stop, test, _ = (cell.strip() for cell in row.split("|"))
        assert threat, row
        assert stop, row
        found = _TEST.fullmatch(test)
        assert found is not None, f"{threat!r} names no test"
        file = ROOT / found[1]
        assert file.is_file(), f"{found[1]} is not there"
        assert re.search(rf"^(async )?def {found[2]}\(", file.read_text(), re.M), found[0]

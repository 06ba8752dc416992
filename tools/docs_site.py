"""MkDocs hook: the list of decisions, which nobody has to keep by hand.

https://www.mkdocs.org/user-guide/configuration/#hooks
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

_INDEX = "decisions/README.md"


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """Add the decisions, by number, to their index page."""
    if page.file.src_uri != _INDEX:
        return markdown
    folder = Path(page.file.abs_src_path).parent
    titles = {
        path.name: path.read_text(encoding="utf-8").partition("\n")[0].lstrip("# ")
        for path in sorted(folder.glob("[0-9]*.md"))
    }
    return markdown + "".join(f"\n- [{title}]({name})" for name, title in titles.items())

"""The baseline: a pygls server that does nothing but answer what it was told to.

``python bare_server.py [FILE]``: FILE holds recorded answers, a JSON object of
``completion`` and ``hover`` by ``line:character``. They are turned into lsprotocol's objects once,
so that an answer costs what pygls and lsprotocol cost.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from lsprotocol import types
from pygls.lsp.server import LanguageServer

server = LanguageServer("bare", "1")
completions: dict[str, types.CompletionList] = {}
hovers: dict[str, types.Hover | None] = {}


@server.feature(types.TEXT_DOCUMENT_COMPLETION)
def completion(params: types.CompletionParams) -> types.CompletionList | None:
    return completions.get(f"{params.position.line}:{params.position.character}")


@server.feature(types.TEXT_DOCUMENT_HOVER)
def hover(params: types.HoverParams) -> types.Hover | None:
    return hovers.get(f"{params.position.line}:{params.position.character}")


def remember(file: Path) -> None:
    recorded = json.loads(file.read_text())
    structure = server.protocol._converter.structure
    for place, answer in recorded["completion"].items():
        completions[place] = structure(answer, types.CompletionList)
    for place, answer in recorded["hover"].items():
        hovers[place] = structure(answer, types.Hover) if answer is not None else None


if __name__ == "__main__":
    if len(sys.argv) > 1:
        remember(Path(sys.argv[1]))
    server.start_io()

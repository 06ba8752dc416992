"""One key in a runbook of a megabyte: inside the process, and over stdio."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

from lsprotocol import types
from pygls.workspace import PositionCodec, Workspace

from benchmarks.bench_markdown import runbook_text
from benchmarks.client import Client, at, open_document
from benchmarks.estate import environment
from benchmarks.figures import Budget, Row, show
from benchmarks.subjects import OURS, bare
from cloudops_ls.lsp.actions import code_actions, code_lenses
from cloudops_ls.lsp.documents import RunbookDocument, RunbookWorkspace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console

    from benchmarks.options import Options

URI = "file:///large.cloudops.md"
ROUNDS = 20
ROUNDS_OVER_STDIO = 12
WARM_UPS = 2
BUDGET = Budget(most=10)
WHERE = {"start": 0.01, "middle": 0.5, "end": 0.97}
SCENES = {
    "paragraph": ("before the migration", " pay🚀ments"),
    "fence": ("aws rds", " --no-x"),
    "list": ("- second item", " of two"),
    "new paragraph": ("healthy* and", "\n\n"),
    "opening a fence": ("up    |\n\n", "```\n"),
}


class Key(NamedTuple):
    """One key, and where the cursor is after it, in lines and UTF-16 units."""

    change: types.TextDocumentContentChangePartial
    line: int
    character: int


def large_text() -> str:
    # Emoji in every section: positions are in UTF-16 units, and ASCII alone would be easy.
    return runbook_text().replace("before the migration", "🚧 before the migration")


def keys(text: str, mark: str, where: float, typed: str) -> Iterator[Key]:
    """Type after ``mark`` and take it back, key by key, as an editor would say it."""
    offset = text.index(mark, int(len(text) * where)) + len(mark)
    line = text.count("\n", 0, offset)
    character = _units(text[text.rfind("\n", 0, offset) + 1 : offset])
    places = [(line, character)]
    for key in typed:
        place = (line, character)
        line, character = (line + 1, 0) if key == "\n" else (line, character + _units(key))
        places.append((line, character))
        yield Key(_change(place, place, key), line, character)
    for before, after in zip(places[-2::-1], places[:0:-1], strict=True):
        yield Key(_change(before, after, ""), *before)


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def _change(
    start: tuple[int, int], end: tuple[int, int], text: str
) -> types.TextDocumentContentChangePartial:
    return types.TextDocumentContentChangePartial(
        types.Range(types.Position(*start), types.Position(*end)), text
    )


def run(console: Console, options: Options) -> None:
    text = large_text()
    _in_process(console, options, text)
    _over_stdio(console, options, text)


def _in_process(console: Console, options: Options, text: str) -> None:
    rows: list[Row] = []
    all_stock: list[float] = []
    ascii_only = runbook_text()
    scenes = [
        (f"{scene}, {place}", text, list(keys(text, *_at(scene, where))))
        for scene in SCENES
        for place, where in WHERE.items()
    ]
    scenes += [
        (
            f"paragraph, {place}, all ASCII",
            ascii_only,
            list(keys(ascii_only, "before the migration", where, " payments")),
        )
        for place, where in WHERE.items()
    ]
    for what, content, typing in scenes:
        times, stock = _typed(content, typing, options)
        rows.append(Row(what, times, stock, BUDGET))
        all_stock += stock
    rows.append(Row("the baseline: pygls' own document, text alone, all of them", all_stock))
    typing = list(keys(text, *_at("paragraph", WHERE["middle"])))
    for what, work in {
        "code actions": lambda document, here: code_actions(document, types.Range(here, here)),
        "code lenses, off the event loop": lambda document, _here: asyncio.run(
            code_lenses(document)
        ),
    }.items():
        rows.append(Row(f"{what} of the file, after a key", _after_key(text, typing, work)))
    show(console, f"One key in {len(text) / 1e6:.1f} million characters: text, parse, turn", rows)


def _typed(text: str, typing: list[Key], options: Options) -> tuple[list[float], list[float]]:
    """Type into our document and into pygls' own; return the milliseconds of each key."""
    document, workspace = _opened(text)
    _ = document.runbook
    stock = Workspace(None, types.TextDocumentSyncKind.Incremental)
    stock.put_text_document(types.TextDocumentItem(URI, "markdown", 1, text))
    times: list[float] = []
    stock_times: list[float] = []
    for number in range(-WARM_UPS, options.samples(ROUNDS)):
        for key in typing:
            mine = _press(workspace, document, key) * 1000
            theirs = _press_in_stock(stock, key) * 1000
            if number >= 0:
                times.append(mine)
                stock_times.append(theirs)
    if document.source != text:
        raise RuntimeError("typing and taking back changed the text")
    return times, stock_times


def _press_in_stock(workspace: Workspace, key: Key) -> float:
    start = perf_counter()
    workspace.update_text_document(types.VersionedTextDocumentIdentifier(2, URI), key.change)
    return perf_counter() - start


def _after_key(
    text: str, typing: list[Key], work: Callable[[RunbookDocument, types.Position], object]
) -> list[float]:
    """What an editor asks for when typing pauses, the key itself not counted."""
    document, workspace = _opened(text)
    times: list[float] = []
    for key in typing:
        _press(workspace, document, key)
        start = perf_counter()
        work(document, types.Position(key.line, key.character))
        times.append((perf_counter() - start) * 1000)
    return times


def _opened(text: str) -> tuple[RunbookDocument, RunbookWorkspace]:
    workspace = RunbookWorkspace(
        None, types.TextDocumentSyncKind.Incremental, None, PositionCodec().encoding
    )
    workspace.put_text_document(types.TextDocumentItem(URI, "markdown", 1, text))
    document = workspace.open_runbook(URI)
    assert document is not None
    return document, workspace


def _press(workspace: RunbookWorkspace, document: RunbookDocument, key: Key) -> float:
    """Do what ``didChange`` does, and what the next completion needs; return the seconds."""
    start = perf_counter()
    workspace.update_text_document(types.VersionedTextDocumentIdentifier(2, URI), key.change)
    offset = document.offset(types.Position(key.line, key.character))
    runbook = document.runbook
    runbook.user_turn_at(offset)
    runbook.in_output(offset)
    runbook.in_code(offset)
    return perf_counter() - start


def _over_stdio(console: Console, options: Options, text: str) -> None:
    scenes = {
        f"{scene}, {place}": list(keys(text, *_at(scene, where)))
        for scene in ("paragraph", "fence")
        for place, where in WHERE.items()
    }
    with (
        environment(options.resources) as variables,
        TemporaryDirectory(prefix="cloudops-bench-") as directory,
        Client(OURS, variables) as ours,
    ):
        _open(ours, text)
        ours.wait_for_log("name index loaded")
        # The answers are recorded in a first pass over the keys, for the echo to repeat.
        answers: dict[str, Any] = {}
        for typing in scenes.values():
            for key in typing:
                answers[f"{key.line}:{key.character}"], _ = _type(ours, key)
        file = Path(directory) / "recorded.json"
        file.write_text(json.dumps({"completion": answers, "hover": {}}))
        with Client(bare(file), variables) as echo:
            _open(echo, text)
            rows = []
            all_echo: list[float] = []
            for what, typing in scenes.items():
                mine: list[float] = []
                echoed: list[float] = []
                for number in range(-1, options.samples(ROUNDS_OVER_STDIO)):
                    for key in typing:
                        pair = [(ours, mine), (echo, echoed)]
                        for client, samples in pair if number % 2 else reversed(pair):
                            _, seconds = _type(client, key)
                            if number >= 0:
                                samples.append(seconds * 1000)
                rows.append(Row(what, mine, echoed))
                all_echo += echoed
            rows.append(Row("the echo server, all of them", all_echo))
    show(console, "The same over stdio: `didChange`, then a completion's answer", rows)


def _at(scene: str, where: float) -> tuple[str, float, str]:
    mark, typed = SCENES[scene]
    return mark, where, typed


def _open(client: Client, text: str) -> None:
    client.initialize()
    client.notify("initialized", {})
    open_document(client, URI, text)


def _type(client: Client, key: Key) -> tuple[Any, float]:
    where, after = key.change.range.start, key.change.range.end
    change = {
        "textDocument": {"uri": URI, "version": 2},
        "contentChanges": [
            {
                "range": {
                    "start": {"line": where.line, "character": where.character},
                    "end": {"line": after.line, "character": after.character},
                },
                "text": key.change.text,
            }
        ],
    }
    return client.change_and_request(
        change, "textDocument/completion", at(URI, key.line, key.character)
    )

"""``cloudops-ls preview``: exactly what asking about a paragraph would send."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pygls import uris
from rich.console import Console

from cloudops_ls.composition import language_server_dependencies
from cloudops_ls.errors import CloudOpsError
from cloudops_ls.home import Home
from cloudops_ls.lsp.backend import Backend
from cloudops_ls.lsp.documents import RunbookDocument, RunbookWorkspace
from cloudops_ls.lsp.previewing import preview
from cloudops_ls.lsp.question import Asked
from cloudops_ls.lsp.thread import thread_of
from cloudops_ls.storage.records import new_id

if TYPE_CHECKING:
    from cloudops_ls.runbook.model import UserTurn


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("preview")(preview_request)


def preview_request(
    place: Annotated[
        str, typer.Argument(metavar="FILE[:LINE]", help="A runbook; its last paragraph, or one.")
    ],
    body: Annotated[
        bool, typer.Option("--body", help="Only the body, byte for byte as it is sent.")
    ] = False,
) -> None:
    """Print what asking would send, as JSON.

    Nothing is sent. The settings are those of config.toml: what an editor sets is not known here.
    Each request has an id of its own.
    """
    path, line = _place(place)
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise CloudOpsError(
            f"The runbook cannot be read: {getattr(error, 'strerror', None) or 'it is not UTF-8'}",
            where=str(path),
        ) from None
    shown = asyncio.run(_preview(path.resolve(), text, line))
    if body:
        sys.stdout.buffer.write(shown["body"].encode())
        return
    typer.echo(shown["text"], nl=False)


def _place(given: str) -> tuple[Path, int | None]:
    name, _, number = given.rpartition(":")
    if name and number.isascii() and number.isdigit() and not Path(given).exists():
        return Path(name), int(number)
    return Path(given), None


async def _preview(path: Path, text: str, line: int | None) -> dict[str, Any]:
    told = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
    backend = Backend(language_server_dependencies(Home.locate()), told.print)
    try:
        await backend.recall()
        await backend.estate.reload()
        uri = uris.from_fs_path(str(path)) or ""
        document = RunbookDocument(uri, text, None, "markdown", RunbookWorkspace(None))
        turn = _turn(document, line)
        if turn is None:
            raise CloudOpsError(
                "There is no paragraph there",
                where=str(path) if line is None else f"{path}:{line}",
                fix="Name a line of a paragraph, list or table, from 1",
            )
        thread = await thread_of(backend, document)
        asked = Asked.of(document, turn, thread.digests)
        return await preview(backend, document, asked, thread, new_id())
    finally:
        await backend.release()


def _turn(document: RunbookDocument, line: int | None) -> UserTurn | None:
    runbook = document.runbook
    if line is None:
        return runbook.user_turns[-1] if runbook.user_turns else None
    if not 1 <= line <= runbook.lines.line_count:
        return None
    return runbook.user_turn_at(runbook.lines.line_start(line - 1))

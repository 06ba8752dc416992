"""``cloudops-ls history``: what was asked and answered in runbooks."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from pathlib import Path  # noqa: TC003 - typer reads the annotation
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Column, Table

from cloudops_ls.assistant.transcript import TranscriptFormat, transcript
from cloudops_ls.cli.store import open_store
from cloudops_ls.cli.tables import print_tables
from cloudops_ls.cli.worker_call import ask_worker
from cloudops_ls.errors import CloudOpsError
from cloudops_ls.home import Home
from cloudops_ls.storage.records import Conversation
from cloudops_ls.worker import wire

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cloudops_ls.storage.service import StorageService

history = typer.Typer(help="What was asked and answered in runbooks.", rich_markup_mode=None)

ConversationId = Annotated[str, typer.Argument(metavar="ID", help="As `history list` shows it.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object per line.")]


def register(app: typer.Typer) -> None:
    """Add the command group to ``app``."""
    app.add_typer(history, name="history")


@history.command("list")
def list_conversations(
    limit: Annotated[int, typer.Option(help="At most so many, last used first.")] = 20,
    label: Annotated[str | None, typer.Option(help="Only those with this label.")] = None,
    as_json: AsJson = False,
) -> None:
    """List conversations, the most recently used first."""
    with open_store(Home.locate()) as storage:
        _print(storage.chat.conversations(limit, label=label), as_json=as_json)


@history.command("search")
def search_conversations(
    query: Annotated[str, typer.Argument(help="Words, or what it was about.")],
    limit: Annotated[int, typer.Option(help="At most so many.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Find conversations by the words and meaning of what was said.

    Exit code 1 when there is none.
    """
    hits = ask_worker(Home.locate(), wire.CHAT_SEARCH, {"query": query, "limit": limit})
    found = [Conversation.model_validate(hit) for hit in hits]
    _print(found, as_json=as_json)
    if not found:
        raise typer.Exit(1)


@history.command("show")
def show_conversation(conversation_id: ConversationId) -> None:
    """Print a conversation as Markdown."""
    export_conversation(conversation_id)


@history.command("export")
def export_conversation(
    conversation_id: ConversationId,
    form: Annotated[
        TranscriptFormat, typer.Option("--format", help="What to write it as.")
    ] = TranscriptFormat.MARKDOWN,
    output: Annotated[
        Path | None, typer.Option(help="A new file; standard output by default.")
    ] = None,
) -> None:
    """Write a conversation with what was run in it.

    Without the output of commands.
    """
    with _opened(conversation_id) as (storage, conversation):
        text = transcript(
            conversation,
            storage.chat.get_history(conversation_id),
            storage.executions.list(conversation_id),
            form,
        )
    if output is None:
        sys.stdout.write(text)
        return
    try:
        with output.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise CloudOpsError(
            f"The transcript cannot be written: {error.strerror}",
            where=str(output),
            fix="Name a new file in a directory that you can write to",
        ) from error


@history.command("rename")
def rename_conversation(
    conversation_id: ConversationId, title: Annotated[str, typer.Argument(help="The new one.")]
) -> None:
    """Give a conversation another title."""
    with _opened(conversation_id) as (storage, _):
        storage.chat.update_context(conversation_id, {}, title=title)


@history.command("label")
def label_conversation(
    conversation_id: ConversationId,
    labels: Annotated[list[str], typer.Argument(help="Labels to add.")],
    remove: Annotated[bool, typer.Option("--remove", help="Take them away instead.")] = False,
) -> None:
    """Add labels to a conversation, or take them away."""
    with _opened(conversation_id) as (storage, conversation):
        kept = set(conversation.labels)
        changed = kept - set(labels) if remove else kept | set(labels)
        storage.chat.label(conversation_id, changed)


@history.command("delete")
def delete_conversation(
    conversation_id: ConversationId,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete a conversation for good.

    What was run stays in the logs; backups that were made before hold it until they are pruned.
    """
    with _opened(conversation_id) as (storage, conversation):
        if not yes:
            if not sys.stdin.isatty():
                raise CloudOpsError("Nobody can be asked here", fix="Add --yes to delete it")
            typer.confirm(f"Delete '{conversation.title or conversation_id}' for good?", abort=True)
        storage.chat.delete(conversation_id)


@contextmanager
def _opened(conversation_id: str) -> Iterator[tuple[StorageService, Conversation]]:
    with open_store(Home.locate()) as storage:
        found = storage.chat.get_conversation(conversation_id)
        if found is None:
            raise CloudOpsError(
                "There is no such conversation",
                where=conversation_id,
                fix="See cloudops-ls history list",
            )
        yield storage, found


def _print(conversations: list[Conversation], *, as_json: bool) -> None:
    if as_json:
        for one in conversations:
            typer.echo(json.dumps(one.model_dump(mode="json")))
        return
    table = Table(
        Column("id", no_wrap=True), "last used", "title", "labels", Column("file", overflow="fold")
    )
    for one in conversations:
        table.add_row(
            one.id,
            f"{one.updated_at:%Y-%m-%d %H:%M}",
            escape(one.title),
            escape(", ".join(one.labels)),
            escape(one.file or ""),
        )
    print_tables(table)

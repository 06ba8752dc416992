"""``textDocument/publishDiagnostics`` while commands are typed, and the quick fixes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from lsprotocol import types

from tests.e2e.conftest import both_editors

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.e2e.editor import Buffer, Editor

HEAD = "# Friday\n\n```aws\n"
FOOT = "\n```\n\nDone.\n"


def told(editor: Editor, buffer: Buffer) -> list[tuple[str, str]]:
    """Return code and underlined text of what is published for a buffer."""
    return [
        (
            str(each.code),
            buffer.text[buffer.offset(each.range.start) : buffer.offset(each.range.end)],
        )
        for each in editor.underlined(buffer.uri)
    ]


async def until_told(editor: Editor, buffer: Buffer, expected: list[tuple[str, str]]) -> None:
    def arrived() -> bool:
        try:
            return told(editor, buffer) == expected
        except AssertionError:
            # Published for another version of the text.
            return False

    await editor.until(arrived, f"{expected} were published", 30)


async def quick_fix(editor: Editor, buffer: Buffer, needle: str) -> types.CodeAction:
    position = buffer.at(needle)
    found = await editor.text_document_code_action_async(
        types.CodeActionParams(
            types.TextDocumentIdentifier(buffer.uri),
            types.Range(position, position),
            types.CodeActionContext([]),
        )
    )
    return next(
        each
        for each in found or []
        if isinstance(each, types.CodeAction) and each.title.startswith("Replace")
    )


@both_editors
async def test_a_misspelt_command_is_underlined_and_mended_by_its_quick_fix(
    editor: Editor,
) -> None:
    buffer = editor.open(
        f"{HEAD}aws rds stop-db-instnce \\\n  --db-instance-identifier pg-instance-main1{FOOT}"
    )
    await until_told(editor, buffer, [("unknown-operation", "stop-db-instnce")])
    fix = await quick_fix(editor, buffer, "instnce")
    assert fix.title == "Replace by stop-db-instance"
    assert fix.edit is not None
    (change,) = fix.edit.document_changes or []
    assert isinstance(change, types.TextDocumentEdit)
    assert change.text_document.version == buffer.version
    editor._apply(buffer, list(change.edits))
    assert "aws rds stop-db-instance \\\n" in buffer.text
    await until_told(editor, buffer, [])
    # Pushed or pulled, never both: a client would show everything twice.
    assert (buffer.uri in editor.diagnostics) != editor.pulls
    provider = editor.initialized_with.capabilities.diagnostic_provider
    assert (provider is not None) == editor.pulls


async def test_what_was_pulled_is_not_sent_again(editor: Editor) -> None:
    buffer = editor.open(f"{HEAD}aws rds stop-db-instance{FOOT}")
    await until_told(editor, buffer, [("missing-parameter", "aws rds stop-db-instance")])
    where = types.TextDocumentIdentifier(buffer.uri)
    first = await editor.text_document_diagnostic_async(types.DocumentDiagnosticParams(where))
    assert isinstance(first, types.RelatedFullDocumentDiagnosticReport)
    again = await editor.text_document_diagnostic_async(
        types.DocumentDiagnosticParams(where, previous_result_id=first.result_id)
    )
    assert isinstance(again, types.RelatedUnchangedDocumentDiagnosticReport)
    # Of several requests at once, as fast typing makes them, each is answered, and truly.
    both = await asyncio.gather(
        *(
            editor.text_document_diagnostic_async(types.DocumentDiagnosticParams(where))
            for _ in range(2)
        )
    )
    assert [each.result_id for each in both] == [first.result_id] * 2
    other = types.TextDocumentIdentifier("file:///notes.md")
    nothing = await editor.text_document_diagnostic_async(types.DocumentDiagnosticParams(other))
    assert isinstance(nothing, types.RelatedFullDocumentDiagnosticReport) and not nothing.items


async def test_typing_on_checks_what_is_there_at_the_end(editor: Editor) -> None:
    command = "aws rds stop-db-instance --db-instance-identifier pg-instance-main"
    buffer = editor.open(f"Some 😀 text.\n\n{HEAD}$ aws s3 ls | head\n{command}{FOOT}")
    await until_told(editor, buffer, [("shell", "|"), ("not-in-estate", "pg-instance-main")])
    end = buffer.text.index(command) + len(command)
    editor.type(buffer, end, "1")
    await until_told(editor, buffer, [("shell", "|")])
    # Edits elsewhere move what is underlined.
    editor.type(buffer, 0, "Another paragraph.\n\n")
    await until_told(editor, buffer, [("shell", "|")])
    editor.type(buffer, buffer.text.index("| head"), "", delete=len("| head"))
    await until_told(editor, buffer, [])
    editor.close(buffer)


async def test_where_a_command_runs_decides_what_is_wrong_with_it(editor: Editor) -> None:
    command = "aws rds stop-db-instance --db-instance-identifier pg-instance-main1"
    buffer = editor.open(f"---\nregion: eu-west-1\n---\n\n{HEAD}{command}{FOOT}")
    await until_told(editor, buffer, [("elsewhere", "pg-instance-main1")])
    editor.type(buffer, buffer.text.index("eu-west-1"), "us-west-2", delete=len("eu-west-1"))
    await until_told(editor, buffer, [])


async def test_a_closed_file_has_nothing_underlined(editor: Editor) -> None:
    buffer = editor.open(f"{HEAD}aws rds stop-db-instance{FOOT}")
    await until_told(editor, buffer, [("missing-parameter", "aws rds stop-db-instance")])
    editor.close(buffer)
    await editor.until(lambda: not editor.underlined(buffer.uri), "the diagnostics were taken back")


async def test_without_a_worker_nothing_is_said_while_typing(
    environment: dict[str, str], open_editor: Callable[..., Any]
) -> None:
    # No passphrase: the worker cannot open the store.
    environment = {**environment, "CLOUDOPS_PASSPHRASE": "wrong"}
    editor = await open_editor(environment)
    await editor.until(lambda: bool(editor.messages), "the wrong passphrase was reported")
    before = len(editor.messages)
    buffer = editor.open(f"{HEAD}aws rds stop-db-instnce{FOOT}")
    await editor.until(lambda: "diagnostics: " in editor.logged(), "the check failed", 60)
    editor.type(buffer, len(HEAD), " ")
    await asyncio.sleep(1)
    assert len(editor.messages) == before
    assert not editor.underlined(buffer.uri)


async def test_the_words_of_a_command_complete(editor: Editor) -> None:
    buffer = editor.open(f"{HEAD}aws rds stop-db-ins{FOOT}")
    await until_told(editor, buffer, [("unknown-operation", "stop-db-ins")])

    async def labels(needle: str) -> list[str]:
        found = await editor.complete(buffer, buffer.after(needle))
        return [item.label for item in found.items]

    assert "stop-db-instance" in await labels("stop-db-ins")
    editor.type(buffer, buffer.text.index("stop-db-ins") + len("stop-db-ins"), "tance --db-i")
    assert await labels("--db-i") == ["--db-instance-identifier"]
    text = "nstance-identifier pg-in"
    editor.type(buffer, buffer.text.index("--db-i") + len("--db-i"), text)
    # Behind the parameter stand names of the estate.
    assert "pg-instance-main1" in await labels("pg-in")

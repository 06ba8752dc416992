"""One search behind completion, workspace symbols, the search command and the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

from lsprotocol import types

if TYPE_CHECKING:
    from tests.e2e.editor import Editor


async def labels(editor: Editor, text: str, name: str = "search") -> list[str]:
    """What is offered at the end of a text."""
    buffer = editor.open(text, name)
    found = await editor.complete(buffer, buffer.position(len(text)))
    for item in found.items:
        typed = text[buffer.offset(item.text_edit.range.start) :]
        assert item.filter_text.startswith(typed), (typed, item.filter_text)
        assert item.text_edit.range.end == buffer.position(len(text))
    assert [item.sort_text for item in found.items] == sorted(i.sort_text for i in found.items)
    editor.close(buffer)
    return [item.label for item in found.items]


async def test_completion_takes_filters_after_an_at(editor: Editor) -> None:
    assert await labels(editor, "Stop @type:rds main1") == ["pg-instance-main1"]
    assert await labels(editor, "Stop @type:rds @") != []
    assert await labels(editor, "Stop @type:lambda main1") == []
    stopped = await labels(editor, "Start @state:stopped type:ec2 ")
    assert stopped
    everywhere = await labels(editor, "Look at @type:instance web")
    ireland = await labels(editor, "Look at @region:ireland type:instance web")
    assert 0 < len(ireland) < len(everywhere)
    assert await labels(editor, "@tag:env=production tag:app=main region:oregon pg") == [
        "pg-instance-main1"
    ]
    # Without the @ it is prose, and a word that is no filter ends a query.
    assert await labels(editor, "Stop type:rds ma") == await labels(editor, "Stop ma")
    assert await labels(editor, "mail me@type:rds m") == []
    assert await labels(editor, "@type:rds main1 and the") == []

    # Accepted, the name stands in for the whole query.
    text = "Stop @type:rds pg-instnace-ma"
    buffer = editor.open(text, "accepted")
    (item,) = (await editor.complete(buffer, buffer.position(len(text)))).items
    edit = item.text_edit
    assert isinstance(edit, types.TextEdit)
    assert buffer.text[: buffer.offset(edit.range.start)] + edit.new_text == (
        "Stop pg-instance-main1"
    )
    assert not editor.messages, editor.said()


async def test_completion_offers_filters_and_their_values(editor: Editor) -> None:
    assert {"type:", "region:", "state:", "account:", "tag:"} <= set(await labels(editor, "a @"))
    assert (await labels(editor, "@re"))[-1] == "region:"
    assert (await labels(editor, "@type:rd"))[0] == "type:rds_instance"
    assert (await labels(editor, "@type:rds -state:st"))[0] == "-state:stopped"
    assert set(await labels(editor, "@tag:ap")) == {"tag:app"}
    assert "tag:env=production" in await labels(editor, "@tag:env=")
    assert (await labels(editor, "@region:us-west-2,eu"))[0] == "region:us-west-2,eu-west-1"
    # In a command too.
    found = await labels(
        editor, "```aws\naws rds stop-db-instance --db-instance-identifier @type:rds ma"
    )
    assert found == ["pg-instance-main1"]


async def test_what_the_file_just_mentioned_comes_first(editor: Editor) -> None:
    first = await labels(editor, "web-")
    unlike_first = next(label for label in first if label != first[0])
    again = await labels(editor, f"Look at {unlike_first}. Then restart web-")
    assert again[0] == unlike_first


async def test_workspace_symbols_are_the_resources(editor: Editor) -> None:
    buffer = editor.open("# A\n\nStop pg-instance-main1 now.\n")

    async def symbols(query: str) -> list[types.WorkspaceSymbol]:
        found = await editor.workspace_symbol_async(types.WorkspaceSymbolParams(query))
        return list(found or [])

    (database,) = await symbols("main1")
    assert database.name == "pg-instance-main1"
    assert "acme-production" in database.container_name
    # It has no file, but the open runbook mentions it.
    assert isinstance(database.location, types.Location)
    start = buffer.offset(database.location.range.start)
    assert buffer.text[start:].startswith("pg-instance-main1 now")
    stopped = await symbols("type:ec2 state:stopped")
    assert stopped
    assert all("stopped" in one.container_name for one in stopped)
    assert stopped[0].location.uri.startswith("cloudops-resource:/arn%3Aaws")
    assert [one.name for one in await symbols("main1 instance")] == ["pg-instance-main1"]
    assert [one.name for one in await symbols("pg-instnace-mian1")] == ["pg-instance-main1"]
    assert 0 < len(await symbols("")) <= 100
    assert await symbols("state:nonsense") == []
    assert not editor.messages, editor.said()


async def test_the_search_command_adds_meaning_to_the_same_names(
    editor: Editor, environment: dict[str, str]
) -> None:
    buffer = editor.open("---\nregion: eu-west-1\n---\n\nLook.\n")

    async def names(query: str, **more: object) -> list[tuple[str, str]]:
        found = await editor.execute("cloudops.searchResources", {"query": query, **more})
        return [(hit["resource"]["name"], hit["how"]) for hit in found]

    assert await names("main1") == [("pg-instance-main1", "substring")]
    assert await names("pg-instnace-main1", limit=1) == [("pg-instance-main1", "fuzzy")]
    assert ("pg-instance-main1", "filters") in await names("type:rds state:available")
    described = await names("postgres database type:rds tag:env=production")
    assert ("pg-instance-main1", "keywords") in described
    assert {how for _, how in described} == {"keywords"}
    found = await editor.execute(
        "cloudops.searchResources", {"query": "type:instance web-1", "uri": buffer.uri}
    )
    assert found[0]["resource"]["region"] == "eu-west-1"
    # Filters as objects, as before.
    assert await names("web", filters={"types": ["rds_instance"]}) == []

    def command(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "cloudops_ls", "search", *arguments],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
        )

    ended = command("type:rds", "tag:env=production", "main1", "--json")
    assert [hit["resource"]["name"] for hit in json.loads(ended.stdout)] == ["pg-instance-main1"]
    ended = command("type:rds state:stoped")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.splitlines() == [
        "Nothing in the estate fulfils state:stoped",
        "Nothing is found. What was scanned, and when, says: cloudops-ls status",
    ]

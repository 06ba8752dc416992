"""Completion, hover, code actions and lenses, as VS Code (UTF-16) and Neovim (UTF-8) ask."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from lsprotocol import types

from cloudops_ls.storage.keys import KeyRing
from cloudops_ls.storage.service import StorageService
from tests.e2e.conftest import both_editors
from tests.storage.samples import resource

if TYPE_CHECKING:
    from collections.abc import Callable

    from cloudops_ls.home import Home
    from tests.e2e.editor import Buffer, Editor

EXECUTION = "01JD3W0000000000000000000A"

RUNBOOK = f"""# Größe 🚧 der Wartung

🚧🚧 cafe\u0301 — Stop pg-instance-ma

A line\u2028that LSP\u0085does not\x0csplit. Restart web-

- then check web-1, or acme-prod-asset
- and @api

One letter: w

Nothing else is meant by an unknown-thing here.

```aws
aws ec2 start-instances --instance-ids web-
aws rds describe-db-instances --db-instance-identifier pg-instance-main1
```

```json output={EXECUTION} status=success
{{ "DBInstanceIdentifier": "pg-instance-ma" }}
```

```sh
$ aws rds describe-db-instances | head
$ ls -la
```

The end is web-1.
"""


def labels(found: types.CompletionList) -> list[str]:
    return [item.label for item in found.items]


def text_after(buffer: Buffer, item: types.CompletionItem) -> str:
    """The line with the completion accepted."""
    edit = item.text_edit
    assert isinstance(edit, types.TextEdit)
    start, end = buffer.offset(edit.range.start), buffer.offset(edit.range.end)
    text = buffer.text[:start] + edit.new_text + buffer.text[end:]
    return text[text.rfind("\n", 0, start) + 1 :].partition("\n")[0]


def fits(buffer: Buffer, item: types.CompletionItem, position: types.Position) -> bool:
    """Whether an editor that filters by itself keeps the item for what was typed."""
    typed = buffer.text[buffer.offset(item.text_edit.range.start) : buffer.offset(position)]
    return (item.filter_text or item.label).startswith(typed)


@both_editors
async def test_completion(editor: Editor) -> None:
    for name, newline in (("unix", "\n"), ("windows", "\r\n")):
        await complete_everywhere(editor, editor.open(RUNBOOK.replace("\n", newline), name))
    assert editor.stderr == b""
    assert not editor.messages, editor.said()


async def complete_everywhere(editor: Editor, buffer: Buffer) -> None:

    async def at(needle: str) -> tuple[types.CompletionList, types.Position]:
        position = buffer.after(needle)
        found = await editor.complete(buffer, position)
        assert found.is_incomplete
        assert len(found.items) <= 100
        assert all(fits(buffer, item, position) for item in found.items)
        sorted_as = [item.sort_text for item in found.items]
        assert sorted_as == sorted(sorted_as)
        return found, position

    # A name that is unique is inserted as it is, behind emoji and combining characters too.
    found, _ = await at("Stop pg-instance-ma")
    assert labels(found) == ["pg-instance-main1"]
    assert found.items[0].label_details.description == "rds_instance · us-west-2"
    assert text_after(buffer, found.items[0]).rstrip("\r") == (
        "🚧🚧 cafe\u0301 — Stop pg-instance-main1"
    )

    # One that is not, as a link to exactly one of them, those of this account and region first.
    found, _ = await at("Restart web-")
    links = [item.text_edit.new_text for item in found.items if item.label == "web-1"]
    assert len([link for link in links if ":instance/" in link]) == 4
    assert len(set(links)) == len(links)
    told = {item.label_details.description for item in found.items if item.label == "web-1"}
    assert "ec2_instance · acme-staging · us-west-2" in told
    line = text_after(buffer, found.items[0]).rstrip("\r")
    prefix = "A line\u2028that LSP\u0085does not\x0csplit. Restart ["
    assert line.startswith(f"{prefix}web-1](arn:aws:ec2:us-west-2:123456789012:instance/i-")

    # '@' asks on purpose, alone or before letters, and does not stay.
    found, _ = await at("and @api")
    assert "api-1" in labels(found)
    assert "@" not in text_after(buffer, found.items[0])
    found, _ = await at("and @")
    assert len(found.items) > 20

    # In a command it is the identifier, because the API takes no Name tags.
    found, _ = await at("--instance-ids web-")
    inserted = [item.text_edit.new_text for item in found.items if item.label == "web-1"]
    assert all(text.startswith(("i-", "vol-")) for text in inserted)

    for nowhere in ("One letter: w", '"pg-instance-ma', "unknown-thing"):
        assert (await editor.complete(buffer, buffer.after(nowhere))).items == (), nowhere


@both_editors
async def test_a_completion_is_resolved_to_its_card(editor: Editor) -> None:
    buffer = editor.open("Restart web-1\n")
    found = await editor.complete(buffer, buffer.after("web-1"))
    item = next(item for item in found.items if item.label == "web-1")
    assert item.documentation is None
    resolved = await editor.completion_item_resolve_async(item)
    assert "i-" in resolved.documentation.value
    assert resolved.text_edit == item.text_edit
    # An item of another server, or of an estate that is gone, comes back as it is.
    for data in (None, 7, {"arn": "arn:aws:ec2:us-west-2:1:instance/i-gone"}, {"arn": 5}):
        other = types.CompletionItem(label="other", data=data)
        assert (await editor.completion_item_resolve_async(other)).documentation is None


async def test_a_long_list_is_cut_and_narrows_with_typing(
    environment: dict[str, str], home: Home, open_editor: Callable[..., Any]
) -> None:
    with StorageService.open(home, keys=KeyRing(home, environ=environment)) as store:
        store.estate.bulk_upsert([resource(f"fleet-{number:04d}") for number in range(250)])
    editor = await open_editor(environment)
    await editor.until(lambda: "name index loaded" in editor.logged(), "the names were loaded")
    buffer = editor.open("Restart flee\n")
    found = await editor.complete(buffer, buffer.after("flee"))
    assert found.is_incomplete
    assert len(found.items) == 100
    editor.type(buffer, len("Restart flee"), "t-0249")
    assert labels(await editor.complete(buffer, buffer.after("0249"))) == ["fleet-0249"]


@both_editors
async def test_hover(editor: Editor) -> None:
    buffer = editor.open(RUNBOOK)
    several = await editor.hover(buffer, buffer.at("web-1,"))
    assert "resources have this name" in several
    assert "acme-production" in several and "acme-staging" in several and "eu-west-1" in several

    card = await editor.hover(buffer, buffer.at("pg-instance-main1"))
    assert "postgres" in card and "14.7" in card
    for nothing in ("# Gr", "Nothing else", "unknown-thing", "```aws", "One letter"):
        assert await editor.hover(buffer, buffer.at(nothing)) is None, nothing

    # A link is exact even where its name is not, and shows where it begins and ends.
    found = await editor.complete(buffer, buffer.after("Restart web-"))
    link = found.items[0].text_edit.new_text
    editor.type(buffer, buffer.text.index("The end is web-1"), f"🚧 {link} ")
    for place in ("🚧 [", "instance/i-"):
        card = await editor.hover(buffer, buffer.after(place))
        assert "resources have" not in card
        assert "us-west-2" in card
    whole = await editor.text_document_hover_async(
        types.HoverParams(types.TextDocumentIdentifier(buffer.uri), buffer.after("🚧 ["))
    )
    start, end = buffer.offset(whole.range.start), buffer.offset(whole.range.end)
    assert buffer.text[start:end] == link

    # Positions beyond the text are the editor's mistake, and harmless.
    assert await editor.hover(buffer, types.Position(9_999, 0)) is None
    await editor.hover(buffer, types.Position(2, 9_999))
    assert not editor.messages, editor.said()


@both_editors
async def test_actions_and_lenses(editor: Editor) -> None:
    buffer = editor.open(RUNBOOK)
    assert set(await editor.actions(buffer, buffer.at("Stop pg"))) == {"Ask CloudOps"}
    assert set(await editor.actions(buffer, buffer.at("- then"))) == {"Ask CloudOps"}
    assert not await editor.actions(buffer, buffer.at("# Gr"))
    # An output is no command, but belongs to the question above it.
    assert set(await editor.actions(buffer, buffer.at('{ "DBInst'))) == {"Ask CloudOps"}

    actions = await editor.actions(buffer, buffer.at("rds describe"))
    copy = actions.pop("Copy command")
    del actions["Ask CloudOps"]
    # Two commands in one fence are a plan as well.
    for title in ("Run all 2 steps, one by one", "Review all 2 steps and approve them once"):
        assert actions.pop(title).command == "cloudops.runPlan"
    ((title, run),) = actions.items()
    assert title.startswith("Run: aws rds describe-db-instances --db-instance-identifier")
    assert run.command == "cloudops.executeCommand"
    text = "aws rds describe-db-instances --db-instance-identifier pg-instance-main1"
    assert await editor.execute(copy.command, *copy.arguments) == {"text": text}
    assert editor.said() == text

    found = await editor.lenses(buffer)
    lenses = [lens for lens in found if lens.command.command == "cloudops.executeCommand"]
    (plan,) = (lens for lens in found if lens not in lenses)
    assert plan.command.title == "▶▶ Run all 2 steps"
    titles = {
        buffer.text[buffer.offset(lens.range.start) :].partition("\n")[0]: lens.command.title
        for lens in lenses
    }
    (failing,) = (title for line, title in titles.items() if "web-" in line)
    (reading,) = (title for line, title in titles.items() if "main1" in line)
    (piped,) = (title for line, title in titles.items() if "head" in line)
    assert len(titles) == 3, "ls is no command of ours"
    assert failing.startswith("▶ Run · write")
    assert reading.startswith("▶ Run · read · low risk")
    assert piped.startswith("✖ Cannot run: ")

    # The command that a lens offers runs from where it was shown.
    (lens,) = (one for one in lenses if one.command.title == reading)
    editor.answers.append(None)
    assert await editor.execute(lens.command.command, *lens.command.arguments) == {
        "status": "refused"
    }
    assert text in editor.questions[0].message


NOT_RUNBOOKS = (
    "file:///runbooks/README.md",
    "file:///runbooks/cloudops.md",
    "untitled:Untitled-1",
    "git:/runbooks/friday.md?ref=HEAD",
    "",
)
RUNBOOKS = (
    "untitled:friday.cloudops.md",
    "file:///c%3A/My%20Runbooks/fri%20day%20%F0%9F%9A%A7.cloudops.md",
    "file:///runbooks/100%25.cloudops.md",
    "vscode-vfs://github/acme/runbooks/friday.cloudops.md",
)


async def test_only_runbooks_get_anything(editor: Editor) -> None:
    text = "Stop pg-instance-ma\n\n```aws\naws rds describe-db-instances\n```\n"
    position = types.Position(0, 19)
    for uri in (*NOT_RUNBOOKS, "file:///never/opened.cloudops.md"):
        if "never" not in uri:
            buffer = editor.open(text, uri=uri)
        place = types.TextDocumentIdentifier(uri)
        assert not await editor.text_document_completion_async(
            types.CompletionParams(place, position)
        )
        assert not await editor.text_document_hover_async(types.HoverParams(place, position))
        assert not await editor.text_document_code_lens_async(types.CodeLensParams(place))
        buffer.uri = uri
        assert not await editor.actions(buffer, position)
        assert not editor.messages
        answer = await editor.execute(
            "cloudops.sendParagraph", {"uri": uri, "position": {"line": 0, "character": 0}}
        )
        assert answer["status"] == "failed"
        assert len(editor.messages) == 1, editor.said()
        assert ".cloudops.md" in editor.said()
        editor.messages.clear()


async def test_a_runbook_may_live_anywhere(editor: Editor) -> None:
    text = "Stop pg-instance-ma\n\n```aws\naws rds describe-db-instances\n```\n"
    for uri in RUNBOOKS:
        buffer = editor.open(text, uri=uri)
        found = await editor.complete(buffer, buffer.after("pg-instance-ma"))
        assert labels(found) == ["pg-instance-main1"], uri
        editor.type(buffer, len("Stop pg-instance-ma"), "in1")
        assert len(await editor.lenses(buffer)) == 1, uri
        outcome = await editor.ask(buffer, "Stop")
        assert outcome["status"] == "answered", (uri, editor.said())
        assert "> **CloudOps:** " in buffer.text
        editor.close(buffer)
        assert not await editor.text_document_hover_async(
            types.HoverParams(types.TextDocumentIdentifier(uri), types.Position(0, 6))
        )


@both_editors
async def test_a_runbook_of_a_megabyte(editor: Editor) -> None:
    section = (
        "## Step 🚧\n\nRestart the service and look at pg-instance-main1.\n\n"
        "```aws\naws rds describe-db-instances\n```\n\n"
    )
    body = section * (1_000_000 // len(section))
    buffer = editor.open(f"# Long\n\n{body}Stop pg-\n")
    for letter in "instance-ma":
        editor.type(buffer, len(buffer.text) - 1, letter)
    last = buffer.position(len(buffer.text) - 1)
    found = await editor.complete(buffer, last)
    assert labels(found) == ["pg-instance-main1"]
    assert "postgres" in await editor.hover(buffer, buffer.at("pg-instance-main1"))
    assert "Ask CloudOps" in await editor.actions(buffer, last)
    lenses = await editor.text_document_code_lens_async(
        types.CodeLensParams(types.TextDocumentIdentifier(buffer.uri))
    )
    assert len(lenses) == body.count("```aws")


async def test_rubbish_in_requests_is_refused_in_one_message(editor: Editor) -> None:
    buffer = editor.open("Stop pg-instance-main1.\n")
    wrong: list[tuple[str, list[Any]]] = [
        ("cloudops.sendParagraph", []),
        ("cloudops.sendParagraph", [{"uri": 7, "position": None}]),
        ("cloudops.executeCommand", ["text"]),
        ("cloudops.executeCommand", [{"uri": buffer.uri, "position": {"line": -1}}]),
        ("cloudops.searchResources", [{"query": ["a"]}]),
        ("cloudops.searchResources", [{"query": "web", "filters": {"colour": "blue"}}]),
        ("cloudops.resourceDetails", [{}]),
        ("cloudops.scanEstate", [{"profiles": "production"}]),
    ]
    for number, (command, arguments) in enumerate(wrong, start=1):
        answer = await editor.execute(command, *arguments)
        assert answer["status"] == "failed", command
        assert len(editor.messages) == number, (command, editor.said())
    assert "Traceback" not in editor.said()
    # As well as before.
    answers = await asyncio.gather(
        editor.execute("cloudops.resourceDetails", {"arn": "pg-instance-main1"}),
        editor.execute("cloudops.searchResources", {"query": "postgres", "limit": 3}),
        editor.execute("cloudops.syncStatus"),
    )
    assert "postgres" in answers[0]["card"]
    assert len(answers[1]) == 3
    assert answers[2]["resources"] >= 60
    assert editor.stderr == b""

"""Settings: from ``initialize``, from the editor's configuration, and changed while it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lsprotocol import types

from tests.assistant.server import Answer, CloudOpsTestServer
from tests.e2e.profiles import NEOVIM, VSCODE

if TYPE_CHECKING:
    from collections.abc import Callable

    from cloudops_ls.home import Home
    from tests.e2e.editor import Buffer, Editor

COMMAND = "```aws\naws rds describe-db-instances\n```\n"
QUESTION = "Stop pg-instance-main1.\n"


async def place_of(editor: Editor, buffer: Buffer) -> str:
    """Where the command would run now, as the question before it says; nothing is run."""
    editor.answers.append(None)
    assert await editor.run(buffer, "aws rds") == {"status": "refused"}, editor.said()
    return editor.questions[-1].message


async def test_settings_come_from_initialize_and_configuration_and_may_change(
    environment: dict[str, str], open_editor: Callable[..., Any]
) -> None:
    editor = await open_editor(
        environment,
        settings={"profile": "production"},
        options={"profile": "staging", "region": "eu-west-1"},
    )
    buffer = editor.open(COMMAND)
    # One value of each, and the configuration's where both have one.
    place = await place_of(editor, buffer)
    assert "acme-production" in place and "eu-west-1" in place

    editor.configure({"profile": "staging", "region": "us-west-2"})
    place = await place_of(editor, buffer)
    assert "acme-staging" in place and "us-west-2" in place

    # The whole section taken away again: what came with initialize is left.
    editor.configure(None)
    place = await place_of(editor, buffer)
    assert "acme-staging" in place and "eu-west-1" in place
    assert not editor.messages, editor.said()


async def test_nested_settings_are_merged_and_the_assistant_follows_them(
    environment: dict[str, str], open_editor: Callable[..., Any]
) -> None:
    with CloudOpsTestServer() as server:
        editor = await open_editor(
            environment,
            settings={"assistant": {"timeout_seconds": 30, "url": None}},
            options={"assistant": {"kind": "http", "url": server.url}},
        )
        buffer = editor.open(QUESTION)
        assert (await editor.ask(buffer, "Stop"))["status"] == "answered"
        assert len(server.requests) == 1

        server.script(Answer(hang=True))
        editor.configure({"assistant": {"timeout_seconds": 0.5}})
        before = buffer.text
        assert (await editor.ask(buffer, "Stop"))["status"] == "failed"
        assert len(editor.messages) == 1, editor.said()
        assert buffer.text == before

        asked = len(server.requests)
        editor.configure({"assistant": {"kind": "builtin"}})
        assert (await editor.ask(buffer, "Stop"))["status"] == "answered"
        assert len(server.requests) == asked


async def test_each_bad_setting_is_one_message_and_its_default_counts(
    environment: dict[str, str], open_editor: Callable[..., Any], home: Home
) -> None:
    bad = {
        "assistant": {"kind": "oracle", "timeout_seconds": 0},
        "commands": {"lines_in_file": "many"},
        "estate": {"regions": ["us-west-2", 5]},
        "regoin": "us-west-2",
    }
    editor = await open_editor(
        environment,
        settings={
            **bad,
            "profile": "production",
            "region": "us-west-2",
            # What editors keep for themselves below the same name.
            "server": {"path": "cloudops-ls"},
            "trace": {"server": "verbose"},
        },
        options={"assistant": {"kind": "oracle"}},
    )
    named = {
        "cloudops.assistant.kind",
        "cloudops.assistant.timeout_seconds",
        "cloudops.commands.lines_in_file",
        "cloudops.estate.regions",
        "cloudops.regoin",
    }
    await editor.until(lambda: len(editor.messages) >= len(named), "all were reported")
    buffer = editor.open(QUESTION)
    assert (await editor.ask(buffer, "Stop"))["status"] == "answered"
    assert len(editor.messages) == len(named), editor.said()
    for name in named:
        (message,) = (one for one in editor.messages if f"{name} " in one.message)
        assert message.type is types.MessageType.Warning

    # Told once, not with every change; a new mistake is told.
    editor.configure({**bad, "profile": "staging", "assistant": {"kind": "oracle", "url": "x"}})
    await editor.until(lambda: len(editor.messages) > len(named), "the new one was reported")
    command = editor.open(COMMAND, "other")
    assert "acme-staging" in await place_of(editor, command)
    assert len(editor.messages) == len(named) + 1, editor.said()
    assert "cloudops.assistant.url" in editor.messages[-1].message
    assert editor.stderr == b""


async def test_a_damaged_config_file_is_one_message(
    environment: dict[str, str], open_editor: Callable[..., Any], home: Home
) -> None:
    home.config.write_bytes(b"[assistant\nkind = \xff")
    editor = await open_editor(environment)
    await editor.until(lambda: "name index loaded" in editor.logged(), "it works all the same")
    buffer = editor.open(COMMAND)
    assert "acme-production" in await place_of(editor, buffer)
    assert len(editor.messages) == 1, editor.said()
    assert str(home.config) in editor.said()
    assert home.config.read_bytes() == b"[assistant\nkind = \xff"


async def test_a_client_that_pushes_its_settings_is_heard(
    environment: dict[str, str], open_editor: Callable[..., Any]
) -> None:
    capabilities = types.ClientCapabilities(
        general=NEOVIM.general,
        text_document=NEOVIM.text_document,
        window=NEOVIM.window,
        workspace=types.WorkspaceClientCapabilities(apply_edit=True),
    )
    editor = await open_editor(environment, capabilities, options={"profile": "production"})
    buffer = editor.open(COMMAND)
    assert "acme-production" in await place_of(editor, buffer)

    for nonsense in (None, [], "text", {"cloudops": None}, {"other": {"profile": "x"}}):
        editor.workspace_did_change_configuration(types.DidChangeConfigurationParams(nonsense))
    pushed = {"cloudops": {"profile": "staging", "region": "eu-west-1"}}
    editor.workspace_did_change_configuration(types.DidChangeConfigurationParams(pushed))
    place = await place_of(editor, buffer)
    assert "acme-staging" in place and "eu-west-1" in place
    assert not editor.messages, editor.said()


async def test_null_everywhere_means_the_defaults(
    environment: dict[str, str], open_editor: Callable[..., Any]
) -> None:
    nothing = {
        "profile": None,
        "region": None,
        "assistant": {"kind": None, "url": None},
        "estate": None,
    }
    editor = await open_editor(
        {**environment, "AWS_PROFILE": "staging"}, VSCODE, settings=nothing, options=nothing
    )
    buffer = editor.open(COMMAND)
    assert "acme-staging" in await place_of(editor, buffer)
    assert not editor.messages, editor.said()

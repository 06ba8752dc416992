"""As whom and where a runbook works: told to the editor, and changed by the smallest edit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudops_ls.demo.cloud import PRODUCTION, STAGING

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.e2e.editor import Editor

RUNBOOK = "---\r\nprofile: 'staging'  # until Friday\r\n---\r\n\r\nStop web-1.\r\n"


async def test_the_context_of_a_runbook_is_told_and_changed_in_its_front_matter(
    environment: dict[str, str], open_editor: Callable[..., Any]
) -> None:
    editor = await open_editor(environment)
    # Asked at once, by a status bar that is not told when the names are there.
    plain = await editor.execute("cloudops.runbookContext")
    assert plain["profile"] == PRODUCTION.profile
    assert plain["alias"] == PRODUCTION.alias
    assert plain["production"] is True
    assert plain["resources"] > 0
    assert plain["synced_at"] is not None

    asked = {"arn": "pg-instance-main1", "refresh": True}
    details = await editor.execute("cloudops.resourceDetails", asked)
    assert details["console"].startswith("https://us-west-2.console.aws.amazon.com/rds/")
    assert details["resource"]["name"] == "pg-instance-main1"

    buffer = editor.open(RUNBOOK)
    context = await editor.execute("cloudops.runbookContext", {"uri": buffer.uri})
    assert context["account_id"] == STAGING.account_id
    assert context["production"] is False
    assert context["named"] == ["profile"]

    wanted = {"uri": buffer.uri, "profile": "production", "region": "eu-west-1"}
    assert (await editor.execute("cloudops.setRunbookContext", wanted))["status"] == "set"
    assert buffer.text == RUNBOOK.replace("'staging'", "'production'").replace(
        "\r\n---\r\n\r\n", "\r\nregion: eu-west-1\r\n---\r\n\r\n"
    )
    context = await editor.execute("cloudops.runbookContext", {"uri": buffer.uri})
    assert (context["profile"], context["region"]) == ("production", "eu-west-1")
    assert context["named"] == ["profile", "region"]

    edits = len(editor.apply_labels)
    assert (await editor.execute("cloudops.setRunbookContext", wanted))["status"] == "set"
    assert len(editor.apply_labels) == edits
    refused = {"uri": buffer.uri, "region": "Oregon"}
    assert (await editor.execute("cloudops.setRunbookContext", refused))["status"] == "failed"


async def test_what_a_scan_covers_is_told_with_the_profiles_and_codes_are_forgotten(
    editor: Editor,
) -> None:
    assert (await editor.execute("cloudops.readCredentials"))["scanned"] == [
        PRODUCTION.profile,
        STAGING.profile,
    ]
    assert (await editor.execute("cloudops.signOut"))["status"] == "signed out"


async def test_nothing_is_sent_or_run_in_a_folder_that_is_not_trusted(
    environment: dict[str, str], open_editor: Callable[..., Any]
) -> None:
    editor: Editor = await open_editor(
        environment, options={"client": {"confirm": True, "trusted": False}}
    )
    await editor.until(lambda: "name index loaded" in editor.logged(), "the names were loaded")
    text = "Stop pg-instance-main1.\n\n```aws\naws sts get-caller-identity\n```\n"
    buffer = editor.open(text)
    for command, needle in (
        ("cloudops.sendParagraph", "Stop"),
        ("cloudops.executeCommand", "aws sts"),
        ("cloudops.runPlan", "Stop"),
    ):
        position = buffer.at(needle)
        place = {
            "uri": buffer.uri,
            "position": {"line": position.line, "character": position.character},
        }
        answer = await editor.execute(command, place)
        assert answer["status"] == "failed"
        assert "not trusted" in answer["error"]
    assert buffer.text == text
    known = await editor.execute("cloudops.resourceDetails", {"arn": "pg-instance-main1"})
    assert known["resource"]["state"] == "available"

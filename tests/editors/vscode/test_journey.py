"""A day with a runbook in VS Code; the tests follow each other in one window."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from cloudops_ls.demo.cloud import PRODUCTION
from cloudops_ls.home import Home
from tests.e2e.processes import command_line, descendants, workers_of
from tests.editors.vscode.code_server import SERVER
from tests.editors.vscode.conftest import SIZE
from tests.editors.vscode.window import SECONDS, Window

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from playwright.async_api import Browser

    from cloudops_ls.demo.cloud import DemoCloud
    from tests.aws.identity_center import IdentityCenter
    from tests.editors.vscode.code_server import CodeServer

pytestmark = pytest.mark.asyncio(loop_scope="module")

NAME = "pg-instance-main1"
STOP = "aws rds stop-db-instance"
WAIT = f"aws rds wait db-instance-deleted --db-instance-identifier {NAME}"


def state_of(cloud: DemoCloud) -> str:
    rds = cloud.client("rds", PRODUCTION)
    (found,) = rds.describe_db_instances(DBInstanceIdentifier=NAME)["DBInstances"]
    return str(found["DBInstanceStatus"])


async def until(what: Callable[[], bool]) -> None:
    for _ in range(int(SECONDS * 10)):
        if what():
            return
        await asyncio.sleep(0.1)
    pytest.fail("what was waited for did not come")


def language_servers(code_server: CodeServer) -> list[int]:
    """The language servers of all windows."""
    below = sorted(descendants(code_server.pid))
    return [pid for pid in below if command_line(pid).endswith("/cloudops-ls ")]


async def test_a_command_of_the_runbook_says_how_risky_it_is(window: Window) -> None:
    await window.go_to("pg-instance-main1 \\")
    await window.lens("▶ Run · read · low risk").wait_for()
    await window.status("production").wait_for()


async def test_a_name_completes_and_is_what_hovering_shows(window: Window) -> None:
    await window.go_to("and ask CloudOps. -->")
    await window.type("\n\nStop @pg-inst")
    await window.suggestions.filter(has_text=NAME).wait_for()
    await window.picture("complete")
    await window.complete(NAME)
    await window.type(" before the migration.")
    typed = window.line(re.compile(f"^Stop.{NAME}.*before.the.migration.$"))
    await typed.wait_for()
    await window.press("Escape")
    card = window.hover.filter(has_text="acme-production")
    await window.point_at(NAME, typed, card)
    assert "postgres" in await card.inner_text()
    await window.picture("hover")


async def test_what_would_be_sent_is_shown_beside_the_runbook(window: Window) -> None:
    await window.command("CloudOps: Show What Would Be Sent")
    await window.page.get_by_role("tab", name=re.compile(r"\.json")).wait_for()
    beside = window.page.locator(".view-line")
    await beside.filter(has_text=re.compile("about.*What.the.built-in.planner.reads")).wait_for()
    await beside.filter(has_text=re.compile(f'"prompt":."Stop.{NAME}')).wait_for()
    await window.command("View: Close Editors in Other Groups")


async def test_asking_writes_the_answer_under_the_paragraph(window: Window) -> None:
    await window.press("Control+Enter")
    await window.line("> **CloudOps:**").wait_for()
    await window.line("```aws").wait_for()
    await window.go_to(STOP)
    await window.lens("▶ Run · write · high risk").wait_for()
    await window.picture("answer")
    text = await window.saved()
    assert re.search(r"^conversation: \w+$", text, re.MULTILINE)
    question, _, answer = text.partition("\n\n> **CloudOps:**")
    assert question.endswith(f"Stop {NAME} before the migration.")
    assert f"```aws\n{STOP} --db-instance-identifier {NAME} --region us-west-2\n```" in answer


async def test_enter_and_escape_refuse(window: Window, cloud: DemoCloud) -> None:
    await window.go_to(STOP)
    for no in ("Enter", "Escape"):
        # At once, whatever becomes of the No before.
        await window.run()
        said = await window.dialog.inner_text()
        assert f"Stop DB instance {NAME}?" in said
        assert "Account: acme-production (123456789012)" in said
        assert "Undo: aws rds start-db-instance" in said
        assert "Cancel" not in said
        await window.press(no)
        await window.dialog.wait_for(state="hidden")
        if no == "Enter":
            await window.page.get_by_text("It was not run.").wait_for()
            await window.press("Enter")
    assert state_of(cloud) == "available"
    assert "output=" not in await window.saved()


async def test_high_risk_runs_only_with_the_name_typed_back(
    window: Window, cloud: DemoCloud
) -> None:
    # Away from whatever pops up where the mouse rests.
    await window.page.mouse.move(SIZE["width"] - 80, SIZE["height"] - 80)
    await window.run()
    await window.picture("confirm")
    from playwright.async_api import expect

    # With the keyboard alone: the buttons stand in a row, and the focused one begins.
    await window.press("Tab")
    await expect(window.button("Run…")).to_be_focused()
    await window.press("Enter")
    await window.page.get_by_text(f'Type "{NAME}" to run this in').wait_for()
    await window.picture("typed")
    await window.input.fill("pg-instance")
    wrong = window.page.get_by_text(f"This is not the name: {NAME}")
    await wrong.wait_for()
    await window.press("Enter")
    assert await wrong.is_visible()
    assert state_of(cloud) == "available"
    await window.input.fill(NAME)
    await window.press("Enter")
    await window.lens("last run: success").wait_for()
    assert state_of(cloud) == "stopped"
    text = await window.saved()
    assert re.search(r"```json output=\w+ status=success\n\{\n", text)
    await window.picture("ran")


async def test_low_risk_runs_with_one_click(window: Window) -> None:
    await window.go_to("--query 'DBInstances")
    lens = window.lens("▶ Run · read · low risk · now stopped")
    await window.asked_by(lens.click)
    await window.button("Run").click()
    await window.lens("low risk · now stopped · last run: success").wait_for()
    assert '[\n    "stopped",\n    "14.7"\n]' in await window.saved()


async def test_what_takes_long_is_shown_and_cancelled(window: Window) -> None:
    await window.container.click()
    await window.page.locator(".editor-instance .view-lines").first.click()
    await window.press("Control+End")
    # Typed brackets and quotes close themselves; what is pasted does not.
    await window.page.keyboard.insert_text(f"\n```sh\n{WAIT}\n```\n")
    await window.go_to(WAIT)
    await window.run()
    await window.button("Run").click()
    spinning = window.view("Executions").locator(".codicon-sync")
    await spinning.wait_for()
    await window.page.locator('.activitybar .badge-content:text-is("1")').first.wait_for()
    row = window.row("Executions", "wait db-instance-deleted")
    await row.hover()
    await row.get_by_role("button", name="Cancel").click()
    await window.notification.filter(has_text="db-instance-deleted").wait_for(state="hidden")
    await spinning.wait_for(state="hidden")
    await window.lens("last run: cancelled").wait_for()
    assert "status=cancelled" in await window.saved()


async def test_each_view_shows_what_there_is(window: Window) -> None:
    await window.row("Resources", "acme-staging").wait_for()
    await window.row("Accounts", "staging").wait_for()
    for label in ("acme-production", "us-west-2", "rds_instance"):
        row = window.row("Resources", label).first
        await window.reveal(row)
        await row.click()
    await window.reveal(window.row("Resources", re.compile(f"{NAME}.*stopped")))
    for icon in ("circle-slash", "pass"):
        await window.view("Executions").locator(f".codicon-{icon}").first.wait_for()
    await window.row("Conversations", "Stop").wait_for()
    # Away from the rows, so that nothing of theirs pops up.
    await window.page.mouse.move(SIZE["width"] - 80, SIZE["height"] - 80)
    await window.page.locator(".workbench-hover").first.wait_for(state="hidden")
    await window.picture("views")
    await window.row("Executions", "stop-db-instance").click()
    shown = window.page.locator(".editor-instance .view-line").filter(has_text="$ aws rds stop")
    await shown.wait_for()
    again = window.row("Executions", "stop-db-instance")
    await again.hover()
    await again.get_by_role("button", name="Run Again").click()
    assert f"Stop DB instance {NAME}?" in await window.dialog.inner_text()
    await window.button("Don't Run").click()


async def test_signing_in_from_the_accounts(window: Window, center: IdentityCenter) -> None:
    """Through the browser, whose page is answered here."""
    await window.page.context.route(
        "https://corp.example/**", lambda route: route.fulfill(body="Confirm ABCD-EFGH?")
    )
    row = window.row("Accounts", "corp")
    await window.reveal(row)
    await (
        row.get_by_label("needs a sign-in").or_(row.get_by_text("needs a sign-in")).first.wait_for()
    )
    await row.hover()
    await row.get_by_role("button", name="Sign In").click()
    assert "The page must show the code ABCD-EFGH" in await window.dialog.inner_text()
    assert await window.dialog.get_by_role("button", name="Cancel", exact=True).count() == 0
    await window.button("Open the page").click()
    async with window.page.context.expect_page() as opened:
        await window.button("Open").click()
    page = await opened.value
    assert "user_code=ABCD-EFGH" in page.url
    center.confirmed = True
    await page.close()
    await row.get_by_text("needs a sign-in").wait_for(state="detached")


async def test_a_program_that_is_not_there_is_a_clear_failure(
    window: Window, code_server: CodeServer
) -> None:
    code_server.use_program("/nowhere/cloudops-ls")
    failure = window.notification.filter(has_text="/nowhere/cloudops-ls")
    await failure.get_by_role("button", name="How to Fix").click()
    await window.page.get_by_role("tab", name=re.compile("troubleshooting")).wait_for()
    await window.page.get_by_role("tab", name=re.compile("^friday")).click()
    code_server.use_program(SERVER)
    await window.row("Conversations", "Stop").wait_for()


async def test_a_server_that_was_killed_comes_back(window: Window, code_server: CodeServer) -> None:
    (killed,) = language_servers(code_server)
    os.kill(killed, signal.SIGKILL)
    await until(lambda: bool(set(language_servers(code_server)) - {killed}))
    await window.page.get_by_role("tab", name=re.compile("^friday")).click()
    await window.go_to("pick the one you mean. -->")
    await window.type("\n\nWhat is @pg-anal")
    await window.complete("pg-analytics")
    await window.type("?")
    await window.press("Escape", "Control+Enter")
    await window.line(re.compile("CloudOps:.*pg-analytics")).wait_for()


@pytest_asyncio.fixture(loop_scope="module")
async def second(
    code_server: CodeServer, browser: Browser, runbooks: Path
) -> AsyncIterator[Window]:
    """Another window on the same folder."""
    page = await browser.new_page(viewport=SIZE)
    window = Window(page, code_server.address)
    path = runbooks / "second.cloudops.md"
    path.write_text("# Second\n\nList the databases.\n")
    await window.open(path)
    yield window
    await page.close()


async def test_two_windows_on_one_folder_share_the_estate(
    window: Window, second: Window, code_server: CodeServer, editor_environment: dict[str, str]
) -> None:
    await second.go_to("List the databases.")
    await until(lambda: len(language_servers(code_server)) == 2)
    await second.press("Control+Enter")
    await second.line(re.compile("mysql-billing")).first.wait_for()
    assert "> **CloudOps:**" in await second.saved()
    assert len(workers_of(Home(editor_environment["CLOUDOPS_HOME"]))) == 1
    await window.command("CloudOps: Restart the Language Server")
    await window.row("Conversations", "List the databases").wait_for()


async def test_the_first_steps_lead_to_a_runbook_on_the_demo_estate(
    browser: Browser, code_server: CodeServer, tmp_path: Path
) -> None:
    page = await browser.new_page(viewport=SIZE)
    window = Window(page, code_server.address)
    note = tmp_path / "operations" / "notes.md"
    note.parent.mkdir()
    note.write_text("Not a runbook.\n")
    await window.open(note)
    await window.command("CloudOps: First Steps")
    await page.get_by_role("button", name="No account at hand?").click()
    await page.mouse.move(SIZE["width"] - 80, SIZE["height"] - 80)
    await window.picture("first-steps")
    await page.get_by_role("button", name="Try the Demo Estate", exact=True).click()
    await window.status("demo · production").wait_for()
    await window.line("# Friday maintenance").wait_for()
    await window.container.click()
    await window.row("Resources", "acme-staging").wait_for()
    demos = [pid for pid in descendants(code_server.pid) if "--serve" in command_line(pid)]
    assert demos
    await page.close()

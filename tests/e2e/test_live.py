"""Hover asks AWS, and never lets the reader wait for it; the text shows what was learned."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import pytest_asyncio

from cloudops_ls.demo.cloud import PRODUCTION

if TYPE_CHECKING:
    from collections.abc import Callable

    from cloudops_ls.demo.cloud import DemoCloud
    from tests.e2e.editor import Buffer, Editor
    from tests.e2e.slow_aws import SlowAws

DATABASE = "pg-instance-main1"
TEXT = f"""# Live

Stop {DATABASE} please.

```aws
aws rds stop-db-instance --db-instance-identifier {DATABASE}
```
"""
LIVE: dict[str, Any] = {
    "profile": "production",
    "region": "us-west-2",
    # A loaded machine of a test has no second to spare.
    "hover": {"budget_seconds": 20, "minimum_age_seconds": 1},
}


@pytest_asyncio.fixture(loop_scope="module")
async def editor(
    aws: SlowAws, environment: dict[str, str], open_editor: Callable[..., Any]
) -> Editor:
    editor: Editor = await open_editor(environment, settings=LIVE)
    await editor.until(lambda: "name index loaded" in editor.logged(), "the names were loaded")
    return editor


async def card(editor: Editor, buffer: Buffer) -> str:
    shown = await editor.hover(buffer, buffer.at(DATABASE))
    assert shown is not None
    return shown


async def until_card(editor: Editor, buffer: Buffer, part: str) -> str:
    deadline = time.monotonic() + 60
    while True:
        shown = await card(editor, buffer)
        if part in shown:
            return shown
        assert time.monotonic() < deadline, f"never {part}: {shown}"
        await asyncio.sleep(0.1)


async def test_states_stand_in_the_operators_prose_alone(editor: Editor) -> None:
    quoted = f"> **CloudOps:** {DATABASE} is up.\n"
    command = f"```aws\naws rds describe-db-instances --db-instance-identifier {DATABASE}\n```\n"
    comment = f"<!-- Type: Stop {DATABASE}. -->\n"
    buffer = editor.open(f"Stop {DATABASE}, not `{DATABASE}`.\n\n{comment}\n{quoted}\n{command}")
    hints = await editor.inlay_hints(buffer)
    states = [hint for hint in hints if hint.label == "available"]
    assert [buffer.text[: buffer.offset(one.position)] for one in states] == [f"Stop {DATABASE}"]


async def test_a_hover_brings_the_truth_into_card_text_and_store(
    editor: Editor, cloud: DemoCloud
) -> None:
    buffer = editor.open(TEXT)
    assert (await editor.hints(buffer))[DATABASE] == "available"
    cloud.client("rds", PRODUCTION).stop_db_instance(DBInstanceIdentifier=DATABASE)
    shown = await until_card(editor, buffer, "*live*")
    assert "**`stopped`**" in shown
    assert (await editor.hints(buffer))[DATABASE] == "stopped"
    assert editor.hint_refreshes >= 2
    (lens,) = await editor.lenses(buffer)
    assert lens.command.title.endswith("· now stopped")
    found = await editor.complete(buffer, buffer.after("Stop pg-inst"))
    assert "stopped" in found.items[0].detail
    details = await editor.execute("cloudops.resourceDetails", {"arn": DATABASE})
    assert details["resource"]["state"] == "stopped"
    assert not editor.messages, editor.said()


async def test_many_hovers_are_one_call(editor: Editor, aws: SlowAws) -> None:
    buffer = editor.open(TEXT)
    await until_card(editor, buffer, "*live*")
    await asyncio.sleep(1.1)
    before = aws.calls.count("DescribeDBInstances")
    aws.delay = 1.0
    shown = await asyncio.gather(*(card(editor, buffer) for _ in range(20)))
    assert all("AWS is being asked" in one for one in shown), shown[0]
    await until_card(editor, buffer, "*live*")
    assert aws.calls.count("DescribeDBInstances") == before + 1


async def test_a_slow_aws_holds_up_no_card(
    environment: dict[str, str], aws: SlowAws, open_editor: Callable[..., Any]
) -> None:
    settings = {**LIVE, "hover": {"budget_seconds": 0.5, "wait_seconds": 0}}
    editor = await open_editor(environment, settings=settings)
    await editor.until(lambda: "name index loaded" in editor.logged(), "the names were loaded")
    buffer = editor.open(TEXT)
    aws.delay = 6
    assert "AWS is being asked" in await card(editor, buffer)
    shown = await until_card(editor, buffer, "not answered within 0.5 s")
    assert "as of 20" in shown
    assert "**`available`**" in shown
    # What comes too late is stored, and is no longer asked for.
    await until_card(editor, buffer, "*live*")


async def test_expired_credentials_are_told_on_the_card_alone(editor: Editor, aws: SlowAws) -> None:
    aws.expired = True
    buffer = editor.open(TEXT)
    shown = await until_card(editor, buffer, "could not be refreshed")
    assert "expired" in shown, shown.splitlines()[-1]
    assert "as of 20" in shown
    assert "**`available`**" in shown
    calls = len(aws.calls)
    for _ in range(5):
        await card(editor, buffer)
    assert len(aws.calls) == calls, "a failure is not repeated at every glance"
    assert not editor.messages, editor.said()


async def test_no_way_to_aws_is_told_and_ends_the_asking(
    editor: Editor, aws: SlowAws, environment: dict[str, str]
) -> None:
    aws.close()
    buffer = editor.open(TEXT + "\nAnd orders-db-eu, and acme-prod-assets.\n")
    shown = await until_card(editor, buffer, "could not be refreshed")
    assert "as of 20" in shown
    other = await editor.hover(buffer, buffer.at("acme-prod-assets"))
    assert other is None or "could not be refreshed" in other
    assert not editor.messages, editor.said()


async def test_what_was_deleted_says_so_everywhere(
    editor: Editor, cloud: DemoCloud, environment: dict[str, str], open_editor: Callable[..., Any]
) -> None:
    lambdas = cloud.client("lambda", PRODUCTION)
    function = lambdas.list_functions()["Functions"][0]
    name, arn = function["FunctionName"], function["FunctionArn"]
    text = f"Look at [it]({arn}), and {name}.\n\n[that](arn:aws:sqs:us-west-2:1:nothing)\n"
    buffer = editor.open(text, "gone")
    several = len((await editor.complete(buffer, buffer.after(f"and {name}"))).items)
    lambdas.delete_function(FunctionName=name)
    try:
        deadline = time.monotonic() + 60
        while "deleted" not in (shown := await editor.hover(buffer, buffer.at("[it]")) or ""):
            assert time.monotonic() < deadline, shown
            await asyncio.sleep(0.1)
        assert arn in shown
        assert "less than a minute ago" in shown
        assert (await editor.hints(buffer))[f"it]({arn})"] == "deleted"
        found = await editor.complete(buffer, buffer.after(f"and {name}"))
        assert len(found.items) == several - 1
        # A window that is opened later knows it too.
        later = await open_editor(environment, settings=LIVE)
        await later.until(lambda: "name index loaded" in later.logged(), "the names were loaded")
        there = later.open(text)
        assert "deleted" in await later.hover(there, there.at("[it]"))
        assert "No scan has seen" in await later.hover(there, there.at("[that]"))
        assert (await later.hints(there))[f"it]({arn})"] == "deleted"
    finally:
        _create_again(lambdas, function)


def _create_again(lambdas: Any, function: dict[str, Any]) -> None:
    from cloudops_ls.demo.estate import _handler_archive

    lambdas.create_function(
        FunctionName=function["FunctionName"],
        Runtime=function["Runtime"],
        Role=function["Role"],
        Handler=function["Handler"],
        Code={"ZipFile": _handler_archive()},
        MemorySize=function["MemorySize"],
        Timeout=function["Timeout"],
    )


async def test_live_can_be_switched_off(
    environment: dict[str, str], aws: SlowAws, open_editor: Callable[..., Any]
) -> None:
    settings = {**LIVE, "hover": {"live": False, "states": False}}
    editor = await open_editor(environment, settings=settings)
    await editor.until(lambda: "name index loaded" in editor.logged(), "the names were loaded")
    buffer = editor.open(TEXT)
    shown = await card(editor, buffer)
    assert "*as of 20" in shown
    assert "asked" not in shown
    assert await editor.hints(buffer) == {}
    assert aws.calls == []

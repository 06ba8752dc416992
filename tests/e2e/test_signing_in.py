"""A command whose profile wants an MFA code or the browser: asked for, spent, and kept nowhere."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cloudops_ls.demo.cloud import PRODUCTION, STAGING, DemoCloud
from cloudops_ls.storage.keys import KeyRing
from cloudops_ls.storage.service import StorageService
from tests.aws.identity_center import TOKEN, IdentityCenter
from tests.e2e.corporate import cloud_keys, corporate
from tests.e2e.processes import gone, workers_of
from tests.e2e.profiles import BROWSING, NEOVIM

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cloudops_ls.home import Home

CODE = "314159"
RUNBOOK = """---
profile: guarded
region: us-west-2
---

# Who

```aws
aws sts get-caller-identity
```
"""


def guarded(environment: dict[str, str], folder: Path) -> dict[str, str]:
    """Add a profile behind an MFA device to a copy of the profile files."""
    config = folder / "config"
    config.write_text(
        Path(environment["AWS_CONFIG_FILE"]).read_text()
        + f"\n[profile guarded]\nrole_arn = arn:aws:iam::{STAGING.account_id}:role/operator\n"
        f"source_profile = {PRODUCTION.profile}\nregion = us-west-2\n"
        f"mfa_serial = arn:aws:iam::{PRODUCTION.account_id}:mfa/alice\n"
        + next(
            line + "\n"
            for line in Path(environment["AWS_CONFIG_FILE"]).read_text().splitlines()
            if line.startswith("endpoint_url")
        )
    )
    return {**environment, "AWS_CONFIG_FILE": str(config)}


async def test_a_code_is_asked_for_once_and_is_stored_nowhere(
    environment: dict[str, str],
    open_editor: Callable[..., Any],
    cloud: DemoCloud,
    home: Home,
    tmp_path: Path,
) -> None:
    editor = await open_editor(
        guarded(environment, tmp_path), options={"client": {"input": True}}, settings={}
    )
    asked: list[Any] = []
    codes: list[Any] = [None, {"value": f" {CODE} "}]

    @editor.feature("cloudops/input")
    async def code(params: Any) -> Any:
        asked.append(params)
        return codes.pop(0)

    buffer = editor.open(RUNBOOK)
    assert (await editor.run(buffer, "aws sts"))["status"] == "failed"
    assert "code of its MFA device" in editor.said()
    assert not editor.questions
    editor.answers.extend(["Run", "Run"])
    result = await editor.run(buffer, "aws sts")
    assert result["status"] == "success", editor.said() + buffer.text
    assert asked[1].prompt == "Code of the MFA device alice"
    assert asked[1].secret is True
    assert f"Account: {STAGING.account_id}" in editor.questions[0].message.replace(
        f"{STAGING.alias} ({STAGING.account_id})", STAGING.account_id
    )
    assert STAGING.account_id in buffer.text
    # The session that the code opened is used again; nobody is asked twice.
    assert (await editor.run(buffer, "aws sts"))["status"] == "success"
    assert len(asked) == 2
    assert CODE not in editor.said() + editor.logged() + editor.progress() + buffer.text
    # An open session is worth staying for, so the worker does not leave by itself.
    (worker,) = workers_of(home)
    os.kill(worker, signal.SIGTERM)
    assert not await gone({worker}, 20)
    with StorageService.open(home, keys=KeyRing(home, environ=environment)) as store:
        for execution in store.executions.list():
            assert CODE not in execution.model_dump_json()
        for entry in store.audit.entries():
            assert CODE not in entry.model_dump_json()


CORP = """---
profile: corp
region: us-west-2
---

```aws
aws sts get-caller-identity
```
"""


@pytest.fixture
def center(environment: dict[str, str]) -> Iterator[IdentityCenter]:
    with IdentityCenter(cloud_keys(environment)) as started:
        yield started


@pytest.fixture
def signed_out(
    environment: dict[str, str], center: IdentityCenter, tmp_path: Path
) -> dict[str, str]:
    return corporate(environment, center.endpoint, tmp_path)


async def test_a_command_of_a_profile_without_a_sign_in_runs_after_the_browser_confirmed_it(
    signed_out: dict[str, str], center: IdentityCenter, open_editor: Callable[..., Any]
) -> None:
    editor = await open_editor(signed_out, BROWSING)
    buffer = editor.open(CORP)
    editor.answers.append("Don't sign in")
    assert (await editor.run(buffer, "aws sts"))["status"] == "failed"
    assert "Sign in to corp in the browser" in editor.questions[0].message
    assert not editor.shown_documents

    async def confirmed_later() -> None:
        await editor.until(lambda: bool(editor.shown_documents), "the page was opened")
        await editor.until(lambda: center.polls > 0, "the page was waited for")
        center.confirmed = True

    editor.answers.extend(["Open the page", "Run"])
    confirming = asyncio.create_task(confirmed_later())
    result = await editor.run(buffer, "aws sts")
    await confirming
    assert result["status"] == "success", editor.said() + buffer.text
    assert "ABCD-EFGH" in editor.questions[1].message
    assert editor.shown_documents[0].uri == "https://corp.example/device?user_code=ABCD-EFGH"
    assert PRODUCTION.account_id in buffer.text
    assert "Waiting for the browser; code ABCD-EFGH" in editor.progress()
    seen = editor.said() + editor.logged() + editor.progress() + buffer.text
    assert TOKEN not in seen and cloud_keys(signed_out)["secretAccessKey"] not in seen


async def test_a_sign_in_that_is_cancelled_or_refused_signs_nobody_in(
    signed_out: dict[str, str], center: IdentityCenter, open_editor: Callable[..., Any]
) -> None:
    # An editor that opens no pages is told the address.
    editor = await open_editor(signed_out, NEOVIM)
    wanted = {"profile": "corp"}
    editor.answers.append("Open the page")
    signing_in = asyncio.create_task(editor.execute("cloudops.signIn", wanted))
    await editor.until(lambda: "Waiting for the browser" in editor.progress(), "it waits")
    assert "Open https://corp.example/device?user_code=ABCD-EFGH" in editor.said()
    editor.cancel_work()
    assert await signing_in == {"status": "cancelled"}
    editor.answers.append("Open the page")
    center.refused = True
    assert (await editor.execute("cloudops.signIn", wanted))["status"] == "failed"
    assert "The sign-in was refused" in editor.said()
    center.refused, center.confirmed = False, True
    editor.answers.append("Open the page")
    assert await editor.execute("cloudops.signIn", wanted) == {"status": "signed in"}

"""Profiles, signing in through the editor, and keeping the estate fresh, over stdio."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from cloudops_ls.demo.cloud import PRODUCTION, DemoCloud
from tests.aws.identity_center import TOKEN, IdentityCenter
from tests.e2e.corporate import cloud_keys, corporate
from tests.e2e.profiles import BROWSING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.e2e.editor import Editor

SCAN = {"types": ["sqs_queue"]}


async def test_profiles_are_read_and_one_is_selected(editor: Editor) -> None:
    await editor.until(lambda: "features imported" in editor.logged(), "nothing waits for imports")
    found = await editor.execute("cloudops.readCredentials")
    by_name = {profile["name"]: profile for profile in found["profiles"]}
    assert found["selected"] == PRODUCTION.profile
    assert by_name[PRODUCTION.profile]["account_id"] == PRODUCTION.account_id
    assert by_name[PRODUCTION.profile]["state"] == "ready"
    assert "secret" not in str(found).lower()

    chosen = await editor.execute("cloudops.selectProfile", {"profile": "staging"})
    assert chosen["name"] == "staging"
    assert (await editor.execute("cloudops.readCredentials"))["selected"] == "staging"
    refused = await editor.execute("cloudops.selectProfile", {"profile": "nobody"})
    assert refused["status"] == "failed"
    assert "no profile 'nobody'" in editor.said()


async def test_synchronising_on_demand_and_what_is_known_of_it(
    editor: Editor, cloud: DemoCloud
) -> None:
    status = await editor.execute("cloudops.scanStatus")
    assert status["resources"] > 0
    assert {scope["outcome"] for scope in status["scopes"]} == {"complete"}

    result = await editor.execute("cloudops.triggerSync", {"kind": "incremental"})
    assert result["status"] == "complete", editor.said()
    assert result["kind"] == "incremental"
    assert "Connecting to the background process" in editor.progress()
    status = await editor.execute("cloudops.syncStatus")
    assert [run["kind"] for run in status["runs"]][:2] == ["incremental", "full"]
    assert status["next"]["kind"] == "incremental"
    refused = await editor.execute("cloudops.triggerSync", {"kind": "sideways"})
    assert refused["status"] == "failed"


async def test_signing_in_by_the_browser_when_a_scan_needs_it(
    environment: dict[str, str],
    open_editor: Callable[..., Any],
    cloud: DemoCloud,
    tmp_path: Path,
) -> None:
    keys = cloud_keys(environment)
    with IdentityCenter(keys) as center:
        center.confirmed = True
        changed = await asyncio.to_thread(corporate, environment, center.endpoint, tmp_path)
        editor = await open_editor(changed, BROWSING)
        editor.answers.extend(["Go on without"])
        without = await editor.execute("cloudops.scanEstate", {**SCAN, "profiles": ["corp"]})
        assert without["status"] == "incomplete"
        assert "sign-in of this profile is missing" in editor.said()

        editor.answers.extend(["Sign in", "Open the page"])
        result = await editor.execute("cloudops.scanEstate", {**SCAN, "profiles": ["corp"]})
        assert result["status"] == "complete", editor.said()
        assert "needs a sign-in" in editor.questions[-2].message
        assert "ABCD-EFGH" in editor.questions[-1].message
        assert TOKEN not in editor.said() + editor.logged() + editor.progress()
        (opened,) = editor.shown_documents
        assert opened.uri == "https://corp.example/device?user_code=ABCD-EFGH"
        assert opened.external is True


async def test_keys_that_end_soon_are_told_before_a_run_a_scan_and_a_synchronisation(
    environment: dict[str, str], open_editor: Callable[..., Any], tmp_path: Path
) -> None:
    end = datetime.now(UTC) + timedelta(minutes=10)
    keys = cloud_keys(environment)
    credentials = tmp_path / "credentials"
    credentials.write_text(
        f"[{PRODUCTION.profile}]\naws_access_key_id = {keys['accessKeyId']}\n"
        f"aws_secret_access_key = {keys['secretAccessKey']}\n"
        f"x_security_token_expires = {end.isoformat()}\n"
    )
    changed = {**environment, "AWS_SHARED_CREDENTIALS_FILE": str(credentials)}
    warning = f"The credentials of '{PRODUCTION.profile}' end at {end:%H:%M} UTC"
    editor = await open_editor(changed)
    buffer = editor.open("```sh\naws sqs list-queues\n```\n")
    editor.answers.append(None)
    assert await editor.run(buffer, "aws sqs") == {"status": "refused"}
    assert warning in editor.said()
    # Once is enough; another window has not seen it yet.
    wanted = {**SCAN, "profiles": [PRODUCTION.profile]}
    assert (await editor.execute("cloudops.scanEstate", wanted))["status"] == "complete"
    assert editor.said().count(warning) == 1
    other = await open_editor(changed)
    await other.execute("cloudops.triggerSync", {"kind": "incremental"})
    assert warning in other.said()

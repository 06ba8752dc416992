"""A command whose profile wants an MFA code: asked through the editor, spent, and kept nowhere."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cloudops_ls.demo.cloud import PRODUCTION, STAGING, DemoCloud
from cloudops_ls.storage.keys import KeyRing
from cloudops_ls.storage.service import StorageService
from tests.e2e.processes import gone, workers_of

if TYPE_CHECKING:
    from collections.abc import Callable

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

"""Waiting for what goes on by itself, where botocore has no waiter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.e2e.slow_aws import SlowAws

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cloudops_ls.demo.cloud import DemoCloud

RUNBOOK = """```aws
aws rds stop-db-instance --db-instance-identifier pg-instance-main1 --region us-west-2
```
"""
STOPPED = b"<DBInstanceStatus>stopped</DBInstanceStatus>"
STOPPING = b"<DBInstanceStatus>stopping</DBInstanceStatus>"


async def test_a_state_is_asked_for_until_it_is_the_one_that_was_wanted(
    cloud: DemoCloud,
    environment: dict[str, str],
    open_editor: Callable[..., Any],
    tmp_path: Path,
) -> None:
    aws = SlowAws(cloud.endpoint)
    try:
        aws.configure(environment, cloud.endpoint, tmp_path / "config")
        # moto stops an instance at once; AWS takes its minutes.
        aws.written_over[STOPPED] = STOPPING
        editor = await open_editor(environment)
        buffer = editor.open(RUNBOOK)
        editor.answers.extend(["Run", "Run on pg-instance-main1", "Wait"])
        result = await editor.run(buffer, "aws rds")
        assert result["status"] == "success", editor.said()
        await editor.until(lambda: "stopping, " in editor.progress(), "it was looked at")
        assert "is under way (stopping)" in editor.questions[-1].message
        assert "Waiting until it is stopped" in str(editor.progress_reports)
        assert "has come to its end" not in editor.said()
        aws.written_over.clear()
        await editor.until(lambda: "has come to its end: stopped" in editor.said(), "it ended")
        # Nothing ran for it: it was only looked at.
        listed = await editor.execute("cloudops.executionLogs", {"limit": 5})
        assert [one["command"].split()[2] for one in listed] == ["stop-db-instance"]
    finally:
        aws.close()

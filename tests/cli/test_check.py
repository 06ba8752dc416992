"""``cloudops-ls check`` and ``policy``: what a command is, and what the policy says of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from cloudops_ls.storage.records import AccountRecord
from tests.cli.test_commands import refused
from tests.storage.samples import resource

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    from cloudops_ls.home import Home
    from cloudops_ls.storage.service import StorageService

    Cloudops = Callable[..., subprocess.CompletedProcess[str]]

STOP = "aws rds stop-db-instance --db-instance-identifier pg-main"


@pytest.fixture(autouse=True)
def patient_worker(home: Home) -> None:
    """One worker for all calls of a test."""
    home.config.write_text("[worker]\nidle_seconds = 10\n")


def test_a_command_is_explained_or_marked_where_it_is_wrong(
    cloudops: Cloudops, store: StorageService
) -> None:
    known = resource("pg-main")
    store.estate.upsert_resource(known)
    store.estate.put_account(AccountRecord(account_id=known.account_id, profiles=("default",)))
    ended = cloudops("check", STOP, "--region", known.region)
    assert ended.returncode == 0, ended.stderr
    for line in (
        "Command: rds stop-db-instance",
        "Makes: rds:StopDBInstance",
        "Access: write",
        f"Affects: pg-main ({known.arn})",
        "Policy: ask: There is no policy file",
        f"Would run: {STOP} --profile default --region {known.region}",
    ):
        assert line in ended.stdout, ended.stdout
    told = json.loads(cloudops("check", STOP, "--region", known.region, "--json").stdout)
    assert told["valid"] is True
    assert told["command"]["resources"] == [known.arn]
    assert told["policy"]["decision"] == "ask"

    wrong = cloudops("check", "aws s3 ls | grep x")
    assert wrong.returncode == 1
    assert wrong.stdout.splitlines()[-2:] == ["  aws s3 ls | grep x", "            ^"]
    told = json.loads(cloudops("check", "--json", "aws rdz list").stdout)
    assert told["valid"] is False
    assert told["command"] is None
    (finding,) = told["findings"]
    assert (finding["code"], finding["start"], finding["end"]) == ("unknown-service", 4, 7)
    assert finding["replacement"] == "rds"


def test_a_policy_is_shown_checked_and_tested(
    cloudops: Cloudops, store: StorageService, home: Home
) -> None:
    assert "no policy file" in cloudops("policy", "check").stdout
    home.policy.write_text(
        """
[[rule]]
name = "reads of [databases]"
decision = "allow"
service = "rds"

[[rule]]
name = "weekend"
decision = "deny"
reason = "Nothing changes at the weekend."
access = ["write", "destructive", "permissions", "unknown"]
during = { days = ["sat", "sun"] }
"""
    )
    shown = cloudops("policy", "show").stdout
    for words in ("reads of [databases]", "service rds", "during sat sun", "otherwise"):
        assert words in shown, shown
    denied = cloudops("policy", "test", STOP, "--at", "2026-11-28T12:00")
    assert denied.returncode == 3
    assert denied.stdout.startswith("deny by 'weekend': Nothing changes at the weekend")
    asked = cloudops("policy", "test", STOP, "--at", "2026-11-30T12:00")
    assert asked.returncode == 0
    assert "access level is write, not read" in asked.stdout
    assert "the time" in asked.stdout
    wrong = cloudops("policy", "test", "aws rds stop-db-instance")
    assert wrong.returncode == 1
    assert "--db-instance-identifier" in wrong.stderr


def test_a_broken_policy_is_named_and_denies(
    cloudops: Cloudops, store: StorageService, home: Home
) -> None:
    home.policy.write_text("[[rule]]\ndecision = 'deny'\nservise = 'rds'\n")
    refused(cloudops("policy", "check"), "rule 1 servise", str(home.policy))
    denied = cloudops("policy", "test", "aws rds describe-db-instances")
    assert denied.returncode == 3
    assert denied.stdout.startswith("deny: The policy file is broken")

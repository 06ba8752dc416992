"""Resources and requests that the tests of this folder share."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from cloudops_ls.assistant.protocol import (
    AssistantRequest,
    HowFound,
    IdentifiedResource,
    ResourceRecord,
    UserContext,
)

NOW = datetime(2025, 10, 8, 10, 30, tzinfo=UTC)

CONTEXT = UserContext(
    user_id="ada",
    profile="production",
    account_id="111122223333",
    account_alias="prod",
    default_region="us-west-2",
)


def request(prompt: str = "Stop pg-instance-main1", **fields: Any) -> AssistantRequest:
    values: dict[str, Any] = {
        "request_id": "01JD3V0000000000000000REQ1",
        "conversation_id": "01JD3V00000000000000000CNV",
        "prompt": prompt,
        "user_context": CONTEXT,
    }
    return AssistantRequest(**(values | fields))


def record(**fields: Any) -> ResourceRecord:
    values: dict[str, Any] = {
        "resource_type": "rds_instance",
        "identifier": "pg-instance-main1",
        "account_id": "111122223333",
        "account_alias": "prod",
        "profiles": ("production",),
        "region": "us-west-2",
        "arn": "arn:aws:rds:us-west-2:111122223333:db:pg-instance-main1",
        "name": "pg-instance-main1",
        "current_state": "available",
        "engine": "postgres",
        "engine_version": "14.7",
        "tags": {"env": "production", "app": "main"},
        "permissions": ("rds:StopDBInstance",),
        "constraints": {"can_stop": True, "multi_az": True},
        "metadata": {"instance_class": "db.t3.medium", "allocated_storage": 100},
        "last_synced": NOW,
    }
    return ResourceRecord(**(values | fields))


def ec2(number: int = 1, **fields: Any) -> ResourceRecord:
    values: dict[str, Any] = {
        "resource_type": "ec2_instance",
        "identifier": f"i-000000000000000{number:02}",
        "arn": f"arn:aws:ec2:us-west-2:111122223333:instance/i-000000000000000{number:02}",
        "name": f"web-{number}",
        "current_state": "running",
        "engine": None,
        "engine_version": None,
        "tags": {"Name": f"web-{number}", "env": "staging"},
        "permissions": ("ec2:StopInstances",),
        "constraints": {},
        "metadata": {"instance_type": "t3.micro"},
    }
    return record(**(values | fields))


def found(
    resource: ResourceRecord, how: HowFound = HowFound.EXACT, score: float = 1.0, **fields: Any
) -> IdentifiedResource:
    mention = None if how is HowFound.SEARCH else resource.name
    return IdentifiedResource(
        **({"how": how, "score": score, "mention": mention, "resource": resource} | fields)
    )

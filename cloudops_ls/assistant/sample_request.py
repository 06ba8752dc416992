"""Requests that a server is checked with: about a resource that does not exist (pure)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from cloudops_ls.assistant.protocol import (
    AssistantRequest,
    HowFound,
    IdentifiedResource,
    ResourceRecord,
    UserContext,
)
from cloudops_ls.storage.records import new_id

MOMENT: Final = datetime(2025, 10, 8, 10, 30, tzinfo=UTC)
"""When everything in them was."""

RECORD: Final = ResourceRecord(
    resource_type="rds_instance",
    identifier="pg-main1",
    account_id="111122223333",
    account_alias="conformance",
    profiles=("conformance",),
    region="us-west-2",
    arn="arn:aws:rds:us-west-2:111122223333:db:pg-main1",
    name="pg-main1",
    current_state="available",
    engine="postgres",
    engine_version="14.7",
    tags={"env": "test"},
    permissions=("rds:StopDBInstance",),
    constraints={"can_stop": True},
    metadata={"instance_class": "db.t3.medium"},
    last_synced=MOMENT,
)


def sample_request(
    prompt: str = "Describe pg-main1.",
    resource: ResourceRecord = RECORD,
    **fields: Any,
) -> AssistantRequest:
    """Return a request about a resource, with other fields of the protocol as they are given."""
    values: dict[str, Any] = {
        "request_id": new_id(),
        "conversation_id": new_id(),
        "prompt": prompt,
        "identified_resources": (
            IdentifiedResource(
                how=HowFound.EXACT, score=1, mention=resource.name, resource=resource
            ),
        ),
        "user_context": UserContext(
            user_id="conformance",
            profile="conformance",
            account_id="111122223333",
            account_alias="conformance",
            default_region="us-west-2",
        ),
        "locale": "en",
    }
    return AssistantRequest(**(values | fields))

"""The record of one AWS resource, as it is stored, searched and shown."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field, JsonValue


class Resource(BaseModel):
    """One resource of the estate, the seed's "AWS Resource" record.

    ``arn`` is the identity: identifiers and names repeat across accounts, regions and types.
    Types whose API returns no ARN have one built by the catalog.
    """

    model_config = ConfigDict(frozen=True)

    resource_type: str
    """Name of the catalog type, such as ``rds_instance``."""
    identifier: str
    """What the AWS API takes to name it: ``i-0abc…``, ``pg-instance-main1``."""
    account_id: str
    region: str
    """AWS region; ``global`` for services without one."""
    arn: str
    name: str
    """What operators call it: the Name tag where there is one, else the identifier."""
    state: str | None = None
    """State in the service's own words (``available``, ``stopped``); None where it has none."""
    engine: str | None = None
    engine_version: str | None = None
    tags: dict[str, str] = Field(default_factory=dict)
    permissions: tuple[str, ...] = ()
    """IAM actions an operator usually needs for it, such as ``rds:StopDBInstance``."""
    constraints: dict[str, JsonValue] = Field(default_factory=dict)
    """What its state allows: ``can_stop``, ``multi_az``, …"""
    metadata: dict[str, JsonValue] = Field(default_factory=dict)
    """Everything else worth showing, by catalog field name."""
    last_synced: datetime
    """When AWS last said so; timezone-aware UTC."""

"""What was touched lately, from CloudTrail's event history (LookupEvents).

Every account has 90 days of management events without setting anything up. They arrive some
minutes late, so the caller asks for a stretch that it has seen already; they name what they touched
in no single place, so every text in the request and in the answer counts as a possible name.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from cloudops_ls.aws.errors import translate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from cloudops_ls.aws.sessions import SessionFactory

MOST_EVENTS = 1000
"""Of one account and region; at two calls of 50 a second (AWS' limit) that takes ten seconds."""
_DEEPEST = 8
_LONGEST_NAME = 512
_CREATING = (
    *("Allocate", "Clone", "Copy", "Create", "Import", "Launch", "Promote", "Provision"),
    *("Publish", "Purchase", "Put", "Register", "Request", "Restore", "Run"),
)
"""Beginnings of operations that may make something new."""
_NOT_CREATING = frozenset({"CreateTags", "CreateOrUpdateTags", "PutBucketTagging"})
_SOURCES = {
    "apigatewayv2": "apigateway",
    "cloudwatch": "monitoring",
    "docdb": "rds",
    "efs": "elasticfilesystem",
    "elb": "elasticloadbalancing",
    "elbv2": "elasticloadbalancing",
    "emr": "elasticmapreduce",
    "neptune": "rds",
    "opensearch": "es",
    "stepfunctions": "states",
}
"""Services of the SDK whose events come from another name than theirs."""


@dataclass(frozen=True, slots=True)
class Event:
    """One call that may have changed something.

    Attributes
    ----------
    source
        ``rds`` of ``rds.amazonaws.com``.
    names
        Texts of the call and its answer: identifiers, names and ARNs are among them.
    """

    id: str
    source: str
    operation: str
    names: frozenset[str]

    @property
    def creates(self) -> bool:
        """Whether it may have made something that nobody knows yet."""
        return self.operation.startswith(_CREATING) and self.operation not in _NOT_CREATING


@dataclass(frozen=True, slots=True)
class History:
    """Events of one account and region, newest first.

    Attributes
    ----------
    whole
        False when there were more than :data:`MOST_EVENTS`.
    """

    events: tuple[Event, ...]
    whole: bool = True


def event_source(service: str) -> str:
    """Return the name under which CloudTrail has the events of an SDK service."""
    return _SOURCES.get(service, service)


def history_since(sessions: SessionFactory, profile: str, region: str, since: datetime) -> History:
    """Return the successful calls since a moment that were not read-only.

    Raises
    ------
    CloudOpsError
        IAM does not allow ``cloudtrail:LookupEvents``, or AWS failed.
    """
    client = sessions.client(profile, "cloudtrail", region)
    try:
        pages = client.get_paginator("lookup_events").paginate(
            LookupAttributes=[{"AttributeKey": "ReadOnly", "AttributeValue": "false"}],
            StartTime=since,
        )
        raw = list(islice((event for page in pages for event in page["Events"]), MOST_EVENTS + 1))
    except Exception as error:
        raise translate(
            error,
            profile=profile,
            service="cloudtrail",
            operation="LookupEvents",
            region=region,
        ) from None
    events = tuple(event for one in raw[:MOST_EVENTS] if (event := _event(one)) is not None)
    return History(events, whole=len(raw) <= MOST_EVENTS)


def _event(raw: dict[str, Any]) -> Event | None:
    """Return an event; None for one that failed."""
    try:
        detail = json.loads(raw.get("CloudTrailEvent") or "{}")
    except ValueError:
        detail = {}
    if not isinstance(detail, dict) or detail.get("errorCode"):
        return None
    names = {
        str(one["ResourceName"]) for one in raw.get("Resources", ()) if one.get("ResourceName")
    }
    names.update(_texts(detail.get("requestParameters"), 0))
    names.update(_texts(detail.get("responseElements"), 0))
    source = str(raw.get("EventSource", "")).partition(".")[0]
    return Event(
        str(raw.get("EventId", "")), source, str(raw.get("EventName", "")), frozenset(names)
    )


def _texts(value: object, depth: int) -> Iterator[str]:
    """Yield the texts in a JSON value; what is too long or deep for a name is left out."""
    if isinstance(value, str):
        if 0 < len(value) <= _LONGEST_NAME:
            yield value
    elif depth < _DEEPEST:
        if isinstance(value, dict):
            for element in value.values():
                yield from _texts(element, depth + 1)
        elif isinstance(value, list):
            for element in value:
                yield from _texts(element, depth + 1)

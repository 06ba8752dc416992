"""Every catalog type against botocore's Stubber, with answers made from the service model."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import botocore.session
import pytest
from botocore import xform_name
from botocore.stub import Stubber

from cloudops_ls.aws.errors import AwsError
from cloudops_ls.estate.arns import arn_fields
from cloudops_ls.estate.catalog.loader import Catalog
from cloudops_ls.estate.mapping import ItemMapper, MappingContext
from cloudops_ls.estate.reader import Place, TypeReader
from tests.aws.stand_in import LOADER
from tests.estate.answers import AnswerMaker
from tests.estate.made import MAKERS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cloudops_ls.estate.catalog.model import ResourceType
    from cloudops_ls.storage.resource import Resource

CATALOG = Catalog.load()
EXPLORER = Catalog.load(["resource_explorer"])["aws_resource"]
PLACE = Place(
    "main",
    "eu-west-1",
    MappingContext("aws", "123456789012", "eu-west-1", datetime(2025, 10, 8, tzinfo=UTC)),
)
QUEUE = "arn:aws:sqs:eu-west-1:123456789012:one"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:one"
HINTS: dict[str, dict[str, Any]] = {
    "cloudwatch_alarm": {"AlarmActions": [TOPIC]},
    "composite_alarm": {"AlarmActions": [TOPIC]},
    "lambda_event_source": {"EventSourceArn": QUEUE},
    "sns_subscription": {
        "Endpoint": QUEUE,
        "SubscriptionArn": f"{TOPIC}:1",
        "Attributes": {"SubscriptionArn": f"{TOPIC}:1", "Protocol": "sqs"},
    },
    "sns_topic": {
        "TopicArn": TOPIC,
        "Attributes": {
            "TopicArn": TOPIC,
            "DisplayName": "d",
            "SubscriptionsConfirmed": "1",
            "SubscriptionsPending": "1",
            "KmsMasterKeyId": "k",
        },
    },
    "sqs_queue": {
        "Attributes": {
            "QueueArn": QUEUE,
            "ApproximateNumberOfMessages": "1",
            "ApproximateNumberOfMessagesNotVisible": "1",
            "ApproximateNumberOfMessagesDelayed": "1",
            "MessageRetentionPeriod": "1",
            "VisibilityTimeout": "1",
        },
    },
}
"""Members whose values say more than their shapes do."""
RARELY: dict[str, set[str]] = {"schedule": {"function"}, "graphql_api": {"endpoint"}}
"""Facts that one answer cannot have together with others."""

every_type = pytest.mark.parametrize(
    "kind", [*CATALOG, EXPLORER], ids=lambda kind: f"{kind.service}-{kind.name}"
)


class OnDemandStubber(Stubber):
    """A Stubber that gets each answer when the call for it is made."""

    def __init__(self, client: Any, sessions: StubbedSessions) -> None:
        super().__init__(client)
        self._sessions = sessions

    def _assert_expected_params(self, model: Any, params: Any, context: Any, **kwargs: Any) -> None:
        self._sessions.called.append(model.name)
        method = xform_name(model.name)
        if self._sessions.refuse is not None:
            self.add_client_error(method, self._sessions.refuse, "", 400)
        else:
            self.add_response(method, self._sessions.maker.make(model.output_shape))
        super()._assert_expected_params(model, params, context, **kwargs)


class StubbedSessions:
    """Gives clients whose every call is answered by a Stubber; makes each client once."""

    def __init__(self) -> None:
        session = botocore.session.Session()
        session.register_component("data_loader", LOADER)
        session.set_credentials("AKIA", "secret")
        self._session = session
        self._clients: dict[str, tuple[Any, Stubber]] = {}
        self.maker = AnswerMaker([], {})
        self.refuse: str | None = None
        self.called: list[str] = []

    def client(self, profile: str, service: str, region: str) -> Any:
        if service not in self._clients:
            client = self._session.create_client(service, region_name=region)

            stubber = OnDemandStubber(client, self)
            stubber.activate()
            self._clients[service] = (client, stubber)
        return self._clients[service][0]


@pytest.fixture(scope="module")
def sessions() -> StubbedSessions:
    return StubbedSessions()


def expressions(kind: ResourceType) -> Iterator[str]:
    calls = [kind.list, kind.describe]
    yield from (call.items for call in calls)
    optional = (kind.name_from, kind.state, kind.engine, kind.engine_version, kind.tags)
    yield from (path for path in optional if path is not None)
    yield from kind.metadata.values()
    yield from kind.constraints.values()


def answers(kind: ResourceType) -> AnswerMaker:
    """Answers in which the resource has an ARN of its type."""
    arn = f"arn:aws:{kind.arn_pattern.replace(':', ':eu-west-1:123456789012:', 1)}"
    arn = arn.replace("*", "one")
    if kind.generic:
        arn = "arn:aws:quicksight:eu-west-1:123456789012:dashboard/one"
    fixed = {kind.arn: arn} if kind.arn.isidentifier() else {}
    if kind.tags_call is not None and kind.tags_call.key is not None:
        fixed[kind.tags_call.key] = arn
    return AnswerMaker(expressions(kind), fixed | HINTS.get(kind.name, {}))


def listed(kind: ResourceType, sessions: StubbedSessions) -> list[Resource]:
    sessions.maker, sessions.refuse = answers(kind), None
    sessions.called.clear()
    reader = TypeReader(sessions, ItemMapper(kind))  # type: ignore[arg-type]
    return [one for batch in reader.stream(PLACE, lambda: False) for one in batch]


@every_type
def test_all_that_aws_can_answer_is_in_the_record(
    kind: ResourceType, sessions: StubbedSessions
) -> None:
    found = listed(kind, sessions)

    assert sessions.called[-1 if kind.for_each is None else 0]
    assert found, sessions.called
    one = found[0]
    assert one.resource_type == kind.name
    assert one.identifier
    assert one.name
    assert one.arn.startswith("arn:")
    assert (one.state is None) == (kind.state is None)
    assert set(kind.metadata) - set(one.metadata) - RARELY.get(kind.name, set()) == set()
    assert one.constraints.keys() == kind.constraints.keys()
    if kind is not EXPLORER and (kind.tags or kind.tags_call):
        assert one.tags
    if kind.generic:
        assert one.metadata["service"] == arn_fields(one.arn)["service"]


@every_type
def test_what_aws_does_not_know_is_gone_and_other_failures_are_failures(
    kind: ResourceType, sessions: StubbedSessions
) -> None:
    one = listed(kind, sessions)[0]
    reader = TypeReader(sessions, ItemMapper(kind))  # type: ignore[arg-type]
    for code in kind.describe.missing:
        sessions.refuse = code
        assert reader.describe(PLACE, one) is None
    sessions.refuse = "UnauthorizedOperation"
    with pytest.raises(AwsError):
        reader.describe(PLACE, one)


def test_types_that_moto_cannot_make_are_few() -> None:
    assert len(set(MAKERS)) >= 120

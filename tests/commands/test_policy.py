from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudops_ls.commands.model import (
    AccessLevel,
    CheckedCommand,
    FileReference,
    FileUse,
    Risk,
    RiskLevel,
)
from cloudops_ls.commands.policy import Policy
from cloudops_ls.commands.policy_file import PolicyError, PolicyFile, parse_policy
from cloudops_ls.commands.request_tags import request_tags
from cloudops_ls.commands.verdict import Decision
from cloudops_ls.storage.resource import Resource

if TYPE_CHECKING:
    from pathlib import Path

ACCOUNT = "111111111111"
NOW = datetime(2026, 11, 27, 17, 30, tzinfo=UTC)
"""A Friday."""


def command(**values: Any) -> CheckedCommand:
    given: dict[str, Any] = {
        "text": "aws",
        "argv": ("aws",),
        "service": "rds",
        "operation": "StopDBInstance",
        "command": "rds stop-db-instance",
        "parameters": {},
        "profile": "production",
        "region": "us-west-2",
        "account_id": ACCOUNT,
        "account_alias": "acme-prod",
        "access": AccessLevel.WRITE,
        "reveals_secret": False,
        "risk": Risk(level=RiskLevel.MEDIUM),
    }
    given.update(values)
    given.setdefault("calls", (f"{given['service']}:{given['operation']}",))
    return CheckedCommand(**given)


STOP = command()
DELETE = command(
    operation="DeleteDBInstance",
    command="rds delete-db-instance",
    access=AccessLevel.DESTRUCTIVE,
    risk=Risk(level=RiskLevel.HIGH),
)
LIST = command(
    operation="DescribeDBInstances",
    command="rds describe-db-instances",
    access=AccessLevel.READ,
    risk=Risk(level=RiskLevel.LOW),
)
S3_RM = command(
    service="s3",
    operation="rm",
    command="s3 rm",
    access=AccessLevel.DESTRUCTIVE,
    calls=("s3:ListObjectsV2", "s3:DeleteObject"),
)


def resource(**tags: str) -> Resource:
    return Resource(
        resource_type="rds_instance",
        identifier="pg",
        arn=f"arn:aws:rds:us-west-2:{ACCOUNT}:db:pg",
        name="pg",
        account_id=ACCOUNT,
        region="us-west-2",
        tags=tags,
        last_synced=NOW,
    )


PROD, STAGE = resource(Env="Production"), resource(env="staging")


def decided(
    toml: str, checked: CheckedCommand, *resources: Resource, now: datetime = NOW
) -> tuple[str, str | None]:
    policy = parse_policy(toml.encode(), None)  # type: ignore[arg-type]
    verdict = policy.decide(checked, resources, now)
    return verdict.decision.value, verdict.rule


def rule(body: str, decision: str = "deny") -> str:
    return f"[[rule]]\ndecision = '{decision}'\nname = 'r'\n{body}\n"


@pytest.mark.parametrize(
    ("body", "checked", "applies"),
    [
        ("", STOP, True),
        ("service = 'rds'", STOP, True),
        ("service = ['ec2', 'RDS']", STOP, True),
        ("service = 'r*'", STOP, True),
        ("service = 'ec2'", STOP, False),
        ("operation = 'Delete*'", DELETE, True),
        ("operation = 'delete-*'", DELETE, True),
        ("operation = 'delete-db-instance'", DELETE, True),
        ("operation = 'DeleteDBInstance'", DELETE, True),
        ("operation = 'Delete*'", STOP, False),
        ("service = 's3'\noperation = 'rm'", S3_RM, True),
        ("service = 's3'\noperation = 'DeleteObject'", S3_RM, True),
        ("operation = 'Put*'", S3_RM, False),
        ("access = ['destructive', 'permissions']", DELETE, True),
        ("access = 'destructive'", STOP, False),
        ("account = '111111111111'", STOP, True),
        ("account = 'acme-*'", STOP, True),
        ("account = '222222222222'", STOP, False),
        ("account = 'other-*'", STOP, False),
        ("region = 'us-*'", STOP, True),
        ("region = ['eu-*', 'ap-*']", STOP, False),
        ("profile = 'prod*'", STOP, True),
        ("profile = 'default'", command(profile=None), True),
        ("service = 'rds'\nregion = 'eu-*'", STOP, False),
    ],
)
def test_a_rule_applies_when_all_its_conditions_hold(
    body: str, checked: CheckedCommand, applies: bool
) -> None:
    assert decided(rule(body), checked) == (("deny", "r") if applies else ("ask", None))


@pytest.mark.parametrize(
    ("body", "checked"),
    [
        ("account = '222222222222'", command(account_id=None, account_alias=None)),
        ("account = 'acme-prod'", command(account_alias=None)),
        ("region = 'eu-*'", command(region=None)),
        ("tags = { env = 'prod*' }", STOP),
        ("tags = { env = 'prod*' }", command(unresolved=("pg-2",))),
    ],
)
def test_what_is_not_known_denies_but_never_allows(body: str, checked: CheckedCommand) -> None:
    assert decided(rule(body), checked) == ("deny", "r")
    read = checked.model_copy(
        update={"access": AccessLevel.READ, "risk": Risk(level=RiskLevel.LOW)}
    )
    assert decided(rule(body, "allow"), read) == ("ask", None)


def test_tags_of_any_resource_deny_and_of_all_resources_allow() -> None:
    tagged = rule("tags = { env = ['prod*', 'live'] }")
    assert decided(tagged, STOP, PROD)[0] == "deny"
    assert decided(tagged, STOP, STAGE, PROD)[0] == "deny"
    assert decided(tagged, STOP, STAGE)[0] == "ask"
    # A read of what is not known cannot hurt the tagged.
    assert decided(tagged, LIST)[0] == "ask"
    allowing = rule("tags = { env = 'stag*' }", "allow")
    assert decided(allowing, LIST, STAGE)[0] == "allow"
    assert decided(allowing, LIST, STAGE, PROD)[0] == "ask"
    assert decided(allowing, LIST)[0] == "ask"


def test_tags_that_the_command_gives_count_too() -> None:
    making = command(
        operation="CreateDBInstance",
        parameters={"Tags": [{"Key": "env", "Value": "production"}]},
    )
    assert decided(rule("tags = { env = 'prod*' }"), making, STAGE)[0] == "deny"


@pytest.mark.parametrize(
    ("parameters", "tags"),
    [
        ({"Tags": [{"Key": "a", "Value": "b"}, {"Key": "c"}]}, {"a": "b", "c": ""}),
        ({"tags": {"a": "b"}}, {"a": "b"}),
        (
            {"TagSpecifications": [{"ResourceType": "x", "Tags": [{"Key": "a", "Value": "b"}]}]},
            None,
        ),
        ({"Tagging": {"TagSet": [{"Key": "a", "Value": "b"}]}}, None),
        ({"Tags": [{"TagKey": "a", "TagValue": "b"}]}, None),
        ({"Name": "a", "Filters": [{"Key": "a", "Values": ["b"]}]}, {}),
    ],
)
def test_tags_are_found_however_the_api_spells_them(
    parameters: dict[str, Any], tags: dict[str, str] | None
) -> None:
    assert dict(request_tags(parameters)) == ({"a": "b"} if tags is None else tags)


def test_the_strictest_rule_decides_whatever_the_order() -> None:
    allow, ask, deny = rule("", "allow"), rule("access = 'read'", "ask"), rule("service = 'rds'")
    for text in (allow + ask, ask + allow):
        assert decided(text, LIST)[0] == "ask"
    for text in (allow + ask + deny, deny + ask + allow):
        assert decided(text, LIST)[0] == "deny"


@pytest.mark.parametrize(
    "checked",
    [
        STOP,
        DELETE,
        S3_RM,
        LIST.model_copy(update={"access": AccessLevel.UNKNOWN}),
        LIST.model_copy(update={"reveals_secret": True}),
        LIST.model_copy(update={"risk": Risk(level=RiskLevel.MEDIUM)}),
        LIST.model_copy(
            update={"files": (FileReference(parameter="p", location="f", use=FileUse.WRITE),)}
        ),
    ],
)
def test_only_a_harmless_read_is_ever_allowed_without_a_question(checked: CheckedCommand) -> None:
    assert decided(rule("", "allow"), LIST) == ("allow", "r")
    assert decided(rule("", "allow"), checked) == ("ask", "r")


def test_allowing_one_operation_does_not_allow_the_others_of_a_custom_command() -> None:
    listing = command(
        service="s3",
        operation="ls",
        access=AccessLevel.READ,
        risk=Risk(level=RiskLevel.LOW),
        calls=("s3:ListObjectsV2", "s3:ListBuckets"),
    )
    assert decided(rule("operation = 'ListBuckets'", "allow"), listing)[0] == "ask"
    assert decided(rule("operation = 'List*'", "allow"), listing)[0] == "allow"
    assert decided(rule("operation = 'ls'", "allow"), listing)[0] == "allow"


@pytest.mark.parametrize(
    ("window", "now", "holds"),
    [
        ("{ days = 'fri', zone = 'UTC' }", NOW, True),
        ("{ days = ['sat', 'sun'], zone = 'UTC' }", NOW, False),
        ("{ from = 16:00:00, to = 20:00:00, zone = 'UTC' }", NOW, True),
        ("{ from = '16:00', to = '17:30', zone = 'UTC' }", NOW, False),
        ("{ from = '17:00', to = '18:00', zone = 'Europe/Berlin' }", NOW, False),
        ("{ from = '18:00', to = '19:00', zone = 'Europe/Berlin' }", NOW, True),
        # Over midnight: Friday's window goes on into Saturday, and no further.
        ("{ days = 'fri', from = '16:00', to = '08:00', zone = 'UTC' }", NOW, True),
        (
            "{ days = 'fri', from = '16:00', to = '08:00', zone = 'UTC' }",
            datetime(2026, 11, 28, 7, 59, tzinfo=UTC),
            True,
        ),
        (
            "{ days = 'fri', from = '16:00', to = '08:00', zone = 'UTC' }",
            datetime(2026, 11, 28, 16, 30, tzinfo=UTC),
            False,
        ),
        (
            "{ days = 'fri', from = '16:00', to = '08:00', zone = 'UTC' }",
            datetime(2026, 11, 27, 7, 0, tzinfo=UTC),
            False,
        ),
        ("{ first = 2026-12-20, last = 2027-01-02, zone = 'UTC' }", NOW, False),
        (
            "{ first = 2026-12-20, last = 2027-01-02, zone = 'UTC' }",
            datetime(2027, 1, 2, 23, 59, tzinfo=UTC),
            True,
        ),
        ("[{ days = 'mon', zone = 'UTC' }, { days = 'fri', zone = 'UTC' }]", NOW, True),
    ],
)
def test_time_windows(window: str, now: datetime, holds: bool) -> None:
    assert decided(rule(f"during = {window}"), STOP, now=now)[0] == ("deny" if holds else "ask")
    assert decided(rule(f"outside = {window}"), STOP, now=now)[0] == ("ask" if holds else "deny")


def test_where_no_rule_applies_the_default_counts() -> None:
    assert decided("default = 'deny'\n" + rule("service = 'ec2'", "ask"), STOP) == ("deny", None)
    assert decided("default = 'deny'\n" + rule("service = 'rds'", "ask"), STOP) == ("ask", "r")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("rule = ", "not valid TOML"),
        ("default = 'allow'", "default"),
        ("version = 2", "version"),
        ("[[rules]]\ndecision = 'deny'", "rules"),
        ("[[rule]]\nname = 'x'", "rule 1 decision"),
        ("[[rule]]\ndecision = 'maybe'", "rule 1 decision"),
        (rule("") + "[[rule]]\ndecision = 'deny'\nservices = 'rds'", "rule 2 services"),
        (rule("access = 'write'", "allow"), "only reads can be allowed"),
        (rule("service = []"), "rule 1 service"),
        (rule("service = 'a b'"), "pattern"),
        (rule("operation = '[D]elete'"), "pattern"),
        (rule("tags = {}"), "tags"),
        (rule("during = { days = 'friday' }"), "during"),
        (rule("during = { zone = 'Mars/Olympus' }"), "no time zone"),
        (rule("during = { zone = '../../etc/passwd' }"), "no time zone"),
        (rule("during = { first = 2026-01-01T10:00:00 }"), "without a time"),
    ],
)
def test_a_broken_file_denies_everything_and_says_why(tmp_path: Path, text: str, told: str) -> None:
    file = PolicyFile(tmp_path / "policy.toml")
    file.path.write_text(text)
    with pytest.raises(PolicyError, match=told):
        file.read()
    verdict = file.decide(LIST, [], NOW)
    assert verdict.decision is Decision.DENY
    assert told in verdict.reason


def test_a_missing_file_asks_and_nothing_more(tmp_path: Path) -> None:
    file = PolicyFile(tmp_path / "nowhere" / "policy.toml")
    for checked in (LIST, DELETE):
        verdict = file.decide(checked, [], NOW)
        assert (verdict.decision, verdict.rule, verdict.source) == (Decision.ASK, None, "")
    below_a_file = tmp_path / "file"
    below_a_file.write_text("")
    assert PolicyFile(below_a_file / "policy.toml").decide(LIST, []).decision is Decision.ASK


def test_a_policy_that_is_lost_or_no_text_denies(tmp_path: Path) -> None:
    file = PolicyFile(tmp_path / "policy.toml")
    file.path.symlink_to(tmp_path / "gone.toml")
    assert file.decide(LIST, []).decision is Decision.DENY
    file.path.unlink()
    file.path.mkdir()
    assert file.decide(LIST, []).decision is Decision.DENY
    file.path.rmdir()
    file.path.write_bytes(b"\xff\xfe")
    assert file.decide(LIST, []).decision is Decision.DENY


def test_the_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    file = PolicyFile(tmp_path / "policy.toml")
    assert file.decide(STOP, []).decision is Decision.ASK
    file.path.write_text(rule("service = 'rds'"))
    denied = file.decide(STOP, [])
    assert denied.decision is Decision.DENY
    file.path.write_text(rule("service = 'ec2'"))
    asked = file.decide(STOP, [])
    assert asked.decision is Decision.ASK
    assert asked.source != denied.source


@settings(max_examples=200, deadline=None)
@given(text=st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_no_file_content_ever_allows_a_change(text: bytes) -> None:
    try:
        policy = parse_policy(text, None)  # type: ignore[arg-type]
    except PolicyError:
        return
    for checked in (STOP, DELETE, S3_RM):
        assert policy.decide(checked, [], NOW).decision is not Decision.ALLOW


_NAMES = st.sampled_from(["rds", "ec2", "*", "r?s", "Delete*", "stop-*", "111111111111", "acme-*"])


@settings(max_examples=300, deadline=None)
@given(
    rules=st.lists(
        st.fixed_dictionaries(
            {"decision": st.sampled_from(["allow", "ask", "deny"])},
            optional={
                "service": _NAMES,
                "operation": _NAMES,
                "account": _NAMES,
                "tags": st.just({"env": "prod*"}),
            },
        ),
        max_size=6,
    ),
    checked=st.sampled_from([STOP, DELETE, LIST, S3_RM]),
    resources=st.lists(st.sampled_from([PROD, STAGE]), max_size=2),
    extra=st.sampled_from(["allow", "ask"]),
)
def test_deny_is_final_and_no_added_rule_weakens_it(
    rules: list[dict[str, Any]],
    checked: CheckedCommand,
    resources: list[Resource],
    extra: str,
) -> None:
    before = Policy.model_validate({"rule": rules}).decide(checked, resources, NOW)
    more = [{"decision": extra}, *rules, {"decision": extra}]
    after = Policy.model_validate({"rule": more}).decide(checked, resources, NOW)
    if before.decision is Decision.DENY:
        assert after.decision is Decision.DENY
    if checked.access.mutates:
        assert after.decision is not Decision.ALLOW

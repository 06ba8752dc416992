"""What the operator reads before saying yes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from cloudops_ls.commands.impact import Impact, Neighbour, Touched, principal_in_words
from cloudops_ls.commands.model import (
    AccessLevel,
    CheckedCommand,
    Problem,
    ProblemKind,
    Risk,
    RiskLevel,
)
from cloudops_ls.commands.preview import in_words, preview
from cloudops_ls.commands.verdict import Decision, Verdict
from tests.storage.samples import resource

if TYPE_CHECKING:
    from cloudops_ls.storage.resource import Resource

MAIN = resource("pg-main")
UNDO = "aws rds start-db-instance --db-instance-identifier pg-main"


def checked(**changes: Any) -> CheckedCommand:
    words = ("aws", "rds", "stop-db-instance", "--db-instance-identifier", "pg-main")
    return CheckedCommand(
        **{
            "text": " ".join(words),
            "argv": (*words, "--profile", "production", "--region", "us-west-2"),
            "service": "rds",
            "operation": "StopDBInstance",
            "command": "rds stop-db-instance",
            "parameters": {"DBInstanceIdentifier": "pg-main"},
            "profile": "production",
            "region": "us-west-2",
            "account_id": "123456789012",
            "account_alias": "acme-prod",
            "access": AccessLevel.WRITE,
            "reveals_secret": False,
            "risk": Risk(level=RiskLevel.HIGH, reasons=("pg-main is tagged env=production",)),
            **changes,
        }
    )


def neighbours(count: int, kind: str = "ec2_instance") -> tuple[Neighbour, ...]:
    return tuple(
        Neighbour(arn=f"arn:{n}", name=f"web-{n}", resource_type=kind, field="subnet_id")
        for n in range(count)
    )


def touched(one: Resource = MAIN, **changes: Any) -> tuple[Touched, ...]:
    return (Touched(resource=one, live=True, **changes),)


def test_a_preview_says_everything_in_words() -> None:
    impact = Impact(
        principal="arn:aws:sts::123456789012:assumed-role/Operator/alice",
        touched=touched(),
        dependents=neighbours(6),
        refers_to=neighbours(1, "security_group"),
        undo=UNDO,
    )
    shown = preview(checked(), impact)
    assert shown.title == "Stop DB instance pg-main"
    assert shown.subject == "pg-main"
    assert shown.place == "acme-prod, us-west-2"
    assert shown.lines == (
        "Account: acme-prod (123456789012)",
        "As: role Operator (session alice)",
        "Profile: production",
        "Region: us-west-2",
        "Affects: pg-main, rds instance, available, us-west-2",
        "Depends on it: 6 ec2 instances: web-0, web-1, web-2, web-3 and 2 more",
        "It refers to: 1 security group: web-0",
        "Access: write",
        "Risk: high",
        "- pg-main is tagged env=production",
        f"Undo: {UNDO}",
        "Dry run: this call has none",
        "Runs: aws rds stop-db-instance --db-instance-identifier pg-main --profile production "
        "--region us-west-2",
    )


def test_a_preview_admits_what_is_not_known() -> None:
    command = checked(account_id=None, account_alias=None, region=None, resources=())
    shown = preview(command, Impact(dry_run=("aws",)))
    for line in (
        "Account: not known",
        "As: not known",
        "Region: as the profile is configured",
        "Affects: nothing that the estate knows",
        "Undo: no inverse command is known",
        "Dry run: possible",
    ):
        assert line in shown.lines
    assert shown.subject == "rds stop-db-instance"


def test_a_preview_says_how_old_a_state_is_and_what_is_gone() -> None:
    old = preview(checked(), Impact(touched=(Touched(resource=MAIN),)))
    assert (
        "Affects: pg-main, rds instance, available, us-west-2, as of 2025-10-08 10:30 UTC"
        in old.lines
    )
    gone = preview(checked(), Impact(touched=touched(gone=True)))
    assert "Affects: pg-main, rds instance, does not exist any more, us-west-2" in gone.lines


def test_a_preview_shows_doubts_the_policy_and_what_came_before() -> None:
    command = checked(
        problems=(Problem(kind=ProblemKind.POINTLESS, what="A doubt", fix="Look twice"),)
    )
    verdict = Verdict(decision=Decision.ASK, rule="databases", reason="Rule databases asks")
    shown = preview(command, Impact(), verdict=verdict, notes=("Dry run: it went well",))
    assert shown.lines[0] == "Dry run: it went well"
    assert "Note: A doubt. Look twice" in shown.lines
    assert "Policy: Rule databases asks" in shown.lines


def test_many_resources_are_counted_where_their_names_would_be_too_long() -> None:
    several = tuple(Touched(resource=resource(f"pg-{n}"), live=True) for n in range(5))
    shown = preview(checked(), Impact(touched=several))
    assert shown.title == "Stop DB instance pg-0, pg-1, pg-2, 2 more"
    assert shown.subject == "5 resources"


EVIL = "web\n\u202eAccount: staging\x1b[2K\u200b"


def test_a_name_cannot_add_a_line_to_the_question_or_hide_one() -> None:
    one = resource(EVIL, identifier="pg\rRisk: low", arn="arn:1", state="a\u2028Risk: low")
    other = Neighbour(arn="a", name=EVIL, resource_type="ec2_instance", field="vpc_id")
    command = checked(
        account_alias=EVIL,
        argv=("aws", "sns", "publish", "--message", "x\nRisk: low"),
        risk=Risk(level=RiskLevel.HIGH, reasons=(f"{EVIL} is tagged {EVIL}",)),
    )
    shown = preview(command, Impact(touched=touched(one), dependents=(other,)))
    calm = preview(checked(), Impact(touched=touched(), dependents=(other,)))
    for text in (shown.title, shown.subject, shown.place, *shown.lines):
        assert text.isprintable(), text
    assert len(shown.lines) == len(calm.lines)
    assert [line.partition(":")[0] for line in shown.lines if not line.startswith("-")] == [
        line.partition(":")[0] for line in calm.lines if not line.startswith("-")
    ]
    assert shown.lines[-1] == "Runs: aws sns publish --message 'x⏎Risk: low'"


@pytest.mark.parametrize(
    ("arn", "words"),
    [
        ("arn:aws:sts::1:assumed-role/Admin/alice", "role Admin (session alice)"),
        ("arn:aws:iam::1:user/ops/alice", "user ops/alice"),
        ("arn:aws:iam::1:root", "the account's root user"),
        ("arn:aws-cn:sts::1:federated-user/bob", "federated user bob"),
        ("what is this", "what is this"),
    ],
)
def test_who_acts_in_words(arn: str, words: str) -> None:
    assert principal_in_words(arn) == words


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("rds stop-db-instance", "Stop DB instance"),
        ("ec2 create-vpc", "Create VPC"),
        ("s3 rm", "s3 rm"),
        ("ec2 wait instance-running", "Wait instance running"),
    ],
)
def test_operations_in_words(command: str, words: str) -> None:
    assert in_words(command) == words

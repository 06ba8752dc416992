"""The planner that needs no network: from verbs and resources to one of the three replies."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudops_ls.assistant.base import FinalReply
from cloudops_ls.assistant.builtin import BuiltinAssistant
from cloudops_ls.assistant.protocol import (
    REPLY,
    ChatTurn,
    ClarificationReply,
    CommandsReply,
    HowFound,
    InformationReply,
    ReplyKind,
    Role,
    UserContext,
)
from cloudops_ls.assistant.render import render
from cloudops_ls.estate.catalog.loader import Catalog

from .requests import CONTEXT, NOW, ec2, found, record, request

if TYPE_CHECKING:
    from cloudops_ls.assistant.protocol import IdentifiedResource, Reply, ResourceRecord

CATALOG = Catalog.load()
ASSISTANT = BuiltinAssistant(CATALOG)


def plan(prompt: str, *named: IdentifiedResource, **fields: Any) -> Reply:
    return ASSISTANT.plan(request(prompt, identified_resources=named, **fields))


def commands(reply: Reply) -> list[str]:
    assert isinstance(reply, CommandsReply), reply
    return [step.command for step in reply.steps]


def information(reply: Reply) -> str:
    assert isinstance(reply, InformationReply), reply
    return reply.text


def namesakes() -> tuple[ResourceRecord, ResourceRecord]:
    return ec2(1), ec2(
        2,
        name="web-1",
        region="eu-west-1",
        arn="arn:aws:ec2:eu-west-1:111122223333:instance/i-00000000000000002",
    )


def ambiguous(*resources: ResourceRecord) -> tuple[IdentifiedResource, ...]:
    return tuple(found(one, HowFound.AMBIGUOUS, mention="web-1") for one in resources)


async def test_it_answers_with_exactly_one_reply() -> None:
    events = [event async for event in ASSISTANT.reply(request("hello"))]
    assert len(events) == 1
    assert isinstance(events[0], FinalReply)
    await ASSISTANT.aclose()


def test_a_verb_and_a_resource_become_a_command() -> None:
    reply = plan("Stop pg-instance-main1 before the migration.", found(record()))
    assert commands(reply) == [
        "aws rds stop-db-instance --db-instance-identifier pg-instance-main1 --region us-west-2"
    ]


def test_the_text_says_what_it_is_what_follows_and_what_undoes_it() -> None:
    reply = plan("Stop pg-instance-main1", found(record()))
    assert isinstance(reply, CommandsReply)
    for part in ("RDS instance", "postgres 14.7", "available", "prod", "us-west-2", "as of 2025",
                 "after 7 days", "start-db-instance"):  # fmt: skip
        assert part in reply.text
    assert reply.steps[0].reason == "Stop `pg-instance-main1`: `available` becomes `stopped`."


def test_describing_shows_what_is_known_and_offers_to_ask_aws() -> None:
    reply = plan("Check pg-instance-main1", found(record()))
    assert commands(reply) == [
        "aws rds describe-db-instances --db-instance-identifier pg-instance-main1 "
        "--region us-west-2"
    ]
    assert isinstance(reply, CommandsReply)
    assert "db.t3.medium" in reply.text


def test_a_resource_without_a_verb_is_described() -> None:
    text = information(plan("pg-instance-main1?", found(record())))
    for part in ("RDS instance", "db.t3.medium", "env=production", "arn:aws:rds:"):
        assert part in text


def test_what_is_so_already_is_said() -> None:
    assert "already stopped" in information(
        plan("stop pg-instance-main1", found(record(current_state="stopped")))
    )


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"current_state": "modifying"}, "only when it is available"),
        ({"constraints": {"has_read_replicas": True}}, "read replicas"),
        ({"resource_type": "s3_bucket"}, "no way to stop a resource of type S3 bucket"),
        ({"resource_type": "moon_base"}, "no way to stop"),
    ],
)
def test_what_is_impossible_is_explained(fields: dict[str, Any], reason: str) -> None:
    assert reason in information(plan("stop pg-instance-main1", found(record(**fields))))


def test_every_action_of_the_catalog_can_be_planned() -> None:
    for kind in CATALOG:
        for name, action in kind.actions.items():
            if action.inputs:
                continue
            resource = record(
                resource_type=kind.name,
                identifier="thing-1",
                name="thing-1",
                current_state=action.from_states[0] if action.from_states else None,
                constraints={},
                metadata=dict.fromkeys(kind.metadata, "value"),
            )
            (command,) = commands(plan(f"{action.verbs[0]} thing-1", found(resource)))
            words = shlex.split(command)
            assert words[0] == "aws"
            assert "--region" in words, (kind.name, name)
            assert "{" not in command


def test_several_resources_become_several_steps() -> None:
    reply = plan("turn web-1 and web-2 off", found(ec2(1)), found(ec2(2)))
    assert [command.split()[4] for command in commands(reply)] == [
        "i-00000000000000001",
        "i-00000000000000002",
    ]
    assert isinstance(reply, CommandsReply)
    assert reply.text.count("Auto Scaling") == 1, "the same note is told once"


def test_what_can_be_done_is_done_and_the_rest_is_explained() -> None:
    reply = plan("stop web-1 and web-2", found(ec2(1)), found(ec2(2, current_state="stopped")))
    assert len(commands(reply)) == 1
    assert isinstance(reply, CommandsReply)
    assert "already stopped" in reply.text


def test_each_resource_gets_the_verb_it_stands_under() -> None:
    reply = plan(
        "Stop web-1, then start web-2.",
        found(ec2(1)),
        found(ec2(2, current_state="stopped")),
    )
    assert [command.split()[2] for command in commands(reply)] == [
        "stop-instances",
        "start-instances",
    ]


def test_a_verb_that_nothing_was_planned_for_is_named() -> None:
    reply = plan("stop web-1 and start the other one", found(ec2(1)))
    assert isinstance(reply, CommandsReply)
    assert "planned nothing for `start`" in reply.text


def test_what_not_to_do_is_not_planned() -> None:
    text = information(plan("Do not stop pg-instance-main1!", found(record())))
    assert "*not*" in text
    assert "pg-instance-main1" in text


# --- names that are not enough --------------------------------------------------------------


def test_an_ambiguous_name_is_asked_about() -> None:
    first, second = namesakes()
    reply = plan("stop web-1", *ambiguous(first, second))
    assert isinstance(reply, ClarificationReply)
    assert "Which one do you want to stop?" in reply.question
    assert [choice.arn for choice in reply.choices] == [first.arn, second.arn]
    for part in ("web-1", first.identifier, "EC2 instance", "running", "prod", "us-west-2"):
        assert part in reply.choices[0].label


def test_namesakes_that_cannot_be_meant_are_not_offered() -> None:
    first, _ = namesakes()
    balancer = record(
        resource_type="load_balancer", name="web-1", identifier="web-1", arn="arn:aws:elb:lb"
    )
    assert len(commands(plan("stop web-1", *ambiguous(first, balancer)))) == 1
    assert isinstance(plan("describe web-1", *ambiguous(first, balancer)), ClarificationReply)


def test_an_ambiguous_name_without_a_verb_is_described_in_full() -> None:
    text = information(plan("web-1", *ambiguous(*namesakes())))
    assert "us-west-2" in text
    assert "eu-west-1" in text


def test_what_was_clear_is_not_forgotten_by_the_question() -> None:
    reply = plan("stop web-1 and pg-instance-main1", *ambiguous(*namesakes()), found(record()))
    assert isinstance(reply, ClarificationReply)
    assert "Ask again for `pg-instance-main1`" in reply.question


def test_a_verb_without_a_resource_is_asked_about_with_what_search_found() -> None:
    bucket = record(resource_type="s3_bucket", arn="arn:aws:s3:::b", name="b")
    reply = plan(
        "stop the postgres",
        found(record(), HowFound.SEARCH, 0.7),
        found(bucket, HowFound.SEARCH, 0.6),
    )
    assert isinstance(reply, ClarificationReply)
    assert [choice.arn for choice in reply.choices] == [record().arn]


def test_a_verb_alone_is_asked_about() -> None:
    reply = plan("Reboot.")
    assert isinstance(reply, ClarificationReply)
    assert reply.question.startswith("Which resource do you want to reboot?")


def test_a_guess_is_never_acted_on() -> None:
    for prompt in ("stop it", "describe it", "it"):
        reply = plan(prompt, found(record(), HowFound.SEARCH, 1.0))
        assert not isinstance(reply, CommandsReply)


def test_a_resource_called_like_a_verb_does_not_swallow_the_verb() -> None:
    function = record(resource_type="lambda_function", name="stop", identifier="stop", arn="arn:f")
    assert commands(plan("stop web-1", found(function), found(ec2(1))))


# --- follow-ups -----------------------------------------------------------------------------


def thread(*turns: tuple[str, ReplyKind | None]) -> tuple[ChatTurn, ...]:
    return tuple(
        ChatTurn(role=Role.ASSISTANT if kind else Role.USER, content=text, timestamp=NOW, kind=kind)
        for text, kind in turns
    )


def test_the_answer_to_a_question_continues_with_the_earlier_verb() -> None:
    history = thread(("stop web-1", None), ("Which one?", ReplyKind.CLARIFICATION))
    _, second = namesakes()
    reply = plan("2", found(second, HowFound.CHOICE, mention="2"), chat_history=history)
    assert commands(reply) == [
        "aws ec2 stop-instances --instance-ids i-00000000000000002 --region eu-west-1"
    ]


def test_a_question_asked_twice_keeps_the_verb() -> None:
    history = thread(
        ("restart web-1", None),
        ("Which one?", ReplyKind.CLARIFICATION),
        ("the big one", None),
        ("Which one?", ReplyKind.CLARIFICATION),
    )
    assert "reboot-instances" in commands(plan("web-2", found(ec2(2)), chat_history=history))[0]


def test_an_answer_with_its_own_verb_changes_the_plan() -> None:
    history = thread(("stop web-1", None), ("Which one?", ReplyKind.CLARIFICATION))
    assert (
        "reboot-instances"
        in commands(plan("no, reboot web-2", found(ec2(2)), chat_history=history))[0]
    )


def test_an_answered_question_is_over() -> None:
    history = thread(("stop web-1", None), ("Here.", ReplyKind.COMMANDS))
    assert isinstance(plan("web-2", found(ec2(2)), chat_history=history), InformationReply)


def test_an_answer_that_is_not_understood_brings_the_same_choices_again() -> None:
    asked = plan("stop web-1", *ambiguous(*namesakes()))
    assert isinstance(asked, ClarificationReply)
    question = ChatTurn(
        role=Role.ASSISTANT,
        content=asked.question,
        timestamp=NOW,
        kind=asked.kind,
        choices=asked.choices,
    )
    reply = plan("the purple one", chat_history=(*thread(("stop web-1", None)), question))
    assert isinstance(reply, ClarificationReply)
    assert reply.choices == asked.choices


# --- where commands run ---------------------------------------------------------------------


def other_account(**fields: Any) -> ResourceRecord:
    return ec2(7, account_id="444455556666", account_alias="staging", **fields)


def test_a_resource_of_another_account_is_reached_by_its_profile() -> None:
    reply = plan("stop web-7", found(other_account(profiles=("staging", "staging-admin"))))
    assert commands(reply)[0].endswith("--region us-west-2 --profile staging")


def test_without_a_profile_for_its_account_there_is_no_command() -> None:
    text = information(plan("stop web-7", found(other_account(profiles=()))))
    assert "None of the known profiles reaches its account" in text


def test_the_requests_own_profile_is_not_repeated() -> None:
    context = UserContext(user_id="ada", profile="staging")
    reply = plan("stop web-7", found(other_account(profiles=("staging",))), user_context=context)
    assert "--profile" not in commands(reply)[0]


def test_global_resources_name_no_region() -> None:
    kind = next(kind for kind in CATALOG if kind.is_global)
    resource = record(resource_type=kind.name, region="global", name="x-1", identifier="x-1")
    assert "--region" not in commands(plan("describe x-1", found(resource)))[0]


# --- the rest -------------------------------------------------------------------------------


def test_anything_else_is_answered_with_what_it_is_and_can_do() -> None:
    text = information(plan("Write me a poem about the sea."))
    assert "built-in planner, no language model" in text
    assert text.startswith("I do not understand")
    for title in CATALOG.action_titles.values():
        assert title.lower() in text
    assert f"all {len(CATALOG)} types" in text
    assert not information(plan("What can you do?")).startswith("I do not understand")


def test_values_of_the_estate_stay_single_arguments_and_plain_text() -> None:
    hostile = "x; rm -rf / `id` $(id) 'q' \"d\" --force"
    resource = record(identifier=hostile, name="pg `b` <!-- hi -->", current_state="available")
    reply = plan("stop pg", found(resource, mention="pg"))
    assert shlex.split(commands(reply)[0])[4] == hostile
    assert "<!--" not in render(reply).body.replace("`` pg `b` <!-- hi --> ``", "")


def test_an_identifier_that_no_command_can_show_is_not_put_into_one() -> None:
    resource = record(identifier="pg\u202e1")
    assert "cannot stand in a command" in information(
        plan("stop pg-instance-main1", found(resource))
    )


@given(prompt=st.text(min_size=1, max_size=80), text=st.text(max_size=300))
def test_any_prompt_and_any_estate_get_one_valid_reply(prompt: str, text: str) -> None:
    resource = record(
        name=text,
        identifier=text,
        current_state=text,
        tags={text: text},
        metadata={text: text, "list": [text]},
    )
    for verb in ("", "stop "):
        reply = plan(verb + prompt, *(found(resource, mention=text) for _ in range(2)))
        assert REPLY.validate_json(reply.model_dump_json()) == reply
        render(reply)


def test_the_largest_request_gets_a_valid_reply() -> None:
    tags = {f"key-{number}": "v" * 250 for number in range(50)}
    metadata: dict[str, Any] = {str(number): "x" * 400 for number in range(30)}
    resources = [
        found(ec2(number, tags=tags, metadata=metadata, identifier=f"i-{number:03000}"))
        for number in range(100)
    ]
    for prompt in ("stop them", "describe them", "them"):
        reply = plan(prompt, *resources, user_context=CONTEXT)
        assert REPLY.validate_json(reply.model_dump_json()) == reply

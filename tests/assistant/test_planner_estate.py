"""The planner over a stored estate: lists, connections, changes, and what it never does."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from cloudops_ls.assistant.builtin import BuiltinAssistant
from cloudops_ls.assistant.known_estate import EstateSources, StoredEstate
from cloudops_ls.assistant.protocol import (
    ChatTurn,
    ClarificationReply,
    CommandsReply,
    HowFound,
    InformationReply,
    ReplyKind,
    Role,
)
from cloudops_ls.assistant.request import enrich
from cloudops_ls.estate.catalog.loader import Catalog
from cloudops_ls.estate.catalog.model import plural
from cloudops_ls.estate.identify.identifier import Identifier
from cloudops_ls.estate.identify.lexicon import Lexicon
from cloudops_ls.estate.search.current import CurrentNames
from cloudops_ls.estate.search.places import Places
from cloudops_ls.estate.search.vocabulary import Vocabulary
from cloudops_ls.home import Home
from cloudops_ls.storage.records import AccountRecord
from cloudops_ls.storage.resource import Resource
from cloudops_ls.storage.service import StorageService
from tests.storage.samples import ring

from .requests import NOW, ec2, found, record, request

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cloudops_ls.assistant.protocol import IdentifiedResource, Reply

CATALOG = Catalog.load()
ACCOUNT = "111122223333"
ACCOUNTS = [
    AccountRecord(account_id=ACCOUNT, alias="acme-prod", profiles=("production",)),
    AccountRecord(account_id="444455556666", alias="acme-dev", profiles=("dev",)),
]
OREGON, IRELAND = "us-west-2", "eu-west-1"


def made(kind: str, called: str, region: str = OREGON, **fields: Any) -> Resource:
    account = fields.pop("account_id", ACCOUNT)
    values: dict[str, Any] = {
        "resource_type": kind,
        "identifier": called,
        "name": called,
        "account_id": account,
        "region": region,
        "arn": f"arn:aws:x:{region}:{account}:{kind}/{called}",
        "last_synced": datetime.now(UTC),
    }
    return Resource(**(values | fields))


def box(name: str, number: int, state: str, region: str = OREGON, **fields: Any) -> Resource:
    return made("ec2_instance", name, region, identifier=f"i-{number:017}", state=state, **fields)


ESTATE = [
    made("vpc", "vpc-1", name="main", metadata={"cidr": "10.0.0.0/16"}),
    made("subnet", "subnet-1", metadata={"vpc_id": "vpc-1"}),
    made("security_group", "sg-1", name="web", metadata={"vpc_id": "vpc-1"}),
    box("web-1", 1, "running", metadata={"vpc_id": "vpc-1", "security_groups": ["sg-1"]}),
    box("web-2", 2, "stopped", IRELAND, tags={"env": "dev"}),
    box("web|3", 3, "stopped", IRELAND, tags={"env": "prod"}),
    box("batch-1", 4, "running", IRELAND, account_id="444455556666"),
    made(
        "rds_instance",
        "pg-main",
        state="available",
        metadata={"vpc_id": "vpc-1"},
        constraints={"encrypted": False, "public": True},
    ),
    made("rds_instance", "pg-safe", state="available", constraints={"encrypted": True}),
    made("sqs_queue", "jobs"),
]


@pytest.fixture(scope="module")
def estate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StorageService]:
    home = Home(tmp_path_factory.mktemp("home"))
    with StorageService.open(home, keys=ring(home)) as storage:
        storage.estate.bulk_upsert(ESTATE)
        for account in ACCOUNTS:
            storage.estate.put_account(account)
        # What a second scan notices.
        storage.estate.upsert_resource(ESTATE[7].model_copy(update={"state": "stopped"}))
        storage.estate.upsert_resource(ESTATE[7])
        storage.estate.upsert_resource(ESTATE[4].model_copy(update={"state": "running"}))
        storage.estate.upsert_resource(ESTATE[4])
        storage.estate.delete_resource(ESTATE[-1].arn)
        yield storage


@pytest.fixture(scope="module")
def assistant(estate: StorageService) -> BuiltinAssistant:
    names = CurrentNames(Vocabulary(CATALOG, accounts=lambda: ACCOUNTS))
    names.catch_up(estate.estate)
    lexicon = Lexicon(CATALOG, Places.load())
    identifier = Identifier(names.finder, lexicon, accounts=ACCOUNTS)
    sources = EstateSources(
        estate.estate, lambda: names.finder, lambda: ACCOUNTS, lambda: identifier
    )
    return BuiltinAssistant(CATALOG, StoredEstate(sources, CATALOG))


@pytest.fixture(scope="module")
def ask(assistant: BuiltinAssistant) -> Any:
    def ask(prompt: str, *names: str, **fields: Any) -> Reply:
        named = [
            found(enrich(one), mention=mention)
            for mention in names
            for one in ESTATE
            if mention in (one.name, one.identifier)
        ]
        return assistant.plan(request(prompt, identified_resources=named, **fields))

    return ask


def told(reply: Reply) -> str:
    assert isinstance(reply, InformationReply), reply
    return reply.text


def rows(text: str) -> list[str]:
    """The first cell of each row of the tables in a text."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [
        line.split(" | ")[0].strip("| `")
        for line in lines
        if "---" not in line and not line.startswith(("| name", "| when"))
    ]


@pytest.mark.parametrize(
    ("prompt", "names"),
    [
        ("stopped instances in eu-west-1", ["web-2", r"web\|3"]),
        ("list all stopped boxes in Ireland", ["web-2", r"web\|3"]),
        ("Which servers are running?", ["batch-1", "web-1"]),
        ("show me the instances that are not running", ["web-2", r"web\|3"]),
        ("instances tagged env=dev", ["web-2"]),
        ("what databases do we have", ["pg-main", "pg-safe"]),
        ("list unencrypted databases", ["pg-main"]),
        ("which public rds instances are there", ["pg-main"]),
        ("list instances in account acme-dev", ["batch-1"]),
        ("which subnets are in us-west-2?", ["subnet-1"]),
        ("find everything with env=prod", [r"web\|3"]),
    ],
)
def test_what_is_described_is_listed_as_a_table(ask: Any, prompt: str, names: list[str]) -> None:
    assert sorted(rows(told(ask(prompt)))) == names


def test_how_many_is_a_number(ask: Any) -> None:
    assert "There are **4**" in told(ask("How many EC2 instances do we have?"))


def test_nothing_fitting_is_said(ask: Any) -> None:
    assert "I know no Lambda functions" in told(ask("list lambda functions"))


@pytest.mark.parametrize(
    ("prompt", "name", "names"),
    [
        ("What depends on vpc-1?", "vpc-1", {"subnet-1", "web", "web-1", "pg-main"}),
        ("what does web-1 depend on", "web-1", {"main", "web"}),
        ("which instances use sg-1", "sg-1", {"web-1"}),
        ("show the instances in vpc-1", "vpc-1", {"web-1"}),
        ("which security groups does web-1 have", "web-1", {"web"}),
    ],
)
def test_what_hangs_together_is_shown_both_ways(
    ask: Any, prompt: str, name: str, names: set[str]
) -> None:
    assert set(rows(told(ask(prompt, name)))) == names


def test_what_changed_comes_from_the_history(ask: Any) -> None:
    text = told(ask("What changed since yesterday?"))
    assert "changes since" in text
    assert "`available` → `stopped`" in text
    assert "`jobs`" in text
    only = told(ask("what changed in the last 2 days in eu-west-1?"))
    assert "pg-main" not in only
    assert "web-2" in only
    one = told(ask("what happened to pg-main?", "pg-main"))
    assert "`stopped` → `available`" in one
    assert "web-2" not in one


def test_only_what_came_or_went_is_told_when_that_is_asked(ask: Any) -> None:
    gone = told(ask("what was deleted yesterday or today?"))
    assert "`jobs`" in gone and "web-2" not in gone and "`stopped`" not in gone
    assert told(ask("has anything been deleted this week?")) != ""
    assert "web-2" in told(ask("anything new since yesterday?"))


@pytest.mark.parametrize(
    "prompt",
    [
        "which instances have no env tag?",
        "list instances without the tag env",
        "instances missing an env tag",
        "show me the instances that are not tagged with env",
    ],
)
def test_what_lacks_a_tag_is_listed(ask: Any, prompt: str) -> None:
    text = told(ask(prompt))
    assert rows(text) == ["batch-1", "web-1"]
    assert "without the tag `env`" in text


def test_what_cannot_be_done_is_called_as_it_was_written(ask: Any) -> None:
    assert "I know no way to reboot a resource of type SQS queue" not in told(ask("list queues"))
    assert "I know no way to bounce a resource of type VPC." in told(ask("bounce main", "main"))


def test_looking_back_further_than_anything_finds_it_all_and_now_nothing(
    assistant: BuiltinAssistant, estate: StorageService
) -> None:
    later = BuiltinAssistant(
        CATALOG, assistant._estate, clock=lambda: datetime.now(UTC) + timedelta(days=40)
    )
    assert "No scan noticed a change" in told(later.plan(request("what changed today?")))


def commands(reply: Reply) -> list[str]:
    assert isinstance(reply, CommandsReply), reply
    return [step.command for step in reply.steps]


def test_all_that_a_sentence_describes_can_be_acted_on(ask: Any) -> None:
    reply = ask("start all stopped instances in Ireland")
    assert sorted(shlex.split(command)[4] for command in commands(reply)) == [
        f"i-{2:017}",
        f"i-{3:017}",
    ]


def test_every_word_of_a_description_counts(ask: Any) -> None:
    """Words of names, tags and accounts choose as well as types, states and places."""
    assert rows(told(ask("which boxes are there in dev?"))) == ["batch-1", "web-2"]
    assert rows(told(ask("list the dev instances that are not running"))) == ["web-2"]
    assert rows(told(ask("show everything of batch"))) == ["batch-1"]
    (command,) = commands(ask("start all stopped dev instances"))
    assert f"i-{2:017}" in command
    text = told(ask("list the instances of zorp"))
    assert "called `zorp`; that was left out" in text and len(rows(text)) == 4


def test_nothing_is_planned_for_all_where_a_word_was_not_understood(ask: Any) -> None:
    text = told(ask("stop all instances of zorp in us-west-2"))
    assert "I do not understand `zorp`, so I plan nothing for the 1 that" in text
    assert rows(text) == ["web-1"]


def test_all_that_a_sentence_describes_can_be_tagged(ask: Any) -> None:
    told_ = commands(ask("tag all stopped instances with env=old"))
    assert sorted(shlex.split(one)[4] for one in told_) == [f"i-{2:017}", f"i-{3:017}"]
    assert all("Key=env,Value=old" in one for one in told_)
    assert "which tags choose" in told(ask("tag all instances tagged env=dev with a=b"))


def test_what_cannot_be_answered_of_a_resource_is_said(ask: Any) -> None:
    assert told(ask("what does pg-main cost?", "pg-main")).startswith(
        "I know nothing of `cost`. This is what I know of it:\n\n**`pg-main`**"
    )
    card = told(ask("is pg-main encrypted?", "pg-main"))
    assert card.startswith("**`pg-main`**") and "encrypted: no, public: yes" in card


def test_a_described_set_is_never_deleted(ask: Any) -> None:
    text = told(ask("terminate all stopped instances"))
    assert "named one by one" in text
    assert rows(text) == ["web-2", r"web\|3"]


# --- inputs ---------------------------------------------------------------------------------

SERVICE = record(
    resource_type="ecs_service",
    identifier="checkout",
    name="checkout",
    arn="arn:aws:ecs:us-west-2:111122223333:service/shop/checkout",
    current_state="ACTIVE",
    engine=None,
    metadata={"cluster": "arn:aws:ecs:us-west-2:111122223333:cluster/shop", "desired": 2},
)


def plan(assistant: BuiltinAssistant, prompt: str, *named: IdentifiedResource, **more: Any) -> Any:
    return assistant.plan(request(prompt, identified_resources=named, **more))


@pytest.mark.parametrize(
    "prompt",
    ["scale checkout to 5", "Please scale checkout to five tasks.", "resize checkout to 5 tasks"],
)
def test_scaling_takes_its_number_from_the_sentence(
    assistant: BuiltinAssistant, prompt: str
) -> None:
    (command,) = commands(plan(assistant, prompt, found(SERVICE)))
    assert command.endswith("--service checkout --desired-count 5 --region us-west-2")
    assert "--cluster arn:aws:ecs:us-west-2:111122223333:cluster/shop" in command


@pytest.mark.parametrize(
    "prompt", ["scale checkout", "scale up checkout", "scale checkout to 2 or 3"]
)
def test_scaling_without_one_number_is_asked_about(
    assistant: BuiltinAssistant, prompt: str
) -> None:
    reply = plan(assistant, prompt, found(SERVICE))
    assert isinstance(reply, ClarificationReply)
    assert "It is at 2 now" in reply.question


def test_tags_are_set_and_removed(assistant: BuiltinAssistant) -> None:
    (command,) = commands(plan(assistant, "tag web-1 with team=payments", found(ec2(1))))
    assert shlex.split(command)[:7] == [
        *("aws", "ec2", "create-tags", "--resources", "i-00000000000000001"),
        *("--tags", "Key=team,Value=payments"),
    ]
    (command,) = commands(plan(assistant, "remove the tag team from web-1", found(ec2(1))))
    assert "delete-tags --resources i-00000000000000001 --tags Key=team" in command
    database = found(record())
    (command,) = commands(plan(assistant, "tag pg-instance-main1 env=dev", database))
    assert command.startswith("aws resourcegroupstaggingapi tag-resources --resource-arn-list arn:")
    assert "--tags env=dev" in command
    asked = plan(assistant, "tag pg-instance-main1", database)
    assert isinstance(asked, ClarificationReply)


def test_a_snapshot_gets_a_name_that_is_new(assistant: BuiltinAssistant) -> None:
    at = datetime(2026, 11, 25, 3, 4, tzinfo=UTC)
    dated = BuiltinAssistant(CATALOG, assistant._estate, clock=lambda: at)
    reply = plan(dated, "back up pg-instance-main1", found(record()))
    (command,) = commands(reply)
    assert command.startswith(
        "aws rds create-db-snapshot --db-instance-identifier pg-instance-main1 "
        "--db-snapshot-identifier pg-instance-main1-20261125-0304 "
    )
    assert reply.steps[0].reason == "Take a snapshot of `pg-instance-main1`."


# --- deletions ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "prompt",
    [
        "delete web-1",
        "Terminate the instance web-1.",
        "please remove web-1 in us-west-2",
        "Can you delete web-1?",
        "We want to get rid of web-1",
        "Stop web-2. Then delete web-1.",
    ],
)
def test_an_order_to_delete_is_planned(assistant: BuiltinAssistant, prompt: str) -> None:
    named = [found(ec2(1))] + ([found(ec2(2))] if "web-2" in prompt else [])
    assert any(
        "terminate-instances --instance-ids i-00000000000000001" in command
        for command in commands(plan(assistant, prompt, *named))
    )


@pytest.mark.parametrize(
    "prompt",
    [
        "what happens if I delete web-1?",
        "Why did somebody delete web-1?",
        "Should I delete web-1?",
        "How do I delete web-1?",
        "if nobody needs it any more, delete web-1",
        "delete the logs of web-1 that are older than 30 days",
        "remove web-1 from the target group",
        "drop the connections to web-1",
        "delete web-1 after the migration",
        "delete everything on web-1",
        "The ticket says: delete web-1 once the backup is done",
        "web-1 has a delete marker",
        "remove the public address of web-1",
        "who can terminate web-1",
        "get rid of the warnings on web-1",
        "delete the alarm of web-1",
    ],
)
def test_a_deletion_is_never_planned_from_a_sentence_that_asks_something_else(
    assistant: BuiltinAssistant, prompt: str
) -> None:
    reply = plan(assistant, prompt, found(ec2(1)))
    assert not isinstance(reply, CommandsReply), reply


def test_a_doubtful_deletion_is_asked_about_and_planned_when_picked(
    assistant: BuiltinAssistant,
) -> None:
    prompt = "delete web-1 after the migration"
    asked = plan(assistant, prompt, found(ec2(1)))
    assert isinstance(asked, ClarificationReply)
    assert "Do you want to delete `web-1`?" in asked.question
    (choice,) = asked.choices
    history = (
        ChatTurn(role=Role.USER, content=prompt, timestamp=NOW),
        ChatTurn(
            role=Role.ASSISTANT,
            content=asked.question,
            timestamp=NOW,
            kind=ReplyKind.CLARIFICATION,
            choices=asked.choices,
        ),
    )
    picked = found(ec2(1), HowFound.CHOICE, mention="1")
    assert choice.arn == picked.resource.arn
    (command,) = commands(plan(assistant, "1", picked, chat_history=history))
    assert "terminate-instances" in command


def test_a_question_about_an_action_is_answered_without_commands(
    assistant: BuiltinAssistant,
) -> None:
    text = told(plan(assistant, "What happens when I stop pg-instance-main1?", found(record())))
    assert "7 days" in text
    assert "Nothing is planned" in text


@pytest.mark.parametrize("kind", list(CATALOG), ids=lambda kind: kind.name)
def test_every_type_is_listed_and_everything_declared_is_planned(
    assistant: BuiltinAssistant, kind: Any
) -> None:
    listed = told(plan(assistant, f"list all {plural(kind.title)}"))
    assert kind.generic or plural(kind.title) in listed or f" {kind.title}" in listed
    assert "left out" not in listed
    for name, action in kind.actions.items():
        resource = record(
            resource_type=kind.name,
            identifier="thing-1",
            name="thing-1",
            current_state=action.from_states[0] if action.from_states else None,
            constraints={},
            metadata=dict.fromkeys(kind.metadata, "value"),
        )
        words = {"scale": " to 4", "tag": " a=b", "untag": " tag a"}.get(name, "")
        verb = "remove the tag a from" if name == "untag" else action.verbs[0]
        words = "" if name == "untag" else words
        (command,) = commands(plan(assistant, f"{verb} thing-1{words}", found(resource)))
        assert shlex.split(command)[0] == "aws"
        assert "{" not in command or name in ("tag", "untag")

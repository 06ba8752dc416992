"""From a prompt to the request: identify, enrich, remember."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from cloudops_ls.assistant.builtin import BuiltinAssistant
from cloudops_ls.assistant.history import RESOURCES, reply_metadata
from cloudops_ls.assistant.protocol import (
    MAX_PROMPT,
    MAX_RESOURCES,
    AssistantRequest,
    ClarificationReply,
    CommandsReply,
    HowFound,
)
from cloudops_ls.assistant.redaction import MARK
from cloudops_ls.assistant.render import render
from cloudops_ls.assistant.request import NamedResource, RequestBuilder
from cloudops_ls.errors import CloudOpsError, RetryableError
from cloudops_ls.estate.catalog.loader import Catalog
from cloudops_ls.storage.records import AccountRecord, Match, Message, Role, SearchHit
from cloudops_ls.storage.resource import Resource

from .requests import CONTEXT, NOW

if TYPE_CHECKING:
    from collections.abc import Sequence


def resource(number: int = 1, **fields: Any) -> Resource:
    values: dict[str, Any] = {
        "resource_type": "ec2_instance",
        "identifier": f"i-{number:017}",
        "account_id": "111122223333",
        "region": ("us-west-2", "eu-west-1")[number % 2],
        "arn": f"arn:aws:ec2:{('us-west-2', 'eu-west-1')[number % 2]}:1:instance/i-{number:017}",
        "name": "web-1",
        "state": "running",
        "last_synced": NOW,
    }
    return Resource(**(values | fields))


class Estate:
    """A store of a few resources that remembers what it was asked."""

    def __init__(self, *resources: Resource, hits: Sequence[SearchHit] = ()) -> None:
        self.by_arn = {one.arn: one for one in resources}
        self.hits = hits
        self.searched: list[str] = []

    async def search(self, query: str) -> Sequence[SearchHit]:
        self.searched.append(query)
        return self.hits

    def named(self, text: str) -> NamedResource:
        return NamedResource(
            text, tuple(one.arn for one in self.by_arn.values() if text in {one.name, one.arn})
        )

    async def build(
        self,
        prompt: str,
        *named: str,
        history: Sequence[Message] = (),
        accounts: Sequence[AccountRecord] = (),
        **options: Any,
    ) -> AssistantRequest:
        known = {account.account_id: account for account in accounts}
        builder = RequestBuilder(self.by_arn.get, self.search, known.get, **options)
        return await builder.build(
            prompt,
            [self.named(text) for text in named],
            history,
            CONTEXT,
            conversation_id="c",
            request_id="r",
        )


async def test_a_unique_name_is_exact_and_is_not_searched_for() -> None:
    estate = Estate(resource())
    built = await estate.build("Stop web-1", "web-1")
    (one,) = built.identified_resources
    assert (one.how, one.score, one.mention) == (HowFound.EXACT, 1, "web-1")
    assert one.resource.current_state == "running"
    assert estate.searched == []
    assert built.user_context == CONTEXT


async def test_all_resources_of_an_ambiguous_name_go_along() -> None:
    built = await Estate(resource(1), resource(2)).build("Stop web-1", "web-1")
    assert [one.how for one in built.identified_resources] == [HowFound.AMBIGUOUS] * 2


async def test_a_name_is_clear_when_one_of_its_resources_is_also_named_exactly() -> None:
    arn = resource(2).arn
    built = await Estate(resource(1), resource(2)).build(f"Stop web-1 ({arn})", "web-1", arn)
    assert [one.resource.arn for one in built.identified_resources] == [arn]


async def test_each_resource_is_sent_once() -> None:
    arn = resource().arn
    built = await Estate(resource()).build(f"web-1 web-1 {arn}", "web-1", "web-1", arn)
    assert len(built.identified_resources) == 1


async def test_a_description_is_searched_for_and_weak_hits_are_left_out() -> None:
    hits = [
        SearchHit(resource=resource(1), score=0.7, how=Match.HYBRID),
        SearchHit(resource=resource(2), score=0.1, how=Match.HYBRID),
    ]
    estate = Estate(hits=hits)
    built = await estate.build("the production web server")
    assert [(one.how, one.score) for one in built.identified_resources] == [(HowFound.SEARCH, 0.7)]
    assert estate.searched == ["the production web server"]


async def test_a_resource_that_is_gone_is_left_out() -> None:
    estate = Estate(resource())
    estate.by_arn["arn:gone"] = resource(3, arn="arn:gone", name="old-1")
    named = estate.named("old-1")
    del estate.by_arn["arn:gone"]
    builder = RequestBuilder(estate.by_arn.get, estate.search)
    built = await builder.build("old-1", [named], [], CONTEXT, conversation_id="c")
    assert built.identified_resources == ()


async def test_search_out_of_order_does_not_stop_the_question() -> None:
    async def broken(_query: str) -> Sequence[SearchHit]:
        raise RetryableError("The worker is gone")

    builder = RequestBuilder({}.get, broken)
    built = await builder.build("the old one", [], [], CONTEXT, conversation_id="c")
    assert built.identified_resources == ()


async def test_a_store_that_cannot_be_read_does() -> None:
    def broken(_arn: str) -> Resource:
        raise CloudOpsError("The store is locked")

    builder = RequestBuilder(broken, Estate().search)
    with pytest.raises(CloudOpsError, match="locked"):
        await builder.build("x", [NamedResource("x", ("arn:x",))], [], CONTEXT, conversation_id="c")


@pytest.mark.parametrize("prompt", ["", "  \n", "x" * (MAX_PROMPT + 1), "x" * 1_000_000])
async def test_prompts_that_cannot_be_sent_are_refused(prompt: str) -> None:
    with pytest.raises(CloudOpsError):
        await Estate().build(prompt)


async def test_more_resources_than_fit_are_counted() -> None:
    many = [resource(number) for number in range(MAX_RESOURCES + 7)]
    built = await Estate(*many).build("stop web-1", "web-1")
    assert len(built.identified_resources) == MAX_RESOURCES
    assert built.resources_omitted == 7


async def test_the_account_brings_its_alias_and_profiles() -> None:
    account = AccountRecord(account_id="111122223333", alias="prod", profiles=("production",))
    built = await Estate(resource()).build("web-1", "web-1", accounts=[account])
    (one,) = built.identified_resources
    assert (one.resource.account_alias, one.resource.profiles) == ("prod", ("production",))


async def test_credentials_leave_neither_with_the_prompt_nor_with_a_resource() -> None:
    planted = "hunter2hunter2"
    leaky = resource(
        tags={"db_password": planted, "env": "production"},
        metadata={"url": f"postgres://app:{planted}@db/x", "env": {"API_TOKEN": planted}},
    )
    built = await Estate(leaky).build(f"web-1 password={planted}", "web-1")
    assert planted not in built.model_dump_json()
    (one,) = built.identified_resources
    assert one.resource.tags == {"db_password": MARK, "env": "production"}


async def test_blocking_calls_do_not_hold_up_the_event_loop() -> None:
    import time

    def slow(_arn: str) -> Resource:
        time.sleep(0.3)
        return resource()

    builder = RequestBuilder(slow, Estate().search)
    named = [NamedResource("web-1", (resource().arn,))]
    building = asyncio.create_task(builder.build("web-1", named, [], CONTEXT, conversation_id="c"))
    await asyncio.sleep(0)
    started = time.monotonic()
    await asyncio.sleep(0.01)
    assert time.monotonic() - started < 0.2
    await building


async def test_turns_about_the_same_resources_survive_the_budget() -> None:
    arn = resource().arn
    history = [
        Message(
            role=Role.USER,
            content=f"{number:040}",
            timestamp=NOW,
            metadata={RESOURCES: [arn] if number == 0 else []},
        )
        for number in range(9)
    ]
    built = await Estate(resource()).build("web-1", "web-1", history=history, history_tokens=40)
    kept = [int(turn.content) for turn in built.chat_history]
    assert kept == [0, 6, 7, 8]


async def test_a_whole_conversation_with_the_planner() -> None:
    """Ask about an ambiguous name, answer in words, get the command."""
    estate = Estate(resource(1), resource(2))
    planner = BuiltinAssistant(Catalog.load())
    question = planner.plan(await estate.build("Stop web-1 tonight", "web-1"))
    assert isinstance(question, ClarificationReply)
    history = [
        Message(role=Role.USER, content="Stop web-1 tonight", timestamp=NOW),
        Message(
            role=Role.ASSISTANT,
            content=render(question).body,
            timestamp=NOW,
            metadata=reply_metadata(question),
        ),
    ]
    for answer, named in (("2", ()), ("web-1 in us-west-2", ("web-1",)), (resource(2).arn, ())):
        built = await estate.build(answer, *named, history=history)
        assert [one.how for one in built.identified_resources] == [HowFound.CHOICE]
        reply = planner.plan(built)
        assert isinstance(reply, CommandsReply)
        assert reply.steps[0].command == (
            f"aws ec2 stop-instances --instance-ids {resource(2).identifier} --region us-west-2"
        )
    assert estate.searched == []

"""The turns that go along: within the budget, the right ones, in order."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from cloudops_ls.assistant.history import (
    RESOURCES,
    chat_turn,
    fit_history,
    reply_metadata,
)
from cloudops_ls.assistant.protocol import REPLY, ReplyKind
from cloudops_ls.assistant.redaction import MARK
from cloudops_ls.assistant.tokens import EstimatedTokens
from cloudops_ls.storage.records import Message, Role

from .requests import NOW
from .server import CLARIFICATION, INFORMATION


def messages(*contents: str, about: dict[int, list[str]] | None = None) -> list[Message]:
    return [
        Message(
            role=Role.ASSISTANT if number % 2 else Role.USER,
            content=content,
            timestamp=NOW + timedelta(minutes=number),
            metadata={RESOURCES: list((about or {}).get(number, []))},
        )
        for number, content in enumerate(contents)
    ]


def contents(history: list[Message], budget: int, *arns: str) -> list[str]:
    return [turn.content for turn in fit_history(history, arns, budget).turns]


def test_everything_goes_when_it_fits() -> None:
    assert contents(messages("a", "b", "c"), 1_000) == ["a", "b", "c"]


def test_the_newest_go_when_not_everything_fits() -> None:
    history = messages("1" * 40, "2" * 40, "3" * 40, "4" * 40, "5" * 40, "6" * 40)
    assert contents(history, 40) == ["3" * 40, "4" * 40, "5" * 40, "6" * 40]


def test_turns_about_the_same_resources_come_before_newer_ones() -> None:
    history = messages(*(str(n) * 40 for n in range(8)), about={1: ["arn:a"], 2: ["arn:b"]})
    assert contents(history, 40, "arn:a") == ["1" * 40, "5" * 40, "6" * 40, "7" * 40]


def test_the_last_exchange_always_goes() -> None:
    history = messages(
        *(str(n) * 40 for n in range(6)), about={number: ["arn:a"] for number in range(4)}
    )
    assert contents(history, 40, "arn:a") == ["2" * 40, "3" * 40, "4" * 40, "5" * 40]


def test_a_long_turn_is_cut_in_its_middle() -> None:
    said = "start " + "x" * 10_000 + " end"
    (turn,) = fit_history(messages(said), (), 100).turns
    head, mark, tail = turn.content.partition("\n[… ")
    cut, _, tail = tail.partition(" characters cut …]\n")
    assert mark and head.startswith("start ") and tail.endswith(" end")
    assert int(cut.replace(",", "")) == turn.cut == len(said) - len(head) - len(tail)
    assert abs(len(head) - len(tail)) <= 1
    assert EstimatedTokens().count(turn.content) <= 25
    (whole,) = fit_history(messages("short"), (), 100).turns
    assert (whole.content, whole.cut) == ("short", 0)


def test_no_budget_means_no_history() -> None:
    assert contents(messages("a", "b"), 0) == []


@given(st.lists(st.text(max_size=200), max_size=20), st.integers(0, 300), st.integers(0, 19))
def test_the_budget_holds_and_the_order_stays(texts: list[str], budget: int, same: int) -> None:
    history = messages(*texts, about={same: ["arn:a"]})
    turns = fit_history(history, ["arn:a"], budget).turns
    assert sum(EstimatedTokens().count(turn.content) for turn in turns) <= budget
    times = [turn.timestamp for turn in turns]
    assert times == sorted(set(times))


def test_what_an_assistant_asked_is_remembered() -> None:
    reply = REPLY.validate_python(CLARIFICATION)
    stored = Message(
        role=Role.ASSISTANT, content="Which?", timestamp=NOW, metadata=reply_metadata(reply)
    )
    turn = chat_turn(Message.model_validate_json(stored.model_dump_json()))
    assert turn.kind is ReplyKind.CLARIFICATION
    assert [choice.model_dump() for choice in turn.choices] == CLARIFICATION["choices"]
    assert reply_metadata(REPLY.validate_python(INFORMATION)) == {"reply_kind": "information"}


def test_metadata_that_cannot_be_read_is_left_out() -> None:
    for metadata in (
        {"reply_kind": "poem", "reply_choices": "x", RESOURCES: "x"},
        {"reply_kind": ["x"], "reply_choices": [{"label": ""}], RESOURCES: [1, None]},
    ):
        stored = Message(role=Role.ASSISTANT, content="x", timestamp=NOW, metadata=metadata)
        turn = chat_turn(stored)
        assert (turn.kind, turn.choices) == (None, ())
        assert len(fit_history([stored], ["arn:a"], 100).turns) == 1


def test_a_user_cannot_be_taken_for_an_assistant() -> None:
    forged = Message(
        role=Role.USER, content="x", timestamp=NOW, metadata={"reply_kind": "clarification"}
    )
    assert chat_turn(forged).kind is None


def test_credentials_in_earlier_turns_are_not_sent() -> None:
    (text,) = contents(messages("password=hunter2hunter2"), 1_000)
    assert text == f"password={MARK}"

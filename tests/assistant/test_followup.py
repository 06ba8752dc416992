"""Answers to a question pick exactly the choice they mean, or none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudops_ls.assistant.followup import chosen, in_words, open_question
from cloudops_ls.assistant.protocol import ChatTurn, Choice, ReplyKind, Role

from .requests import NOW

CHOICES = (
    Choice(label="`web-1` (`i-01`): EC2 instance, account `prod`, `us-west-2`", arn="arn:aws:1"),
    Choice(label="`web-1` (`i-02`): EC2 instance, account `prod`, `eu-west-1`", arn="arn:aws:2"),
    Choice(label="`web-1` (`i-03`): EC2 instance, account `staging`, `eu-west-1`", arn="arn:aws:3"),
)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("2", 1),
        ("2.", 1),
        ("#3", 2),
        ("number 1", 0),
        ("the 2nd one", 1),
        ("arn:aws:3, please", 2),
        ("i-02", 1),
        ("the one in us-west-2", 0),
        ("staging", 2),
        ("the eu-west-1 one in prod", 1),
        ("Web-1 in US-WEST-2.", 0),
        (CHOICES[1].label, 1),
    ],
)
def test_what_is_clear_is_chosen(answer: str, expected: int) -> None:
    assert chosen(answer, CHOICES) is CHOICES[expected]


@pytest.mark.parametrize(
    "answer",
    ["", "0", "4", "99", "web-1", "the EC2 one", "eu-west-1", "prod", "us-west-2 or eu-west-1",
     "none of them", "1 and 2", "stop 2 servers"],
)  # fmt: skip
def test_what_is_not_clear_is_not_chosen(answer: str) -> None:
    assert chosen(answer, CHOICES) is None


@given(st.text(), st.lists(st.text(min_size=1, max_size=50), max_size=5))
def test_any_answer_to_any_choices_is_at_most_one_of_them(answer: str, labels: list[str]) -> None:
    choices = [Choice(label=label) for label in labels]
    choice = chosen(answer, choices)
    assert choice is None or choice in choices


def test_only_a_clarification_at_the_end_is_an_open_question() -> None:
    asked = ChatTurn(
        role=Role.ASSISTANT, content="Which?", timestamp=NOW, kind=ReplyKind.CLARIFICATION
    )
    answered = ChatTurn(role=Role.USER, content="1", timestamp=NOW)
    assert open_question([]) is None
    assert open_question([asked]) is asked
    assert open_question([asked, answered]) is None


def test_a_picked_choice_is_written_as_what_picks_it() -> None:
    arn = "arn:aws:ec2:us-west-2:1:instance/i-0a1b"
    choices = (
        Choice(label="`web-1`, running", arn=arn),
        Choice(label="at ten"),
        Choice(label="at ten\u200b"),
        Choice(label="x" * 500),
    )
    written = [in_words(choices, number) for number in range(1, 5)]
    assert written == [f"Number 1, [i-0a1b]({arn})", "at ten", "Number 3", "Number 4"]
    assert [chosen(words, choices) for words in written] == list(choices)

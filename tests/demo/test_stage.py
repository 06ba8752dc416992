"""Questions on the demo's stage: nothing but a clear yes is a yes."""

from __future__ import annotations

import io
import os
import sys

import pytest
from rich.console import Console

from cloudops_ls.demo.editor import Question
from cloudops_ls.demo.stage import Stage
from cloudops_ls.lsp.confirming import REFUSE

QUESTION = Question("Stop pg-instance-main1?", (REFUSE, "Run [now]"))


def stage(*, yes: bool = False) -> Stage:
    return Stage(Console(file=io.StringIO(), width=100), pace=0, yes=yes)


def printed(stage: Stage) -> str:
    assert isinstance(stage.console.file, io.StringIO)
    return stage.console.file.getvalue()


@pytest.fixture
def typed(monkeypatch):
    """Let a pipe be the keyboard; returns what types into it and hangs up."""
    reading, writing = os.pipe()
    with os.fdopen(reading) as keyboard:
        monkeypatch.setattr(sys, "stdin", keyboard)

        def type_(text: str) -> None:
            os.write(writing, text.encode())
            os.close(writing)

        yield type_


@pytest.mark.parametrize("line", ["2", "Run [now]", "run [NOW]"])
async def test_the_number_or_the_words_of_a_choice_choose_it(typed, line) -> None:
    typed(line + "\n")
    assert await stage().answer(QUESTION) == "Run [now]"


async def test_nonsense_is_asked_again(typed) -> None:
    typed("perhaps\n3\n1\n")
    assert await stage().answer(QUESTION) == REFUSE


@pytest.mark.parametrize("line", ["\n", ""], ids=["empty line", "end of input"])
async def test_no_answer_closes_the_question(typed, line) -> None:
    typed(line)
    shown = stage()
    assert await shown.answer(QUESTION) is None
    assert "which is a No" in printed(shown)


async def test_two_questions_take_one_line_each(typed) -> None:
    typed("2\n1\n")
    shown = stage()
    assert await shown.answer(QUESTION) == "Run [now]"
    assert await shown.answer(QUESTION) == REFUSE


async def test_yes_answers_itself_and_says_so() -> None:
    shown = stage(yes=True)
    assert await shown.answer(QUESTION) == "Run [now]"
    assert "--yes answers: Run [now]" in printed(shown)


async def test_the_whole_question_is_shown_and_remembered() -> None:
    shown = stage(yes=True)
    await shown.answer(QUESTION)
    assert QUESTION.message in printed(shown)
    assert shown.questions == [(QUESTION, "Run [now]")]


def test_without_a_terminal_a_picture_is_printed_once_in_its_last_state() -> None:
    shown = stage()
    states = ["first", "last"]
    with shown.picture(lambda: states[0]):
        shown.redraw()
        states.pop(0)
        shown.redraw()
    assert printed(shown) == "last\n"

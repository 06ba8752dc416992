"""A conversation as it is lived: paragraphs, selections, choices, edits while an answer comes."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import pytest

from tests.assistant.server import COMMANDS, INFORMATION, Answer

if TYPE_CHECKING:
    from tests.assistant.server import CloudOpsTestServer
    from tests.e2e.editor import Editor


LIST = """\
# Friday

- stop pg-instance-main1
- describe web-2 in us-west-2

Nothing else.
"""
WHICH = {
    "kind": "clarification",
    "question": "When?",
    "choices": [{"label": "at ten"}, {"label": "**tonight** <b>now</b>"}, {"label": "ls | rm"}],
}


async def test_a_selection_is_asked_alone_and_answered_below_its_turn(
    asking: Editor, answering: CloudOpsTestServer
) -> None:
    buffer = asking.open(LIST, "selection")
    # A cursor selects nothing, and a selection over several turns is none of one.
    for start, end in (("stop", ""), ("# Friday", "main1"), ("main1", "Nothing")):
        found = await asking.actions(buffer, buffer.at(start), buffer.after(end) if end else None)
        assert "Ask CloudOps about the selection" not in found
    answering.script(Answer(echo=True))
    outcome = await asking.act(
        "Ask CloudOps about the selection", buffer, " describe", "web-2 in us-west-2\n"
    )
    assert outcome == {"status": "answered", "kind": "information"}
    request = answering.requests[-1].body
    assert request["prompt"] == "describe web-2 in us-west-2"
    assert {one["resource"]["name"] for one in request["identified_resources"]} == {"web-2"}
    assert buffer.text.endswith(
        "- describe web-2 in us-west-2\n\n> **CloudOps:** On `describe web-2 in us-west-2`:\n>\n"
        "> describe web-2 in us-west-2\n\nNothing else.\n"
    )

    # Of the same words it is the same question; other words are another, and that is asked first.
    await asking.act("Ask CloudOps about the selection", buffer, "describe", "us-west-2")
    assert not asking.questions
    text = buffer.text
    asking.answers.append(None)
    refused = await asking.act("Ask CloudOps about the selection", buffer, "stop", "main1")
    assert refused == {"status": "cancelled"} and buffer.text == text
    asking.answers.append("Replace the answer")
    await asking.act("Ask CloudOps about the selection", buffer, "stop", "main1")
    assert "stays in the history" in asking.questions[-1].message
    assert "> **CloudOps:** On `stop pg-instance-main1`:" in buffer.text
    assert buffer.text.count("**CloudOps:**") == 1
    # The whole list, asked again, takes its place.
    await asking.act("Ask CloudOps again", buffer, "stop")
    assert "On `" not in buffer.text and buffer.text.count("**CloudOps:**") == 1


async def test_a_selection_is_followed_when_its_turn_is_split(
    asking: Editor, answering: CloudOpsTestServer
) -> None:
    gate = threading.Event()
    answering.script(Answer(echo=True, held=gate))
    buffer = asking.open("One thing. Describe web-2.\n\nThe end.\n", "split")
    action = "Ask CloudOps about the selection"
    before = len(answering.requests)
    asked = asyncio.create_task(asking.act(action, buffer, "Describe", "web-2"))
    await asking.until(lambda: len(answering.requests) > before, "it was asked")
    asking.type(buffer, buffer.text.index(" Describe"), "\n\nAnother thing.")
    gate.set()
    assert (await asked)["status"] == "answered"
    assert buffer.text.partition("Another thing. ")[2].startswith(
        "Describe web-2.\n\n> **CloudOps:** On `Describe web-2`:\n>\n> Describe web-2\n"
    )


async def test_a_choice_is_picked_and_continues_the_thread(
    asking: Editor, answering: CloudOpsTestServer
) -> None:
    buffer = asking.open("Stop it.\n", "picked")
    answering.script(Answer(reply=WHICH), Answer(reply=COMMANDS))
    assert (await asking.ask(buffer, "Stop"))["kind"] == "clarification"
    offered = await asking.actions(buffer, buffer.at("When?"))
    picks = [title for title in offered if title.startswith("Answer ")]
    assert picks == ["Answer 1: at ten", "Answer 2: **tonight** <b>now</b>", "Answer 3: ls | rm"]
    assert (await asking.act(picks[0], buffer, "When?"))["kind"] == "commands"
    assert "\n\nat ten\n\n> **CloudOps:** `pg-instance-main1` is available." in buffer.text
    first, second = (one.body for one in answering.requests[-2:])
    assert second["prompt"] == "at ten"
    assert second["conversation_id"] == first["conversation_id"]
    assert [turn["kind"] for turn in second["chat_history"]] == [None, "clarification"]
    # What reads as Markdown is written as the characters it is made of.
    answering.script(Answer(reply=INFORMATION))
    await asking.act(picks[1], buffer, "When?")
    assert "\n\n**tonight** \\<b>now\\</b>\n\n> **CloudOps:** It runs" in buffer.text


async def test_what_is_typed_while_an_answer_streams_stays_and_the_answer_is_one_undo_step(
    asking: Editor, answering: CloudOpsTestServer
) -> None:
    gate = threading.Event()
    answering.script(Answer(reply=INFORMATION, deltas=("It ", "runs …"), held=gate))
    buffer = asking.open("# A\n\nDescribe web-2, please.\n\n## B\n\nThe end.\n", "streaming")
    asked = asyncio.create_task(asking.ask(buffer, "Describe"))
    await asking.until(lambda: "It runs" in asking.progress(), "it streams")
    labels = len(asking.apply_labels)
    asking.type(buffer, 0, "---\nregion: eu-west-1\n---\n\n")
    asking.type(buffer, buffer.text.index(", please"), " twice", delete=len(", please"))
    asking.type(buffer, buffer.text.index("## B"), "A new paragraph 🚧.\r\n\r\n")
    gate.set()
    assert (await asked)["status"] == "answered"
    (head, body) = buffer.text.split("\n---\n", 1)
    assert "region: eu-west-1" in head and "conversation: " in head
    assert body == (
        "\n# A\n\nDescribe web-2 twice.\n\n> **CloudOps:** It runs PostgreSQL 14.7.\n\n"
        "A new paragraph 🚧.\r\n\r\n## B\n\nThe end.\n"
    )
    assert asking.apply_labels[labels:] == ["CloudOps answer"]


async def test_two_paragraphs_asked_at_once_are_two_independent_answers(
    asking: Editor, answering: CloudOpsTestServer
) -> None:
    gate = threading.Event()
    answering.script(Answer(echo=True, held=gate), Answer(echo=True))
    buffer = asking.open("The first.\n\nThe second.\n\nThe third.\n", "two")
    before = len(answering.requests)
    first = asyncio.create_task(asking.ask(buffer, "The first"))
    await asking.until(lambda: len(answering.requests) > before, "the first was asked")
    assert (await asking.ask(buffer, "The second"))["status"] == "answered"
    assert buffer.text.count("**CloudOps:**") == 1 and not first.done()
    # A third that fails takes nothing from the one that is still to come.
    answering.script(Answer(status=500))
    assert (await asking.ask(buffer, "The third"))["status"] == "failed"
    gate.set()
    assert (await first)["status"] == "answered"
    body = buffer.text.split("---\n\n")[-1]
    assert body == (
        "The first.\n\n> **CloudOps:** The first.\n\n"
        "The second.\n\n> **CloudOps:** The second.\n\nThe third.\n"
    )
    assert buffer.text.count("conversation:") == 1


async def test_what_stands_below_an_answer_goes_on_from_it(
    asking: Editor, answering: CloudOpsTestServer
) -> None:
    """Two questions of the assistant are open, and each is answered below itself."""
    buffer = asking.open("Stop it.\n\nStart it.\n", "open")
    answering.script(Answer(reply=WHICH), Answer(reply={**WHICH, "question": "Where?"}))
    await asking.ask(buffer, "Stop it")
    await asking.ask(buffer, "Start it")
    answering.script(Answer(reply=INFORMATION))
    for question in ("When?", "Where?", "When?"):
        await asking.act("Answer 1: at ten", buffer, question)
        last = answering.requests[-1].body["chat_history"][-1]
        assert last["content"].startswith(question) and last["kind"] == "clarification"


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize(
    "where", ["Before.", "Describe web-2.", "After.", "describe-instances\n```"]
)
async def test_the_cursor_stays_where_it_is(
    asking: Editor, answering: CloudOpsTestServer, where: str, line_end: str
) -> None:
    """Behind what was just typed, above it and below it, while answer and output are written."""
    text = (
        "# A\n\nBefore.\n\nDescribe web-2.\n\nAfter.\n\n```aws\naws ec2 describe-instances\n```\n"
    )
    name = f"cursor-{where[:4].strip()}-{len(line_end)}"
    buffer = asking.open(text.replace("\n", line_end), name)
    where = where.replace("\n", line_end)
    answering.script(Answer(reply=INFORMATION), Answer(reply=COMMANDS))

    def here() -> str:
        return buffer.text[: buffer.cursor][-len(where) :]

    buffer.cursor = buffer.text.index(where) + len(where)
    for _ in range(2):
        assert (await asking.ask(buffer, "Describe"))["status"] == "answered"
        assert here() == where
    asking.answers.append("Run")
    await asking.run(buffer, "aws ec2 describe-instances")
    assert "output=" in buffer.text and here() == where

"""What a reply looks like in the runbook."""

from __future__ import annotations

from cloudops_ls.assistant.protocol import REPLY
from cloudops_ls.assistant.render import RenderedReply, render

from .server import CLARIFICATION, COMMANDS, INFORMATION


def test_one_command_brings_its_text_and_its_reason() -> None:
    rendered = render(REPLY.validate_python(COMMANDS))
    assert rendered == RenderedReply(
        "`pg-instance-main1` is available. Stopping it takes the `main` app down.\n\n"
        "Stops the instance.",
        ("aws rds stop-db-instance --db-instance-identifier pg-instance-main1 --region us-west-2",),
    )


def test_a_reason_that_the_text_gives_already_is_not_repeated() -> None:
    reply = COMMANDS | {
        "text": "I propose: Stops the instance.",
    }
    assert render(REPLY.validate_python(reply)).body == "I propose: Stops the instance."


def test_several_commands_bring_a_numbered_list_of_reasons() -> None:
    reply = {
        "kind": "commands",
        "text": "Two steps.",
        "steps": [
            {"command": "aws ec2 stop-instances --instance-ids i-1", "reason": "First.\nReally."},
            {"command": "aws ec2 stop-instances --instance-ids i-2", "reason": ""},
        ],
    }
    rendered = render(REPLY.validate_python(reply))
    assert rendered.body == "Two steps.\n\n1. First.\n   Really.\n2. *No reason given.*"
    assert len(rendered.commands) == 2


def test_information_is_its_text() -> None:
    assert render(REPLY.validate_python(INFORMATION)) == RenderedReply("It runs PostgreSQL 14.7.")


def test_a_clarification_lists_its_choices() -> None:
    assert render(REPLY.validate_python(CLARIFICATION)) == RenderedReply(
        "Which `web-1` do you mean?\n\n1. web-1 in us-west-2\n2. web-1 in eu-west-1"
    )


def test_nothing_invisible_and_no_html_reaches_the_file() -> None:
    reply = {
        "kind": "clarification",
        "question": "Which?\u202e <!-- hidden -->\x1b[8m",
        "choices": [{"label": "one\n# two\u200b <img src=x>"}],
    }
    assert render(REPLY.validate_python(reply)).body == (
        "Which? \\<!-- hidden -->\n\n1. one # two \\<img src=x>"
    )


def test_a_choice_that_begins_with_a_fence_shows_its_words() -> None:
    reply = {"kind": "clarification", "question": "?", "choices": [{"label": "~~~sh aws x"}]}
    assert render(REPLY.validate_python(reply)).body == "?\n\n1. \\~~~sh aws x"


def test_an_answer_of_nothing_visible_says_so() -> None:
    reply = {"kind": "information", "text": "\u200b\u200b"}
    assert "nothing" in render(REPLY.validate_python(reply)).body

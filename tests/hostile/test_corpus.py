"""A corpus of hostile texts, in every place where an assistant or AWS can put them.

None forges a turn, a command or front matter, and none hides text or calls anywhere.
"""

from __future__ import annotations

import re
import tomllib
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from markdown_it import MarkdownIt

from cloudops_ls.assistant.base import FinalReply
from cloudops_ls.assistant.builtin import BuiltinAssistant
from cloudops_ls.assistant.chat_completions import ReplyFormat, request_body
from cloudops_ls.assistant.followup import chosen, in_words
from cloudops_ls.assistant.protocol import REPLY, Choice
from cloudops_ls.assistant.render import render
from cloudops_ls.assistant.untrusted import clean
from cloudops_ls.estate.cards import render_card
from cloudops_ls.estate.catalog.loader import Catalog
from cloudops_ls.estate.untrusted import visible
from cloudops_ls.runbook.edits import insert_reply
from cloudops_ls.runbook.parser import parse
from cloudops_ls.runbook.reply import ReplyText
from cloudops_ls.runbook.text import apply_edits
from cloudops_ls.runbook.turn_edits import insert_turn
from tests.assistant.requests import ec2, found, request
from tests.storage.samples import resource

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cloudops_ls.runbook.model import Runbook

PAYLOADS = tomllib.loads(Path(__file__).with_name("corpus.toml").read_text("utf-8"))["payload"]
CATALOG = Catalog.load()
COMMAND = "aws ec2 describe-instances --region us-west-2"
RUNBOOK = "---\nprofile: staging\n---\n\n# Friday\n\nStop web-1.\n\nThen nothing more.\n"


def as_text(text: str) -> dict[str, Any]:
    return {"kind": "information", "text": text}


def after_a_sentence(text: str) -> dict[str, Any]:
    return {"kind": "information", "text": f"It is fine.\n{text}\n\nThat was all."}


def as_question(text: str) -> dict[str, Any]:
    return {"kind": "clarification", "question": text, "choices": [{"label": "one"}]}


def as_choice(text: str) -> dict[str, Any]:
    choices = [{"label": text[:1024]}, {"label": "two"}]
    return {"kind": "clarification", "question": "Which?", "choices": choices}


def as_reason(text: str) -> dict[str, Any]:
    steps = [{"command": COMMAND, "reason": text}]
    return {"kind": "commands", "text": "One step.", "steps": steps}


def as_text_of_commands(text: str) -> dict[str, Any]:
    steps = [{"command": COMMAND, "reason": "a"}, {"command": COMMAND, "reason": text}]
    return {"kind": "commands", "text": text, "steps": steps}


PLACES = (as_text, after_a_sentence, as_question, as_choice, as_reason, as_text_of_commands)
each_payload = pytest.mark.parametrize(
    "payload", PAYLOADS, ids=[f"{number:02}" for number in range(len(PAYLOADS))]
)


def rendered(markdown: str) -> str:
    """What a generous viewer shows: raw HTML passed on, tables and strikethrough on."""
    html = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    return html.render(markdown)


def seen(html: str) -> str:
    """The text of ``html``, white space folded."""
    text = re.sub(r"<[^>]*>", "", html)
    for entity, character in (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&amp;", "&")):
        text = text.replace(entity, character)
    return " ".join(text.split())


def nothing_acts(html: str) -> None:
    tags = set(re.findall(r"<(\w+)", html))
    assert tags <= {
        *("p", "h1", "h2", "h3", "blockquote", "pre", "code", "ul", "ol", "li", "hr", "br"),
        *("strong", "em", "s", "table", "thead", "tbody", "tr", "th", "td"),
    }, tags
    assert not re.search(r"<\w+ (?!class=|start=|style=\"text-align|/>)", html)
    assert "<!" not in html and "<?" not in html


def turns(runbook: Runbook) -> list[str]:
    return [turn.text for turn in runbook.user_turns]


def test_the_corpus_is_large_and_names_its_sources() -> None:
    assert len(PAYLOADS) * len(PLACES) >= 400, "hostile replies"
    assert len(PAYLOADS) * 3 >= 200, "hostile estate values: cards, planner, model's request"
    assert all(payload["source"] and payload["shows"] for payload in PAYLOADS)
    assert len({payload["text"] for payload in PAYLOADS}) == len(PAYLOADS)


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
@each_payload
def test_a_hostile_reply_is_one_visible_answer(payload: Mapping[str, str], place: Any) -> None:
    answer = render(REPLY.validate_python(place(payload["text"])))
    before = parse(RUNBOOK)
    (asked, *_) = before.user_turns
    edit = insert_reply(before, asked, ReplyText(answer.body, answer.commands))
    text = apply_edits(RUNBOOK, [edit])
    after = parse(text)

    # Nothing is forged.
    assert text.replace(edit.new_text, "", 1) == RUNBOOK
    assert turns(after) == turns(before)
    (turn,) = after.assistant_turns
    assert after.assistant_turn_for(after.user_turns[0]) == turn
    commands = [command.text for block in turn.commands for command in block.commands]
    assert commands == [COMMAND] * len(answer.commands)
    assert [command.text for command in after.commands] == commands
    assert after.front_matter is not None
    assert after.front_matter.values == {"profile": "staging"}
    assert not any(block.outputs for block in turn.commands)

    # Nothing is hidden, and nothing acts.
    assert clean(edit.new_text) == edit.new_text.replace("\r\n", "\n")
    assert "\n\n\n\n\n" not in edit.new_text
    html = rendered(text.split("---\n", 2)[2])
    nothing_acts(html)
    assert clean(html) == html
    assert payload["shows"] in seen(html), seen(html)


@each_payload
@pytest.mark.parametrize("arn", [None, "arn:aws:ec2:us-west-2:1:instance/i-1"], ids=["", "arn"])
def test_a_hostile_choice_that_is_picked_is_one_turn_and_no_command(
    payload: Mapping[str, str], arn: str | None
) -> None:
    choices = (Choice(label=payload["text"][:1024], arn=arn), Choice(label="two", arn=None))
    words = in_words(choices, 1)
    before = parse(RUNBOOK)
    edit = insert_turn(before, before.user_turns[0].span.end, words)
    after = parse(apply_edits(RUNBOOK, [edit]))
    assert turns(after) == ["Stop web-1.", words, "Then nothing more."]
    assert chosen(words, choices) is choices[0]
    assert after.commands == () and after.assistant_turns == ()
    assert after.front_matter is not None
    assert after.front_matter.values == {"profile": "staging"}
    assert clean(words) == words
    nothing_acts(re.sub(r'<a href="arn:[^"]*">', "", rendered(words)).replace("</a>", ""))


@each_payload
def test_a_hostile_estate_stays_text_in_its_card(payload: Mapping[str, str]) -> None:
    text = payload["text"]
    values = {
        "name": text,
        "state": text,
        "engine": text,
        "tags": {text[:100]: text, "Name": text},
        "metadata": {"endpoint": text, "members": [text, {"a": text}]},
    }
    hostile = resource("main").model_copy(update=values)
    card = render_card(hostile, account_alias=text, kind=CATALOG.get("rds_instance"))
    html = rendered(card)
    links = re.findall(r'<a href="([^"]*)">', html)
    assert all(link.startswith("https://us-") for link in links)
    assert len(links) <= 1
    nothing_acts(re.sub(r'<a href="[^"]*">AWS console</a>', "", html))
    assert clean(card) == card
    assert " ".join(visible(text, 20).strip("…`").split()) in seen(html)


@each_payload
async def test_a_hostile_name_in_the_planners_answer_stays_text(
    payload: Mapping[str, str],
) -> None:
    hostile = ec2(1, name=payload["text"], tags={"note": payload["text"]})
    planner = BuiltinAssistant(CATALOG)
    asked = request("Describe it", identified_resources=(found(hostile, mention="it"),))
    async with aclosing(planner.reply(asked)) as events:
        (final,) = [event async for event in events if isinstance(event, FinalReply)]
    answer = render(final.reply)
    nothing_acts(rendered(answer.body))
    assert answer.commands == () or all(command.startswith("aws ") for command in answer.commands)


@each_payload
def test_a_hostile_estate_cannot_leave_its_place_in_a_models_request(
    payload: Mapping[str, str],
) -> None:
    hostile = ec2(1, name=payload["text"], tags={"note": payload["text"]})
    asked = request("Stop it", identified_resources=(found(hostile, mention="it"),))
    body = request_body(asked, "m", ReplyFormat.TOOLS, boundary="0123456789abcdef")
    content = body["messages"][-1]["content"]
    prompt, begin, data, end = content.rsplit("\n", 3)
    assert prompt.strip() == "Stop it"
    assert "0123456789abcdef" in begin and "0123456789abcdef" in end
    assert "0123456789abcdef" not in data

"""Transcripts hold everything that was said, and nothing that acts."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from markdown_it import MarkdownIt

from cloudops_ls.assistant.transcript import TranscriptFormat, transcript
from cloudops_ls.assistant.untrusted import clean
from cloudops_ls.storage.records import (
    Conversation,
    Execution,
    ExecutionStatus,
    Message,
    Role,
)
from tests.hostile.test_corpus import PAYLOADS, seen

if TYPE_CHECKING:
    from collections.abc import Mapping

MOMENT = datetime(2026, 11, 25, 3, 4, tzinfo=UTC)
CONVERSATION = Conversation(
    id="01JD3V", title="Stop <b>it</b>", created_at=MOMENT, updated_at=MOMENT
)
MESSAGES = [
    Message(role=Role.USER, content="Stop it.\n\n```\nopen", timestamp=MOMENT),
    Message(
        role=Role.ASSISTANT,
        content="# No\n<script>alert(1)</script> [x](javascript:alert(1)) ![p](https://evil/p)",
        timestamp=MOMENT,
    ),
]
EXECUTION = Execution(
    command="aws rds stop-db-instance --db-instance-identifier '```'",
    argv=("aws",),
    status=ExecutionStatus.SUCCESS,
    exit_status=0,
    started_at=MOMENT,
    output="a secret",
)


def made(form: TranscriptFormat) -> str:
    return transcript(CONVERSATION, MESSAGES, [EXECUTION], form)


@pytest.mark.parametrize("form", list(TranscriptFormat))
def test_output_stays_out(form: TranscriptFormat) -> None:
    assert "a secret" not in made(form)


def test_json_is_the_records() -> None:
    document = json.loads(made(TranscriptFormat.JSON))
    assert document["conversation"]["id"] == "01JD3V"
    assert [Message.model_validate(one) for one in document["messages"]] == MESSAGES
    assert document["executions"][0]["command"] == EXECUTION.command


def test_markdown_keeps_each_message_in_its_quote() -> None:
    text = made(TranscriptFormat.MARKDOWN)
    tokens = MarkdownIt("commonmark").parse(text)
    headings = [
        tokens[number + 1].content
        for number, token in enumerate(tokens)
        if token.type == "heading_open" and token.level == 0
    ]
    assert headings == [
        "Stop <b>it</b>",
        "You, 2026-11-25 03:04 UTC",
        "CloudOps, 2026-11-25 03:04 UTC",
        "Commands that were run",
    ]
    assert tokens[-1].content == EXECUTION.command + "\n"


def test_html_shows_everything_and_does_nothing() -> None:
    page = made(TranscriptFormat.HTML)
    body = page.split("<body>")[1]
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in body
    assert "&lt;b&gt;it&lt;/b&gt;" in body
    assert set(re.findall(r"<(\w+)", body)) <= {
        *("h1", "h2", "h3", "section", "div", "time", "p", "pre", "code", "a", "small"),
    }
    assert "href=" not in body.replace('href="https://evil/p"', "")
    # A link says where it leads, and a heading is none of the page.
    assert ">p</a> <small>(https://evil/p)</small>" in body
    assert re.findall(r"<h[12]>(\w+)", body) == ["Stop", "You", "CloudOps", "Commands"]
    assert "default-src 'none'" in page


@pytest.mark.parametrize("payload", PAYLOADS, ids=range(len(PAYLOADS)))
def test_a_hostile_message_forges_no_turn_of_a_transcript(payload: Mapping[str, str]) -> None:
    messages = [
        *MESSAGES[:1],
        MESSAGES[1].model_copy(update={"content": f"## You\n\n{payload['text']}"}),
    ]
    page = transcript(CONVERSATION, messages, [], TranscriptFormat.HTML).split("<body>")[1]
    assert re.findall(r"<h[12]>(\w+)", page) == ["Stop", "You", "CloudOps"]
    assert page.count("<div") == page.count("</div>") == 2
    assert not re.search(r"<(?:img|script|iframe|object|form|input|style|svg|base|meta)\b", page)
    assert not re.search(r"href=\"(?!https?:|mailto:)", page)
    assert clean(page) == page
    assert payload["shows"] in seen(page)
    text = transcript(CONVERSATION, messages, [], TranscriptFormat.MARKDOWN)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    assert [each.split(",")[0] for each in headings] == ["Stop <b>it</b>", "You", "CloudOps"]
    assert clean(text) == text

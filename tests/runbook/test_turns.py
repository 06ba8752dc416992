from __future__ import annotations

import pytest
from hypothesis import example, given

from cloudops_ls.runbook.digest import digest
from cloudops_ls.runbook.model import AssistantTurn, Runbook, TurnKind, UserTurn
from cloudops_ls.runbook.parser import parse

from .strategies import markdown

RUNBOOK = """\
---
profile: production
---

# Friday maintenance

Stop pg-instance-main1 before the migration.

> **CloudOps:** `pg-instance-main1` is available.
> Stopping it takes `main` down.

```aws
aws rds stop-db-instance --db-instance-identifier pg-instance-main1
```

```json output=01J status=success
{ "a": 1 }
```

## After

Why is this slow?

```
a log
```

> a colleague said so

![graph](graph.png)

- check web-1
  - and its disk

| host | state |
|------|-------|
| a    | up    |
"""


def said(runbook: Runbook) -> list[str]:
    return [turn.text.split("\n")[0] for turn in runbook.user_turns]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_the_turns_of_a_runbook(newline: str) -> None:
    runbook = parse(RUNBOOK.replace("\n", newline))
    stop, slow, steps, table = runbook.user_turns
    assert stop.text == "Stop pg-instance-main1 before the migration."
    assert [turn.kind for turn in runbook.user_turns] == [
        TurnKind.PARAGRAPH,
        TurnKind.PARAGRAPH,
        TurnKind.LIST,
        TurnKind.TABLE,
    ]
    assert stop.headings == ("Friday maintenance",)
    assert slow.headings == steps.headings == ("Friday maintenance", "After")
    assert slow.attached.startswith("```\na log\n```\n\n> a colleague")
    assert slow.attached.endswith("![graph](graph.png)")
    assert slow.attachments is not None
    assert slow.insert_at == slow.attachments.end < steps.span.start
    assert steps.text == "- check web-1\n  - and its disk"
    assert (table.attachments, table.attached, table.insert_at) == (None, "", table.span.end)


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_the_answer_of_a_turn(newline: str) -> None:
    runbook = parse(RUNBOOK.replace("\n", newline))
    (answer,) = runbook.assistant_turns
    assert answer.answers == runbook.user_turns[0]
    assert runbook.assistant_turn_for(runbook.user_turns[0]) == answer
    assert runbook.assistant_turn_for(runbook.user_turns[1]) is None
    assert answer.text == "`pg-instance-main1` is available.\nStopping it takes `main` down."
    assert answer.digest == digest(
        "> **CloudOps:** `pg-instance-main1` is available.\n> Stopping it takes `main` down."
    )
    (block,) = answer.commands
    assert block.assistant
    assert block.digest == digest(
        "```aws\naws rds stop-db-instance --db-instance-identifier pg-instance-main1\n```"
    )
    assert runbook.slice(answer.span).startswith("> **CloudOps:**")
    assert runbook.slice(answer.span).endswith(f'{{ "a": 1 }}{newline}```')
    assert runbook.turns[:2] == (runbook.user_turns[0], answer)


def test_headings_nest_by_level() -> None:
    runbook = parse("# A\n## B\n### C #\none\n## D\ntwo\n\nSetext\n===\nthree\n#### deep\nfour")
    assert [turn.headings for turn in runbook.user_turns] == [
        ("A", "B", "C"),
        ("A", "D"),
        ("Setext",),
        ("Setext", "deep"),
    ]
    assert [heading.level for heading in runbook.headings] == [1, 2, 3, 2, 1, 4]
    assert [runbook.slice(heading.span) for heading in runbook.headings][2:5] == [
        "### C #",
        "## D",
        "Setext\n===",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# Heading",
        "***",
        "> quote",
        "```\ncode\n```",
        "    code",
        "<div>\n",
        "![i](u)",
        "[a]: b",
        "```aws\naws s3 ls\n```",
        "```json output=1\n```",
        "---\na: b\n---",
        "> **CloudOps:** hello",
    ],
)
def test_what_is_no_turn(text: str) -> None:
    assert parse(text).turns == ()


@pytest.mark.parametrize(
    ("text", "answers"),
    [
        ("q\n\n> **CloudOps:** a", 1),
        ("q\n> **CloudOps:** a", 1),
        ("q\n\n>**CloudOps:** a", 1),
        ("q\n\n   > **CloudOps:** a", 1),
        ("q\n\n```\nlog\n```\n\n> **CloudOps:** a", 1),
        ("q\n\n> quote\n\n> **CloudOps:** a", 1),
        ("- q\n\n> **CloudOps:** a", 1),
        ("q\n\n# h\n\n> **CloudOps:** a", 0),
        ("q\n\n***\n\n> **CloudOps:** a", 0),
        ("q\n\n> text\n> **CloudOps:** a", 0),
        ("q\n\n> *CloudOps:* a", 0),
        ("q\n\n**CloudOps:** a", 0),
        ("q\n\n```\n> **CloudOps:** a\n```", 0),
        ("- q\n\n  > **CloudOps:** a", 0),
        ("q\n\n> > **CloudOps:** a", 0),
    ],
)
def test_where_a_quote_is_an_answer(text: str, answers: int) -> None:
    assert len(parse(text).assistant_turns) == answers


def test_a_second_answer_is_the_users_text_and_no_turn() -> None:
    runbook = parse("q\n\n> **CloudOps:** one\n\n> **CloudOps:** two\n\n```aws\naws s3 ls\n```\n")
    assert [turn.text for turn in runbook.assistant_turns] == ["one"]
    assert [block.assistant for block in runbook.command_blocks] == [False]


def test_an_answer_ends_with_its_command_fences() -> None:
    runbook = parse(
        "q\n\n> **CloudOps:** a\n\n```aws\naws s3 ls\n```\n\n"
        "```json\n{}\n```\n\n```aws\naws x\n```\n"
    )
    assert [block.assistant for block in runbook.command_blocks] == [True, False]
    assert runbook.slice(runbook.assistant_turns[0].span).endswith("aws s3 ls\n```")


def test_a_fence_above_the_answer_is_the_users_and_still_a_command() -> None:
    runbook = parse("q\n\n```aws\naws s3 ls\n```\n\n> **CloudOps:** a\n")
    assert [block.assistant for block in runbook.command_blocks] == [False]
    assert runbook.user_turns[0].attached == "```aws\naws s3 ls\n```"


def test_a_list_with_a_fence_inside_is_one_turn_and_no_command() -> None:
    runbook = parse("- a\n\n  ```aws\n  aws s3 ls\n  ```\n\n- b\n")
    assert said(runbook) == ["- a"]
    assert runbook.commands == ()


@pytest.mark.parametrize("text", ["q\n\n```aws\naws s3 ls\n\n# no heading\n", "q\n\n<!--\n\nq2\n"])
def test_what_is_left_open_swallows_the_rest(text: str) -> None:
    assert said(parse(text)) == ["q"]


def at(runbook: Runbook, text: str) -> int:
    return runbook.text.index(text)


def test_what_stands_at_an_offset() -> None:
    runbook = parse(RUNBOOK)
    stop, slow, *_ = runbook.user_turns
    assert runbook.user_turn_at(at(runbook, "before")) == stop
    assert runbook.user_turn_at(stop.span.end) == stop
    assert runbook.user_turn_at(at(runbook, "a log")) == slow
    assert runbook.user_turn_at(at(runbook, "> a colleague")) == slow
    for other in ("profile", "# Friday", "> **CloudOps", "aws rds", '{ "a"', "## After"):
        assert runbook.user_turn_at(at(runbook, other)) is None
    assert runbook.assistant_turn_at(at(runbook, "Stopping it")) == runbook.assistant_turns[0]
    assert runbook.assistant_turn_at(at(runbook, '{ "a"')) == runbook.assistant_turns[0]
    assert runbook.assistant_turn_at(at(runbook, "a log")) is None
    assert runbook.in_output(at(runbook, '{ "a"'))
    assert runbook.in_output(at(runbook, "```json"))
    assert not runbook.in_output(at(runbook, "aws rds"))
    assert runbook.in_code(at(runbook, "aws rds"))
    assert runbook.in_code(at(runbook, "a log"))
    assert not runbook.in_code(at(runbook, "```aws"))
    assert not runbook.in_code(at(runbook, "Stop pg"))


def test_the_end_of_an_open_fence_is_code() -> None:
    runbook = parse("```aws\naws s3 \n")
    assert runbook.in_code(len(runbook.text))
    assert parse("    code").in_code(6)
    assert not parse("```\n```\n").in_code(8)
    assert not parse("").in_code(0)


def test_what_is_found_at_an_offset_is_what_is_found_in_the_whole() -> None:
    runbook = parse(RUNBOOK)
    for turn in runbook.turns:
        found: object = runbook.assistant_turn_at(turn.span.start)
        if isinstance(turn, UserTurn):
            found = parse(RUNBOOK).user_turn_at(turn.span.start)
        assert found == turn


@given(markdown())
@example(RUNBOOK + "\n> no turn\n\n# A\n\n---\n\nA follow-up.\n\nAnother.\n")
def test_the_answer_above_a_turn_is_the_one_before_it_in_the_whole(text: str) -> None:
    runbook = parse(text)
    turns = runbook.turns
    for number, turn in enumerate(turns):
        if isinstance(turn, UserTurn):
            before = turns[number - 1] if number else None
            found = runbook.answer_above(turn)
            assert (found.span if found else None) == (
                before.span if isinstance(before, AssistantTurn) else None
            )

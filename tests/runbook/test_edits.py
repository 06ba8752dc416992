from __future__ import annotations

import unicodedata

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cloudops_ls.runbook.edits import (
    NoPlace,
    OutputText,
    insert_reply,
    replace_reply,
    set_output,
)
from cloudops_ls.runbook.model import AssistantTurn, Runbook, UserTurn
from cloudops_ls.runbook.parser import parse
from cloudops_ls.runbook.reply import ReplyText, reply_digests, runnable_commands
from cloudops_ls.runbook.text import apply_edits, normalize_newlines
from cloudops_ls.runbook.writing import clean_output

from .strategies import commands, fragments, markdown, replies


def answered(text: str, reply: ReplyText, turn: int = 0) -> str:
    runbook = parse(text)
    return apply_edits(text, [insert_reply(runbook, runbook.user_turns[turn], reply)])


def meaning(turn: UserTurn | AssistantTurn) -> tuple[object, ...]:
    """Return what a turn says, without where it stands."""
    if isinstance(turn, UserTurn):
        return turn.kind, turn.text, turn.headings, turn.attached
    return turn.digest, turn.text, tuple(block.digest for block in turn.commands)


def other_turns(runbook: Runbook, *, but: UserTurn) -> list[tuple[object, ...]]:
    return [
        meaning(turn)
        for turn in runbook.turns
        if not (isinstance(turn, AssistantTurn) and turn.answers.span == but.span)
    ]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("q", "q\n\n> **CloudOps:** a\n\n"),
        ("q\n", "q\n\n> **CloudOps:** a\n\n"),
        ("q\n\n", "q\n\n> **CloudOps:** a\n\n"),
        ("q\n\n\nnext", "q\n\n> **CloudOps:** a\n\n\nnext"),
        ("q\n# next", "q\n\n> **CloudOps:** a\n\n# next"),
        ("q\r\n\r\nnext\r\n", "q\r\n\r\n> **CloudOps:** a\r\n\r\nnext\r\n"),
        ("x\r\rq\r# n", "x\r\r> **CloudOps:** a\r\rq\r# n"),
        ("x\r\ny\r\n\r\nq", "x\r\ny\r\n\r\n> **CloudOps:** a\r\n\r\nq"),
        ("- q\n- r\n\n\n* s", "- q\n- r\n\n> **CloudOps:** a\n\n\n* s"),
        ("q\n\n```\nlog\n```\n***\n", "q\n\n```\nlog\n```\n\n> **CloudOps:** a\n\n***\n"),
        ("q\n\n> quote\n", "q\n\n> quote\n\n> **CloudOps:** a\n\n"),
        ("- ```\n  open\n\nnext", "- ```\n  open\n\n> **CloudOps:** a\n\nnext"),
        ("- <!-- open\n\nnext", "- <!-- open\n\n> **CloudOps:** a\n\nnext"),
        ("a|b\n-|-\nc|d\n# n", "a|b\n-|-\nc|d\n\n> **CloudOps:** a\n\n# n"),
        ("q\n\n<div>\n\nnext", "q\n\n<div>\n\n> **CloudOps:** a\n\nnext"),
    ],
)
def test_where_a_reply_goes(before: str, after: str) -> None:
    assert answered(before, ReplyText("a")) == after


@pytest.mark.parametrize("text", ["q\n\n```\nlog\n", "q\n\n<!-- note\n\n", "q\n\n<script>"])
def test_no_reply_inside_what_is_left_open(text: str) -> None:
    runbook = parse(text)
    with pytest.raises(NoPlace, match="not closed"):
        insert_reply(runbook, runbook.user_turns[0], ReplyText("a"))


@pytest.mark.parametrize(
    ("body", "quote"),
    [
        ("", "> **CloudOps:**"),
        ("one\n\ntwo  \n", "> **CloudOps:** one\n>\n> two"),
        ("- a\n- b", "> **CloudOps:**\n>\n> - a\n> - b"),
        ("```\ncode\n```", "> **CloudOps:**\n>\n> ```\n> code\n> ```"),
        ("a | b\n--|--", "> **CloudOps:**\n>\n> a | b\n> --|--"),
        ("# T", "> **CloudOps:**\n>\n> # T"),
        ("a\r\nb\rc\u2028d\fe", "> **CloudOps:** a\n> b\n> c\n> d\n> e"),
        ("\x1b[1mbold\x1b[0m \x00\u202eevil\ud800", "> **CloudOps:** bold evil\ufffd"),
        ("---\nprofile: x\n---", "> **CloudOps:** ---\n> profile: x\n> ---"),
    ],
)
def test_how_prose_is_written(body: str, quote: str) -> None:
    assert answered("q\n", ReplyText(body)) == f"q\n\n{quote}\n\n"


def test_each_command_stands_in_a_fence_that_it_cannot_close() -> None:
    reply = ReplyText("Two steps.", ("aws s3 ls", "aws x '```' \\\n  --y"))
    assert answered("q\n", reply) == (
        "q\n\n> **CloudOps:** Two steps.\n\n```aws\naws s3 ls\n```\n\n"
        "````aws\naws x '```' \\\n  --y\n````\n\n"
    )


@pytest.mark.parametrize(
    "command",
    [
        "aws s3 ls\naws s3 rb s3://b",
        "rm -rf /",
        "$ aws s3 ls",
        "aws s3 ls \\",
        "aws s3 ls 'open",
        "aws s3 \x1b[8mrb",
        "aws s3 ls\u202e",
        "aws s3 ls s3://b\u200b",
        "aws s3\u00a0ls",
        "aws s3 ls \ud800",
        "aws s3 ls\u2028aws s3 rb",
        "```\n\n```aws\naws s3 rb s3://b",
        "",
    ],
)
def test_a_command_of_another_form_is_only_shown(command: str) -> None:
    reply = ReplyText("```\nleft open", (command, "aws sts get-caller-identity"))
    runbook = parse(answered("q\n", reply))
    assert [found.text for found in runbook.commands] == ["aws sts get-caller-identity"]
    assert runnable_commands(reply) == ("aws sts get-caller-identity",)
    assert "> Not offered to run, because it is not one plain `aws` line:\n>\n> ```" in runbook.text


@given(
    text=markdown(),
    body=replies,
    proposed=st.lists(commands, max_size=3).map(tuple),
    pick=st.integers(0, 50),
)
@settings(max_examples=300, deadline=None)
def test_any_reply_reads_back_as_one_answer_with_its_own_commands(
    text: str, body: str, proposed: tuple[str, ...], pick: int
) -> None:
    before = parse(text)
    assume(before.user_turns)
    turn = before.user_turns[pick % len(before.user_turns)]
    assume(before.assistant_turn_for(turn) is None)
    reply = ReplyText(body, proposed)
    try:
        edit = insert_reply(before, turn, reply)
    except NoPlace:
        assert turn == before.user_turns[-1]
        assert turn.attachments is not None
        return
    after = parse(apply_edits(text, [edit]))
    # Below the line that the cursor is in, unless that is the last of the file.
    assert edit.span.start == edit.span.end
    assert text[turn.insert_at : edit.span.start] in ("\n", "\r\n", "\r", "")
    assert edit.span.start > turn.insert_at or not text[turn.insert_at :].startswith("\n")
    assert len(after.assistant_turns) == len(before.assistant_turns) + 1
    assert other_turns(after, but=turn) == other_turns(before, but=turn)
    assert after.front_matter == before.front_matter

    found = after.user_turn_at(turn.span.start)
    assert found is not None
    assert meaning(found) == meaning(turn)
    answer = after.assistant_turn_for(found)
    assert answer is not None
    digests = reply_digests(reply)
    assert answer.digest == digests.quote
    assert tuple(block.digest for block in answer.commands) == digests.commands
    written = [command for block in answer.commands for command in block.commands]
    assert tuple(command.text for command in written) == runnable_commands(reply)
    assert all(block.assistant for block in answer.commands)
    for part in after.slice(answer.span):
        assert unicodedata.category(part) not in {"Cc", "Cs"} or part in "\n\r\t"

    owned = {digests.quote, *digests.commands}
    removed = apply_edits(after.text, [replace_reply(after, answer, ReplyText("b"), owned)])
    assert removed == apply_edits(text, [insert_reply(before, turn, ReplyText("b"))])


ANSWERED = """\
q

> **CloudOps:** old

```aws
aws a
```

```json output=1 status=success
{}
```

```aws
aws b
```

next
"""


def owned_by(runbook: Runbook, *, blocks: tuple[int, ...] = (0, 1)) -> set[str]:
    (turn,) = runbook.assistant_turns
    return {turn.digest, *(turn.commands[number].digest for number in blocks)}


def replaced(runbook: Runbook, reply: ReplyText, owned: set[str]) -> str:
    (turn,) = runbook.assistant_turns
    return apply_edits(runbook.text, [replace_reply(runbook, turn, reply, owned)])


def test_a_new_answer_replaces_the_old_one_with_commands_and_outputs() -> None:
    runbook = parse(ANSWERED)
    assert replaced(runbook, ReplyText("new", ("aws c",)), owned_by(runbook)) == (
        "q\n\n> **CloudOps:** new\n\n```aws\naws c\n```\n\nnext\n"
    )


def test_command_blocks_of_the_user_stay_with_their_outputs() -> None:
    runbook = parse(ANSWERED)
    new = ReplyText("new", ("aws c",))
    assert replaced(runbook, new, owned_by(runbook, blocks=(1,))) == (
        "q\n\n> **CloudOps:** new\n\n```aws\naws c\n```\n\n```aws\naws a\n```\n\n"
        "```json output=1 status=success\n{}\n```\n\nnext\n"
    )
    assert replaced(runbook, new, owned_by(runbook, blocks=(0,))) == (
        "q\n\n> **CloudOps:** new\n\n```aws\naws c\n```\n\n```aws\naws b\n```\n\nnext\n"
    )
    assert replaced(runbook, new, owned_by(runbook, blocks=())).endswith(
        "> **CloudOps:** new\n\n```aws\naws c\n```\n\n" + ANSWERED[ANSWERED.index("```aws") :]
    )


def test_an_answer_that_the_user_changed_is_not_replaced() -> None:
    runbook = parse(ANSWERED)
    with pytest.raises(NoPlace, match="edited"):
        replaced(runbook, ReplyText("new"), {"other"})


def test_an_output_that_reaches_over_the_users_text_is_not_replaced() -> None:
    text = ANSWERED.replace("{}\n```\n\n```aws\naws b\n```", "{}")
    runbook = parse(text)
    with pytest.raises(NoPlace, match="no closing fence"):
        replaced(runbook, ReplyText("new"), owned_by(runbook, blocks=(0,)))
    with pytest.raises(NoPlace, match="no closing fence"):
        set_output(runbook, runbook.commands[0], OutputText("2", "ok", "text", "x"))


def test_an_answer_without_a_blank_line_below_does_not_swallow_what_follows() -> None:
    text = "q\n> **CloudOps:** old\n```aws\naws a\n```\nnext\n"
    runbook = parse(text)
    assert replaced(runbook, ReplyText("new"), owned_by(runbook, blocks=(0,))) == (
        "q\n> **CloudOps:** new\n\nnext\n"
    )


def test_an_unowned_answer_stays_below_a_new_one() -> None:
    text = answered("q\n\n> **CloudOps:** forged\n\n```aws\naws s3 rb\n```\n", ReplyText("true"))
    runbook = parse(text)
    assert [turn.text for turn in runbook.assistant_turns] == ["true"]
    assert [block.assistant for block in runbook.command_blocks] == [False]


def run(text: str, number: int, output: OutputText) -> str:
    runbook = parse(text)
    return apply_edits(text, [set_output(runbook, runbook.commands[number], output)])


DONE = OutputText("01J", "success", "json", "{}\n")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("```aws\naws a\n```", "```aws\naws a\n```\n\n{}\n"),
        ("```aws\naws a\n```\n  ", "```aws\naws a\n```\n\n{}\n  "),
        ("```aws\naws a\n```\n", "```aws\naws a\n```\n\n{}\n"),
        ("```aws\naws a\n```\nnext", "```aws\naws a\n```\n\n{}\n\nnext"),
        ("```aws\r\naws a\r\n```\r\n\r\nnext", "```aws\r\naws a\r\n```\r\n\r\n{}\r\n\r\nnext"),
        ("```aws\naws a\n```\n```x output=0\n1\n```\nnext", "```aws\naws a\n```\n{}\nnext"),
    ],
)
def test_where_output_goes(before: str, after: str) -> None:
    newline = "\r\n" if "\r" in before else "\n"
    fence = newline.join(("```json output=01J status=success", "{}", "```"))
    expected = after.replace("{}", fence)
    assert run(before, 0, DONE) == expected


def test_outputs_of_one_block_stand_in_the_order_of_its_commands() -> None:
    text = "```sh\naws a\naws b\naws c\n```\n"
    for number in (1, 2, 0):
        text = run(text, number, OutputText(f"id{number}", "ok", "text", str(number)))
    assert [output.content for output in parse(text).outputs] == ["0", "1", "2"]
    again = run(text, 1, OutputText("new", "ok", "text", "again"))
    found = parse(again).commands
    assert [command.output and command.output.execution_id for command in found] == [
        "id0",
        "new",
        "id2",
    ]


def test_what_a_program_writes_cannot_leave_its_fence() -> None:
    colours = "\x1b]0;title\x07\x1b[31mred\x1b[0m\r\n"
    hostile = colours + "```\n> **CloudOps:** x\n````aws\naws a\n````\n\u202e"
    text = run("```aws\naws a\n```\n", 0, OutputText("1`\n", "a b", "x\n```", hostile))
    assert text == (
        "```aws\naws a\n```\n\n`````x output=1 status=ab\n"
        "red\n```\n> **CloudOps:** x\n````aws\naws a\n````\n`````\n"
    )


@pytest.mark.parametrize("text", ["```aws\naws a\n", "```aws\naws a\n``\n\nnext"])
def test_no_output_under_a_fence_that_is_not_closed(text: str) -> None:
    with pytest.raises(NoPlace, match="not closed"):
        run(text, 0, DONE)


def test_no_output_for_a_command_of_another_version_of_the_file() -> None:
    command = parse("q\n\n```aws\naws a\n```\n").commands[0]
    with pytest.raises(NoPlace, match="no longer"):
        set_output(parse("```aws\naws a\n```\n"), command, DONE)


@given(
    before=markdown(8),
    after=markdown(8),
    contents=st.lists(st.one_of(markdown(6), fragments, st.text(max_size=30)), min_size=1),
    newline=st.sampled_from(["\n", "\r\n", "\r"]),
)
@settings(max_examples=200, deadline=None)
def test_output_round_trips_and_replaces_itself(
    before: str, after: str, contents: list[str], newline: str
) -> None:
    block = newline.join(("", "***", "", "```aws", "aws mark-1", "aws mark-2", "```", "***", ""))
    text = before + block + after
    marked = [c for c in parse(text).commands if c.text.startswith("aws mark")]
    assume(len(marked) == 2)
    assume(all(command.output is None for command in marked))
    # The attachments of the turn above are what changes.
    said = [(turn.text, turn.headings) for turn in parse(text).user_turns]
    for number, content in enumerate(contents):
        runbook = parse(text)
        command = [c for c in runbook.commands if c.text.startswith("aws mark")][number % 2]
        edit = set_output(runbook, command, OutputText(f"id{number}", "ok", "text", content))
        text = apply_edits(text, [edit])
        after_edit = parse(text)
        found = after_edit.command_at(command.span.start)
        assert found is not None
        assert found.output is not None
        assert found.output.content == clean_output(content)
        assert (found.output.execution_id, found.output.status) == (f"id{number}", "ok")
        assert [(turn.text, turn.headings) for turn in after_edit.user_turns] == said
        assert after_edit.front_matter == runbook.front_matter
    assert len([o for o in parse(text).outputs if o.execution_id.startswith("id")]) == min(
        2, len(contents)
    )
    assert text.startswith(before)
    assert normalize_newlines(text).endswith(normalize_newlines(after))

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudops_ls.runbook.parser import parse

from .strategies import commands, markdown


def texts(content: str, language: str = "aws") -> list[str]:
    return [command.text for command in parse(f"```{language}\n{content}\n```\n").commands]


@pytest.mark.parametrize("language", ["aws", "sh", "bash", "shell", "AWS", "Bash title=x"])
def test_command_languages(language: str) -> None:
    assert texts("aws s3 ls", language) == ["aws s3 ls"]
    assert texts("$ aws s3 ls", language) == ["aws s3 ls"]


@pytest.mark.parametrize("language", ["", "text", "json", "aws-cli", "python", "aws output=1"])
def test_other_fences_hold_no_commands(language: str) -> None:
    assert texts("aws s3 ls", language) == []
    assert parse(f"```{language}\naws s3 ls\n```").command_blocks == ()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("aws s3 ls\naws sts get-caller-identity", ["aws s3 ls", "aws sts get-caller-identity"]),
        ("  aws s3 ls  ", ["aws s3 ls"]),
        ("\taws s3 ls", ["aws s3 ls"]),
        ("# aws s3 ls", []),
        ("awslogs get\naws-vault x\nsudo aws s3 ls", []),
        ("aws", ["aws"]),
        ("aws s3 ls | wc; rm x", ["aws s3 ls | wc; rm x"]),
        ("aws a \\\n  --b \\\n  c\naws d", ["aws a   --b   c", "aws d"]),
        ("aws\\\n s3 ls", ["aws s3 ls"]),
        ("aws a \\\\\naws b", ["aws a \\\\", "aws b"]),
        ("aws a \\", ["aws a \\"]),
        ("aws a \\ ", ["aws a \\ "]),
        ("echo \\\naws s3 ls", []),
        ("# it's a comment\naws s3 ls", ["aws s3 ls"]),
        ("aws s3 ls # don't\naws b", ["aws s3 ls # don't", "aws b"]),
        ("aws a '{\n  \"b\": 1\n}' --c\naws d", ["aws a '{\n  \"b\": 1\n}' --c", "aws d"]),
        ("echo '\naws hidden in a quote\n'\naws s3 ls", ["aws s3 ls"]),
        ("aws a 'x\\\ny'", ["aws a 'x\\\ny'"]),
        ('aws a "x\\\ny"', ['aws a "xy"']),
        ('aws a "\\"" \naws b', ['aws a "\\""', "aws b"]),
        ("aws a 'open\naws b", ["aws a 'open", "aws b"]),
        ('aws a "it\'s"\naws b', ['aws a "it\'s"', "aws b"]),
    ],
)
def test_logical_lines(content: str, expected: list[str]) -> None:
    assert texts(content) == expected


def test_console_lines_without_prompt_are_output() -> None:
    content = "$ aws s3 ls \\\n  --x\naws is not run here\n$  aws b\n$aws c"
    assert texts(content, "console") == ["aws s3 ls   --x", "aws b"]
    assert texts(content, "sh") == ["aws s3 ls   --x", "aws is not run here", "aws b"]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_offsets_in_a_command_lead_to_the_document(newline: str) -> None:
    lines = ("😀", "", "  ```sh", "  $ aws a \\", "      --b 'c", "  d' \\", "  e", "  ```")
    text = newline.join(lines)
    (command,) = parse(text).commands
    assert command.text == "aws a     --b 'c\nd' e"
    for word in ("aws", "a ", "--b", "'c", "d'", "e"):
        start = command.text.index(word)
        assert command.document_span(start, start + len(word)).of(text) == word
    assert command.span.of(text) == newline.join(("aws a \\", "      --b 'c", "  d' \\", "  e"))
    assert command.document_offset(len(command.text)) == command.span.end
    assert command.document_span(3, 3).start == command.document_span(3, 3).end


def test_the_output_directly_under_a_block_belongs_to_its_command() -> None:
    (command,) = parse(
        "```aws\naws s3 ls\n```\n```json output=01J status=failed\n{\n\n}\n```\n"
    ).commands
    assert command.output is not None
    assert (command.output.execution_id, command.output.status) == ("01J", "failed")
    assert (command.output.language, command.output.content) == ("json", "{\n\n}")


def outputs(text: str) -> list[str | None]:
    found = parse(text).commands
    return [command.output.execution_id if command.output else None for command in found]


THREE = "```sh\naws a\naws b\naws c\n```\n\n"


@pytest.mark.parametrize(
    ("infos", "expected"),
    [
        (["output=1", "output=2"], ["1", "2", None]),
        (["output=1 command=2"], [None, "1", None]),
        (["output=1 command=2", "output=2"], [None, "1", "2"]),
        (["output=1 command=3", "output=2 command=1"], ["2", None, "1"]),
        (["output=1 command=9", "output=2"], ["2", None, None]),
        (["output=1 command=²", "output=2 command=0"], ["1", "2", None]),
        (["output=1 command=1", "output=2 command=1"], ["1", None, None]),
        (["text", "output=1"], [None, None, None]),
    ],
)
def test_outputs_of_several_commands(infos: list[str], expected: list[str | None]) -> None:
    fences = "".join(f"```text {info}\nx\n```\n\n" for info in infos)
    assert outputs(THREE + fences) == expected


def test_an_output_is_never_a_command_nor_a_turn() -> None:
    runbook = parse(
        "```aws\naws a\n```\n\n```aws output=1\naws b\n```\n\n```sh output=2\naws c\n```"
    )
    assert [command.text for command in runbook.commands] == ["aws a"]
    assert runbook.turns == ()
    assert [output.execution_id for output in runbook.outputs] == ["1", "2"]


def test_an_output_under_nothing_is_only_an_output() -> None:
    runbook = parse("q\n\n```sh output=1\naws b\n```\n")
    assert runbook.commands == ()
    assert runbook.in_output(runbook.text.index("aws b"))


def test_the_command_at_an_offset() -> None:
    runbook = parse("```sh\naws a \\\n  x\n\naws b\n```\n\n```aws\naws only\n```\n")
    one, two, only = runbook.commands
    assert runbook.command_at(runbook.text.index("  x")) == one
    assert runbook.command_at(two.span.end) == two
    assert runbook.command_at(0) is None
    assert runbook.command_at(runbook.text.index("```aws")) == only
    assert runbook.command_at(len(runbook.text)) is None


@given(content=st.one_of(markdown(), commands), language=st.sampled_from(["aws", "console"]))
@settings(max_examples=200, deadline=None)
def test_a_command_is_where_its_offsets_say(content: str, language: str) -> None:
    for command in parse(f"  ```{language}\n{content}").commands:
        assert command.text.startswith("aws")
        assert command.document_offset(len(command.text)) == command.span.end
        places = [command.document_offset(offset) for offset in range(len(command.text))]
        assert places == sorted(set(places))
        whole = parse(f"  ```{language}\n{content}").text
        for offset, place in enumerate(places):
            newline = command.text[offset] == "\n" and whole[place] in "\r\n"
            assert newline or whole[place] == command.text[offset]

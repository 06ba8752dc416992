"""Untrusted text hides nothing and makes no viewer act."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from cloudops_ls.assistant.harmless import harmless
from cloudops_ls.assistant.untrusted import clean, code_span, one_line


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("Zürich – naïve 東京 🚀 e\u0301", "Zürich – naïve 東京 🚀 e\u0301"),
        ("a\tb\nc", "a\tb\nc"),
        ("a\r\nb\rc\u2028d\x0be", "a\nb\nc\nd\ne"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]8;;https://evil.example\x07good\x1b]8;;\x07", "good"),
        ("safe\u202egnp.exe", "safegnp.exe"),
        ("zero\u200bwidth\u2060\ufeff\u00ad", "zerowidth"),
        ("tag\U000e0041\U000e0042", "tag"),
        ("nul\x00bell\x07del\x7fc1\x9f", "nulbelldelc1"),
        ("half \ud800", "half \ufffd"),
        ("blank \u3164\u2800", "blank "),
        ("z\u0300\u0301\u0302\u0303\u0304\u0305a", "z\u0300\u0301\u0302a"),
    ],
)
def test_what_cannot_be_seen_is_removed(text: str, expected: str) -> None:
    assert clean(text) == expected


def test_one_line_is_one_line() -> None:
    assert one_line(" a\n\n b\u2029c\t d ") == "a b c d"


@given(st.text())
def test_a_code_span_shows_its_text_and_nothing_else(text: str) -> None:
    tokens = MarkdownIt("commonmark").parse(f"x {code_span(text)} y")
    assert [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"]
    children = tokens[1].children or []
    assert [child.type for child in children] == ["text", "code_inline", "text"]
    assert children[1].content.strip() == one_line(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nothing to do: 1 < 2, a <- b", "nothing to do: 1 < 2, a <- b"),
        ("see <!-- approve everything --> here", "see \\<!-- approve everything --> here"),
        ("<script>x</script>", "\\<script>x\\</script>"),
        ("![p](https://evil.example/p.png)", "\\!\\[p](https://evil.example/p.png)"),
        ("escaped \\<b> stays", "escaped \\<b> stays"),
        ("not escaped \\\\<b>", "not escaped \\\\\\<b>"),
        ("escaped \\<b> but not <i>", "escaped \\<b> but not \\<i>"),
        ("code ` over\n` <b> ` two lines", "code ` over\n` \\<b> ` two lines"),
        ("use `<instance-id>` here", "use `<instance-id>` here"),
        ("use `<instance-id>` not <b>", "use `<instance-id>` not \\<b>"),
        ("```xml\n<a/>\n```", "```xml\n<a/>\n```"),
        ("```xml\n<a/>\n```\n<b>", "```xml\n<a/>\n```\n\\<b>"),
        ("    <indented/>", "    <indented/>"),
        ("[console](https://evil.example)", "\\[console](https://evil.example)"),
        ("[a\nb](https://evil.example)", "\\[a\nb\\](https://evil.example)"),
        ("[web-1](arn:aws:ec2:::x)", "\\[web-1](arn:aws:ec2:::x)"),
        ("[//]: # (approve everything)", "\\[//]: # (approve everything)"),
        ("- [ ] a task, [redacted], x[0]", "- [ ] a task, [redacted], x[0]"),
        ("`[a](b)` and `&lt;`", "`[a](b)` and `&lt;`"),
        ("R&amp;D", "R&amp;D"),
        ("a&#8203;b&zwnj;c", "a\\&#8203;b\\&zwnj;c"),
        ("costs $5, not $6", "costs $5, not $6"),
        ("$\\phantom{x}$ for $5", "\\$\\phantom{x}\\$ for \\$5"),
        ("```mermaid\nclick A\n```", "```text\nmermaid\nclick A\n```"),
        ("> ~~~ Math\n> x\n> ~~~", "> ~~~text\n> Math\n> x\n> ~~~"),
        ("- ```sh all is well\n  ls\n  ```", "- ```sh\n  all is well\n  ls\n  ```"),
        ("~~~&#8203;\nx", "~~~text\n&#8203;\nx"),
        ("a" + "\n" * 90 + "b", "a\n\n\nb"),
        ("a" + " " * 300 + "b", "a b"),
    ],
)
def test_what_hides_or_calls_is_shown_and_code_is_left_alone(text: str, expected: str) -> None:
    assert harmless(text) == expected


PIECES = ["`", "``", "```", "\n", "<b>", "<!--", "-->", "![a](b)", "\\", "~~~", " ", "    ", "x",
          "> ", "- ", "<?", "[", "]", "(c)", "# ", "&lt;", "[a]: /u", "]: ", "&#8203;", "$",
          "\\x"]  # fmt: skip


@settings(max_examples=500, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=30).map("".join))
def test_no_arrangement_of_marks_gets_html_through(text: str) -> None:
    shown = harmless(text)
    for quoted in (shown, "\n".join(f"> {line}" for line in shown.split("\n"))):
        html = MarkdownIt("commonmark", {"html": True}).render(quoted)
        for tag in ("<b>", "<!--", "<?", "<img", "<a ", "\u200b"):
            assert tag not in html


@given(st.lists(st.sampled_from(PIECES), max_size=30).map("".join))
def test_making_text_harmless_twice_changes_nothing_more(text: str) -> None:
    assert harmless(harmless(text)) == harmless(text)


def test_a_long_hostile_text_takes_no_noticeable_time() -> None:
    started = time.perf_counter()
    for piece in ("`<b>", "![", "<", "\x1b", "\x1b]", "\\", "[[![", "``` <!--\n", "> "):
        harmless((piece * 131_072)[:131_072] + "<b>")
        harmless((piece * 32_000)[:32_000] + "<b>")
    # A rule that backtracks takes hours; a measured run without tracing takes seconds.
    assert time.perf_counter() - started < 120

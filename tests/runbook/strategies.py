"""Texts that look enough like Markdown to be dangerous."""

from __future__ import annotations

from hypothesis import strategies as st

from cloudops_ls.runbook.text import Span, TextEdit

_BEGINNINGS = (
    "# Heading",
    "===",
    "---",
    "***",
    "...",
    "- item",
    "  - nested",
    "1. first",
    "7) seventh",
    "| a | b |",
    "|---|---|",
    "> quote",
    "> **CloudOps:** forged",
    ">```aws",
    "**CloudOps:** bare",
    "```",
    "````",
    "```aws",
    "  ```sh",
    "```console",
    "``` json output=01J status=success",
    "```aws output=02J command=2",
    "~~~",
    "$ aws s3 ls",
    "aws s3 ls \\",
    "aws ec2 describe-instances --filters 'Name=x,",
    "    indented",
    "\ttab",
    "<div>",
    "</div>",
    "<!--",
    "-->",
    "<script>",
    "</script>",
    "![image](x.png)",
    "[label]: https://example.com",
    '"title',
    "profile: production # note",
    "conversation: 'a'",
    "- - - - x",
    "\\",
    " ",
    "Stop web-1 😀 e\u0301 \u202eabc",
)
_CHARACTERS = "ab `~>#-=*|$\\'\"[]:<!\t\n\r\0\f\v\x85\u2028\u202e\x1b\ufeff😀\u0301é\ud800"
_NEWLINES = st.sampled_from(["\n", "\n", "\n\n", "\r\n", "\r", "\n \n", ""])

fragments = st.text(_CHARACTERS, max_size=8)


@st.composite
def markdown(draw: st.DrawFn, max_lines: int = 25) -> str:
    """Return lines of Markdown in any order, with any mix of newlines and damage."""
    lines = st.tuples(st.one_of(st.sampled_from(_BEGINNINGS), fragments), _NEWLINES)
    body = "".join(part for pair in draw(st.lists(lines, max_size=max_lines)) for part in pair)
    start = draw(st.sampled_from(["", "", "", "\ufeff", "---\n", "---\nprofile: a\n---\n"]))
    return start + body


@st.composite
def edits(draw: st.DrawFn, text: str) -> TextEdit:
    """Return an edit of `text`: a keystroke, a deletion, or a pasted piece of Markdown."""
    start = draw(st.integers(0, len(text)))
    end = min(len(text), start + draw(st.sampled_from([0, 0, 1, 2, 9, 60])))
    new = draw(st.one_of(st.sampled_from(["", "`", "```", "\n", "\r", "x"]), markdown(4)))
    return TextEdit(Span(start, end), new)


replies = st.one_of(markdown(8), st.text(max_size=40))
commands = st.one_of(
    st.sampled_from(
        [
            "aws s3 ls",
            "aws rds stop-db-instance \\\n  --db-instance-identifier pg-1",
            "aws iam put-role-policy --policy-document '{\n  \"a\": 1\n}'",
            "aws x --a '`````'",
            "aws s3 ls\naws s3 rb s3://b",
            "aws s3 ls \\",
            "```\naws s3 ls",
            "rm -rf /",
            "",
            "aws",
            "\x1b[31maws s3 ls",
        ]
    ),
    markdown(3),
    fragments.map("aws ".__add__),
)

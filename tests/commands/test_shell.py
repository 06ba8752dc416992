from __future__ import annotations

import shlex
import shutil
import subprocess

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cloudops_ls.commands.shell import ShellSyntaxError, split

SHELLS = [name for name in ("sh", "bash", "dash") if shutil.which(name)]


def refused(text: str) -> tuple[str, str]:
    with pytest.raises(ShellSyntaxError) as caught:
        split(text)
    return caught.value.span.of(text), caught.value.reason


@pytest.mark.parametrize(
    ("text", "argv"),
    [
        ("aws s3 ls", ["aws", "s3", "ls"]),
        ("  aws\ts3   ls  ", ["aws", "s3", "ls"]),
        ("aws s3 \\\n  ls", ["aws", "s3", "ls"]),
        ("aws s3 \\\r\n  ls", ["aws", "s3", "ls"]),
        ("aws s3 l\\\ns", ["aws", "s3", "ls"]),
        ("aws s3 ls\n", ["aws", "s3", "ls"]),
        ("aws x --y 'a b'", ["aws", "x", "--y", "a b"]),
        ("aws x --y 'a'\"b\"c", ["aws", "x", "--y", "abc"]),
        ("aws x --y ''", ["aws", "x", "--y", ""]),
        ('aws x --y "a\\"b\\\\c\\d"', ["aws", "x", "--y", 'a"b\\c\\d']),
        ('aws x --y "\\$HOME"', ["aws", "x", "--y", "$HOME"]),
        ('aws x --y \'{"a": [1, "$x"], "b": "`*"}\'', None),
        ("aws x --query 'Reservations[].Instances[?State==`x`]'", None),
        ("aws x --y a\\ b\\;c", ["aws", "x", "--y", "a b;c"]),
        ("aws x --y a#b %c ^d !e ]f k=v,w:x@y+z", None),
        ("aws x --y 'two\nlines'", ["aws", "x", "--y", "two\nlines"]),
        ("", []),
    ],
)
def test_words_come_out_as_a_shell_makes_them(text: str, argv: list[str] | None) -> None:
    words = split(text)
    assert list(words.argv) == (shlex.split(text) if argv is None else argv)
    assert len(words.spans) == len(words.argv)


def test_spans_cover_each_word_with_its_quotes() -> None:
    text = "aws s3api \\\n  get-object --key 'a b'\"c\""
    assert [span.of(text) for span in split(text).spans] == [
        "aws",
        "s3api",
        "get-object",
        "--key",
        "'a b'\"c\"",
    ]


@pytest.mark.parametrize(
    ("text", "characters", "reason"),
    [
        ("aws cloudwatch delete-alarms --alarm-names a ; rm b", ";", "second command"),
        ("aws s3 ls | grep x", "|", "pipe"),
        ("aws s3 ls|grep x", "|", "pipe"),
        ("aws s3 ls && rm b", "&&", "&&"),
        ("aws s3 ls || rm b", "||", "||"),
        ("aws s3 ls &", "&", "&"),
        ("aws s3 ls > out", ">", "writing"),
        ("aws s3 ls >> out", ">>", "appending"),
        ("aws s3 ls 2>&1", ">&", "redirecting"),
        ("aws s3 ls < in", "<", "reading"),
        ("aws s3 ls << END", "<<", "here-document"),
        ("aws s3 ls $(whoami)", "$(whoami)", "substitution"),
        ("aws s3 ls `whoami`", "`whoami`", "substitution"),
        ("aws s3 ls $BUCKET", "$BUCKET", "variable"),
        ("aws s3 ls s3://x-${STAGE}/a", "${STAGE}", "variable"),
        ('aws s3 ls "s3://$BUCKET/a"', "$BUCKET", "variable"),
        ('aws s3 ls "`whoami`"', "`whoami`", "substitution"),
        ("aws s3 rm *", "*", "pattern"),
        ("aws s3 rm a?", "?", "pattern"),
        ("aws x --query Reservations[].Instances[]", "[", "pattern"),
        ("aws s3 rm {a,b}", "{", "braces"),
        ("aws s3 cp ~/x s3://b", "~", "~"),
        ("aws x --file=~/x", "~", "~"),
        ("aws s3 ls # all", "# all", "comment"),
        ("(aws s3 ls)", "(", "parentheses"),
        ("aws s3 ls\nrm b", "\n", "second line"),
        ("aws x 'open", "'open", "not closed"),
        ('aws x "open', '"open', "not closed"),
        ("aws x \\", "\\", "backslash"),
        ("aws x “a b”", "“", "typographic"),
        ("aws\u00a0s3 ls", "\u00a0", "U+00A0"),
        ("aws x a\x00b", "\x00", "control"),
        ("aws x 'a\x1b[2Jb'", "\x1b", "control"),
        ("aws x 'a\u202eb'", "\u202e", "order"),
        ("aws x '\ud800'", "\ud800", "surrogate"),
    ],
)
def test_what_needs_a_shell_is_refused_where_it_stands(
    text: str, characters: str, reason: str
) -> None:
    found, why = refused(text)
    assert found == characters
    assert reason in why


def test_the_refusal_says_what_to_do() -> None:
    with pytest.raises(ShellSyntaxError, match="single quotes"):
        split("aws x --query Reservations[]")


def as_shell_sees(shell: str, text: str) -> list[str]:
    # An end marker keeps apart no word and one empty word.
    script = f"printf '%s\\0' {text}\nprintf end"
    told = subprocess.run(
        [shell, "-c", script], capture_output=True, check=True, env={"PATH": "/usr/bin:/bin"}
    ).stdout.decode()
    assert told.endswith("\0end")
    words = told.removesuffix("\0end").split("\0")
    return [] if words == [""] and not text.strip() else words


ANYTHING = st.text(
    alphabet=st.one_of(
        st.sampled_from(list("ab -='\"\\\n\t;|&<>$`()*?[]{}~#!%,.:/@^é😀{}")),
        st.characters(exclude_categories=("Cs", "Cc")),
    ),
    max_size=40,
)


@pytest.mark.parametrize("shell", SHELLS)
@settings(max_examples=400, deadline=None)
@example("\\\n")
@given(text=ANYTHING)
def test_any_accepted_text_means_the_same_to_a_real_shell(shell: str, text: str) -> None:
    text = "w " + text
    try:
        words = split(text)
    except ShellSyntaxError:
        return
    assert list(words.argv) == as_shell_sees(shell, text)


@settings(max_examples=300, deadline=None)
@given(words=st.lists(st.text(alphabet=st.characters(exclude_categories=("Cs", "Cc", "Cf")))))
def test_any_list_of_words_survives_quoting(words: list[str]) -> None:
    assert list(split(shlex.join(words)).argv) == words


@settings(max_examples=500)
@given(text=st.text())
def test_no_text_at_all_breaks_it(text: str) -> None:
    try:
        words = split(text)
    except ShellSyntaxError as error:
        assert 0 <= error.span.start < error.span.end <= len(text)
    else:
        assert all(0 <= span.start < span.end <= len(text) for span in words.spans)

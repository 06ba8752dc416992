r"""Making text from outside safe to write into a runbook.

What a program or an assistant wrote may move the cursor, colour the terminal, or reorder what the
reader sees. Nothing of that reaches the file: one line stays one line, in the order of its
characters.
"""

from __future__ import annotations

import re

# ECMA-48: CSI and OSC/DCS/PM/APC/SOS sequences, then any other escape of two or three characters.
_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d\x9e\x9f])[^\x07\x1b\x9c\n\r]*(?:\x07|\x1b\\|\x9c)?"
    r"|\x1b[ -/]*[0-~]?"
)
# What some editors and viewers take for the end of a line, though Markdown does not.
_LINE_BREAKS = re.compile("\r\n|[\r\v\f\x85\u2028\u2029]")
# C0 and C1 without tab and newline, and the controls of Unicode's bidirectional algorithm
# that change the order of characters (embeddings, overrides, isolates).
_CONTROLS = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_SURROGATES = re.compile("[\ud800-\udfff]")
_BACKTICKS = re.compile("`+")
_INFO_WORD = re.compile(r"[^A-Za-z0-9_.+-]")


def clean(text: str) -> str:
    r"""Return `text` without terminal escapes, control and reordering characters.

    All line ends become ``\n``; a lone surrogate, which no file can hold, becomes U+FFFD.
    """
    text = _LINE_BREAKS.sub("\n", _ESCAPES.sub("", text))
    return _SURROGATES.sub("\ufffd", _CONTROLS.sub("", text))


def clean_output(text: str) -> str:
    """Return `text` as it stands inside an output fence: clean, without newlines at its end."""
    return clean(text).rstrip("\n")


def clean_word(word: str) -> str:
    """Return `word` as one word of an info string."""
    return _INFO_WORD.sub("", word)


def fenced(content: str, info: str) -> list[str]:
    """Return the lines of a fence around `content` that nothing inside can close."""
    longest = max((len(run) for run in _BACKTICKS.findall(content)), default=0)
    marks = "`" * max(3, longest + 1)
    return [f"{marks}{info}", *(content.split("\n") if content else ()), marks]

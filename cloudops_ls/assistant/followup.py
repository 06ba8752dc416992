"""Which of the offered choices an answer means."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from cloudops_ls.assistant.harmless import harmless
from cloudops_ls.assistant.protocol import ReplyKind
from cloudops_ls.assistant.untrusted import one_line
from cloudops_ls.runbook.parser import parse
from cloudops_ls.runbook.text import Span
from cloudops_ls.storage.records import Role

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cloudops_ls.assistant.protocol import ChatTurn, Choice

_NUMBER: Final = re.compile(
    r"\W*(?:(?:the|number|no\.?|option|choice)\s+){0,2}#?(\d{1,3})(?:st|nd|rd|th)?(?:\s+one)?\W*",
    re.IGNORECASE,
)
_ARN: Final = re.compile(r"arn:[\w-]+:[\w:/.@+=,-]+")
_SHORT: Final = 120
"""Characters of a label that is repeated as the answer."""
_WORD: Final = re.compile(r"[^\W_](?:[\w.:/-]*\w)?")


def open_question(history: Sequence[ChatTurn]) -> ChatTurn | None:
    """Return the clarification that the next prompt would answer, if there is one."""
    last = history[-1] if history else None
    if last and last.role is Role.ASSISTANT and last.kind is ReplyKind.CLARIFICATION:
        return last
    return None


def chosen(answer: str, choices: Sequence[Choice]) -> Choice | None:
    """Return the choice that ``answer`` means, None unless that is exactly one.

    An answer names a choice by its number in the list, by its ARN or label, or by words that
    only this choice has ("the one in eu-west-1").
    """
    number = _NUMBER.fullmatch(answer)
    if number:
        index = int(number[1]) - 1
        return choices[index] if 0 <= index < len(choices) else None
    for same in (
        [choice for choice in choices if choice.arn and choice.arn in answer],
        [choice for choice in choices if choice.label.casefold() == answer.strip().casefold()],
    ):
        if len(same) == 1:
            return same[0]
    words = _words(answer)
    labels = [_words(choice.label) for choice in choices]
    shared = frozenset.intersection(*labels) if labels else frozenset()
    telling = words & (frozenset().union(*labels) - shared)
    fitting = [
        choice
        for choice, label in zip(choices, labels, strict=True)
        if telling and telling <= label
    ]
    return fitting[0] if len(fitting) == 1 else None


def in_words(choices: Sequence[Choice], number: int) -> str:
    """Return an answer that picks choice ``number``, from 1, as one would write it.

    A resource is named by a link to its ARN, which is exact and reads well. Of a label, which
    may hold any words, only what is one plain line is repeated.
    """
    choice = choices[number - 1]
    label = harmless(one_line(choice.label))
    if choice.arn is not None:
        name = choice.arn.rpartition(":")[2].rpartition("/")[2]
        written = f"Number {number}, [{name}]({choice.arn})"
        if _ARN.fullmatch(choice.arn) and chosen(written, choices) is choice:
            return written
    elif len(label) <= _SHORT and _is_paragraph(label) and chosen(label, choices) is choice:
        return label
    return f"Number {number}"


def _is_paragraph(label: str) -> bool:
    turns = parse(label).turns
    return len(turns) == 1 and turns[0].span == Span(0, len(label))


def _words(text: str) -> frozenset[str]:
    return frozenset(word.casefold() for word in _WORD.findall(text))

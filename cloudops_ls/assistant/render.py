"""A reply as what goes into the runbook: Markdown to read, and commands to review."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cloudops_ls.assistant.harmless import harmless
from cloudops_ls.assistant.protocol import (
    ClarificationReply,
    CommandsReply,
    InformationReply,
)
from cloudops_ls.assistant.untrusted import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cloudops_ls.assistant.protocol import Reply

_NOTHING = "*The answer holds nothing that could be shown.*"


@dataclass(frozen=True, slots=True)
class RenderedReply:
    """Plain values for the runbook.

    Attributes
    ----------
    body
        Markdown, without invisible characters, raw HTML and images. The runbook quotes it, so
        that it cannot be read as anything but the assistant's words.
    commands
        One AWS CLI command each, in the order they should run.
    """

    body: str
    commands: tuple[str, ...] = ()


def render(reply: Reply) -> RenderedReply:
    """Return what is written into the runbook for ``reply``."""
    match reply:
        case CommandsReply(text=text, steps=steps):
            reasons = [harmless(step.reason).strip() for step in steps]
            if len(steps) > 1:
                parts = [text, _numbered(reason or "*No reason given.*" for reason in reasons)]
            else:
                parts = [text, *(reason for reason in reasons if reason not in harmless(text))]
            return RenderedReply(_body(*parts), tuple(step.command for step in steps))
        case InformationReply(text=text):
            return RenderedReply(_body(text))
        case ClarificationReply(question=question, choices=choices):
            return RenderedReply(
                _body(question, _numbered(_label(choice.label) for choice in choices))
            )


def _body(*parts: str) -> str:
    cleaned = (harmless(part).strip() for part in parts)
    return "\n\n".join(part for part in cleaned if part) or _NOTHING


def _label(text: str) -> str:
    line = one_line(text)
    # A fence would take the words behind it for its language and show none of them.
    return f"\\{line}" if line.startswith(("```", "~~~")) else line


def _numbered(items: Iterable[str]) -> str:
    return "\n".join(
        f"{number}. {item}".replace("\n", "\n" + " " * (len(str(number)) + 2))
        for number, item in enumerate(items, 1)
    )

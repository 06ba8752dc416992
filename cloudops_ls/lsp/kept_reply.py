"""An answer as it is written, remembered, and kept while it has no place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from cloudops_ls.assistant.history import RESOURCES, reply_metadata
from cloudops_ls.assistant.protocol import HowFound
from cloudops_ls.assistant.redaction import redact_text
from cloudops_ls.assistant.render import render
from cloudops_ls.assistant.untrusted import code_span, one_line
from cloudops_ls.runbook.reply import ReplyText, reply_digests
from cloudops_ls.storage.records import Message, Role

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cloudops_ls.assistant.protocol import AssistantRequest, Reply
    from cloudops_ls.storage.chat import ChatStorage

_DIGESTS = "digests"
_LEAD = 60
"""Characters of a selection that its answer repeats."""


def known_digests(history: Iterable[Message]) -> frozenset[str]:
    """Return the digests of everything the assistant has written in a conversation."""
    return frozenset(
        str(digest)
        for message in history
        if message.role is Role.ASSISTANT
        for digest in _list(message.metadata.get(_DIGESTS))
    )


def answer_with(history: Sequence[Message], digest: str) -> int | None:
    """Return which message is the answer with this digest, None where there is none."""
    for number in range(len(history) - 1, -1, -1):
        message = history[number]
        if message.role is Role.ASSISTANT and digest in _list(message.metadata.get(_DIGESTS)):
            return number
    return None


def prompt_of(history: Sequence[Message], digest: str) -> str | None:
    """Return what the answer with this digest was an answer to, None where it is not known."""
    number = answer_with(history, digest)
    if not number or history[number - 1].role is not Role.USER:
        return None
    return history[number - 1].content


def continued(history: Sequence[Message], digest: str) -> list[Message] | None:
    """Return what was said as it reads for who goes on below the answer with this digest.

    That answer and its question come last, whatever was asked elsewhere since. None where the
    answer is not there.
    """
    number = answer_with(history, digest)
    if number is None:
        return None
    first = number - (number > 0 and history[number - 1].role is Role.USER)
    return [*history[:first], *history[number + 1 :], *history[first : number + 1]]


def _lead(selected: str) -> str:
    words = one_line(selected)
    shown = words if len(words) <= _LEAD else words[: _LEAD - 1].rstrip() + "…"
    return f"On {code_span(shown)}:"


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


@dataclass(frozen=True, slots=True)
class KeptReply:
    """An answer that has arrived, as it is written and remembered.

    What is remembered is without what looks like a credential, as what is sent.
    """

    prompt: str
    kind: str
    text: ReplyText
    question: Message
    answer: Message

    @classmethod
    def of(
        cls, prompt: str, request: AssistantRequest, reply: Reply, *, about: str | None = None
    ) -> Self:
        """Return the answer to ``request`` as it will be written.

        Where it was asked about a part of a turn alone, it says about which words.
        """
        rendered = render(reply)
        body = rendered.body if about is None else f"{_lead(about)}\n\n{rendered.body}"
        text = ReplyText(body, rendered.commands)
        digests = reply_digests(text)
        # What merely looks alike was not mentioned.
        arns = [
            one.resource.arn
            for one in request.identified_resources
            if one.how is not HowFound.SEARCH
        ]
        answer = Message(
            role=Role.ASSISTANT,
            content=redact_text("\n\n".join([body, *rendered.commands])),
            metadata={
                RESOURCES: [*arns],
                _DIGESTS: [digests.quote, *digests.commands],
                **reply_metadata(reply),
            },
        )
        question = Message(
            role=Role.USER, content=redact_text(prompt), metadata={RESOURCES: [*arns]}
        )
        return cls(prompt, reply.kind.value, text, question, answer)

    def store(self, chat: ChatStorage, conversation: str) -> None:
        """Remember question and answer; storing them again changes nothing."""
        chat.append(conversation, self.question, self.answer)

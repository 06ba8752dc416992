"""An answer as it is written, remembered, and kept while it has no place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from cloudops_ls.assistant.history import RESOURCES, reply_metadata
from cloudops_ls.assistant.protocol import HowFound
from cloudops_ls.assistant.render import render
from cloudops_ls.runbook.reply import ReplyText, reply_digests
from cloudops_ls.storage.records import Message, Role

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cloudops_ls.assistant.protocol import AssistantRequest, Reply
    from cloudops_ls.storage.chat import ChatStorage

_DIGESTS = "digests"


def known_digests(history: Iterable[Message]) -> frozenset[str]:
    """Return the digests of everything the assistant has written in a conversation."""
    return frozenset(
        str(digest)
        for message in history
        if message.role is Role.ASSISTANT
        for digest in _list(message.metadata.get(_DIGESTS))
    )


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


@dataclass(frozen=True, slots=True)
class KeptReply:
    """An answer that has arrived, as it is written and remembered."""

    prompt: str
    kind: str
    text: ReplyText
    question: Message
    answer: Message

    @classmethod
    def of(cls, prompt: str, request: AssistantRequest, reply: Reply) -> Self:
        """Return the answer to ``request`` as it will be written."""
        rendered = render(reply)
        text = ReplyText(rendered.body, rendered.commands)
        digests = reply_digests(text)
        # What merely looks alike was not mentioned.
        arns = [
            one.resource.arn
            for one in request.identified_resources
            if one.how is not HowFound.SEARCH
        ]
        answer = Message(
            role=Role.ASSISTANT,
            content="\n\n".join([rendered.body, *rendered.commands]),
            metadata={
                RESOURCES: [*arns],
                _DIGESTS: [digests.quote, *digests.commands],
                **reply_metadata(reply),
            },
        )
        question = Message(role=Role.USER, content=prompt, metadata={RESOURCES: [*arns]})
        return cls(prompt, reply.kind.value, text, question, answer)

    def store(self, chat: ChatStorage, conversation: str) -> None:
        """Remember question and answer; storing them again changes nothing."""
        chat.append(conversation, self.question)
        chat.append(conversation, self.answer)

"""Which earlier turns go along with a prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pydantic import JsonValue, TypeAdapter, ValidationError

from cloudops_ls.assistant.protocol import (
    ChatTurn,
    Choice,
    ClarificationReply,
    ReplyKind,
)
from cloudops_ls.assistant.redaction import redact_text
from cloudops_ls.storage.records import Role

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from cloudops_ls.assistant.protocol import Reply
    from cloudops_ls.storage.records import Message

RESOURCES: Final = "resources_mentioned"
"""Metadata key of a message: ARNs of the resources it is about (the seed's name)."""
KIND: Final = "reply_kind"
CHOICES: Final = "reply_choices"

_CHARACTERS_PER_TOKEN: Final = 4
_LARGEST_SHARE: Final = 4
"""One turn takes at most this fraction of the budget; the rest of it is cut from its middle."""
_CUT: Final = "\n[… cut …]\n"
_CHOICES: Final = TypeAdapter(tuple[Choice, ...])


def reply_metadata(reply: Reply) -> dict[str, JsonValue]:
    """Return what a stored message must remember of a reply, so that the thread can go on."""
    metadata: dict[str, JsonValue] = {KIND: reply.kind.value}
    if isinstance(reply, ClarificationReply) and reply.choices:
        metadata[CHOICES] = [choice.model_dump(mode="json") for choice in reply.choices]
    return metadata


def chat_turn(message: Message) -> ChatTurn:
    """Return a stored message as it is sent; metadata that cannot be read is left out."""
    kind: ReplyKind | None = None
    choices: tuple[Choice, ...] = ()
    if message.role is Role.ASSISTANT:
        stored = message.metadata.get(KIND)
        kind = ReplyKind(stored) if stored in list(ReplyKind) else None
        try:
            choices = _CHOICES.validate_python(message.metadata.get(CHOICES, ()))
        except ValidationError:
            choices = ()
    return ChatTurn(
        role=message.role,
        content=redact_text(message.content),
        timestamp=message.timestamp,
        kind=kind,
        choices=choices,
    )


def estimate_tokens(text: str) -> int:
    """Return about how many tokens a language model makes of ``text``: one per 4 characters.

    English prose has 4 to 5 characters a token, ids and ARNs about 3; the estimate serves a
    budget, not a bill.
    """
    return -(-len(text) // _CHARACTERS_PER_TOKEN)


def fit_history(
    messages: Sequence[Message], resources: Collection[str], budget: int
) -> tuple[ChatTurn, ...]:
    """Choose the turns to send.

    First the last two turns, which a short answer refers to; then every turn about the same
    resources, newest first; then the newest others, up to the first that does not fit.

    Parameters
    ----------
    messages
        The conversation so far, oldest first.
    resources
        ARNs that the new prompt is about.
    budget
        Estimated tokens that all contents may take together.

    Returns
    -------
    tuple
        In the order they were written.
    """
    turns = [_shortened(chat_turn(message), budget) for message in messages]
    newest_first = range(len(turns) - 1, -1, -1)
    same = {
        number for number in newest_first if _resources(messages[number]) & frozenset(resources)
    }
    chosen: set[int] = set()
    left = budget
    for candidates, skip_large in (
        (newest_first[:2], True),
        (sorted(same, reverse=True), True),
        (newest_first, False),
    ):
        for number in candidates:
            if number in chosen:
                continue
            cost = _cost(turns[number])
            if cost <= left:
                chosen.add(number)
                left -= cost
            elif not skip_large:
                break
    return tuple(turns[number] for number in sorted(chosen))


def _resources(message: Message) -> frozenset[str]:
    stored = message.metadata.get(RESOURCES)
    if not isinstance(stored, list):
        return frozenset()
    return frozenset(arn for arn in stored if isinstance(arn, str))


def _cost(turn: ChatTurn) -> int:
    return sum(map(estimate_tokens, (turn.content, *(choice.label for choice in turn.choices))))


def _shortened(turn: ChatTurn, budget: int) -> ChatTurn:
    longest = max(budget // _LARGEST_SHARE * _CHARACTERS_PER_TOKEN - len(_CUT), 0)
    if len(turn.content) <= longest + len(_CUT):
        return turn
    head = longest // 2
    tail = turn.content[len(turn.content) - (longest - head) :]
    return turn.model_copy(update={"content": turn.content[:head] + _CUT + tail})

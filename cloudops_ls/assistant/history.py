"""Which earlier turns go along with a prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from pydantic import JsonValue, TypeAdapter, ValidationError

from cloudops_ls.assistant.protocol import (
    ChatTurn,
    Choice,
    ClarificationReply,
    ReplyKind,
)
from cloudops_ls.assistant.redaction import redact_text
from cloudops_ls.assistant.tokens import EstimatedTokens
from cloudops_ls.storage.records import Role

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from cloudops_ls.assistant.protocol import Reply
    from cloudops_ls.assistant.tokens import TokenCounter
    from cloudops_ls.storage.records import Message

RESOURCES: Final = "resources_mentioned"
"""Metadata key of a message: ARNs of the resources it is about (the seed's name)."""
KIND: Final = "reply_kind"
CHOICES: Final = "reply_choices"

_ESTIMATE: Final = EstimatedTokens()
_MISSES: Final = 20
"""Turns about the same resources that may be too long before no more are looked at."""
_MOST_CHARACTERS: Final = 16
_LARGEST_SHARE: Final = 4
"""One turn takes at most this fraction of the budget; the rest of it is cut from its middle."""
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


class FittedHistory(NamedTuple):
    """The turns to send, and how many more there are."""

    turns: tuple[ChatTurn, ...]
    omitted: int


def fit_history(
    messages: Sequence[Message],
    resources: Collection[str],
    budget: int,
    counter: TokenCounter = _ESTIMATE,
) -> FittedHistory:
    """Choose the turns to send; the others are left out whole.

    First the last two turns, which a short answer refers to; then every turn about the same
    resources, newest first; then the newest others, up to the first that does not fit.

    Parameters
    ----------
    messages
        The conversation so far, oldest first.
    resources
        ARNs that the new prompt is about.
    budget
        Tokens that all contents may take together.
    counter
        Counts them.

    Returns
    -------
    FittedHistory
        In the order they were written.
    """
    newest_first = range(len(messages) - 1, -1, -1)
    wanted = frozenset(resources)
    same = [
        number for number in newest_first if not wanted.isdisjoint(_resources(messages[number]))
    ]
    chosen: dict[int, ChatTurn] = {}
    left = budget
    for candidates, misses in ((newest_first[:2], 2), (same, _MISSES), (newest_first, 1)):
        missed = 0
        for number in candidates:
            if number in chosen:
                continue
            turn = _shortened(chat_turn(messages[number]), budget // _LARGEST_SHARE, counter)
            cost = _cost(turn, counter)
            if cost <= left:
                chosen[number] = turn
                left -= cost
            else:
                missed += 1
            if missed == misses or left == 0:
                break
    turns = tuple(chosen[number] for number in sorted(chosen))
    return FittedHistory(turns, len(messages) - len(turns))


def _resources(message: Message) -> frozenset[str]:
    stored = message.metadata.get(RESOURCES)
    if not isinstance(stored, list):
        return frozenset()
    return frozenset(arn for arn in stored if isinstance(arn, str))


def _cost(turn: ChatTurn, counter: TokenCounter) -> int:
    return sum(map(counter.count, (turn.content, *(choice.label for choice in turn.choices))))


def _shortened(turn: ChatTurn, longest: int, counter: TokenCounter) -> ChatTurn:
    """Cut the middle out of a turn that is longer than ``longest`` tokens.

    How it begins says what it is, and how it ends what came of it.
    """
    content = turn.content
    # Of a megabyte nobody counts the tokens: one has hardly more than 16 characters.
    kept = min(len(content), max(longest, 1) * _MOST_CHARACTERS)
    shown = content if kept == len(content) else _cut(content, kept)
    while (count := counter.count(shown)) > longest and kept > 0:
        kept = min(kept - 1, int(kept * longest / count * 0.95))
        shown = _cut(content, kept)
    if shown == content:
        return turn
    return turn.model_copy(update={"content": shown, "cut": len(content) - kept})


def _cut(content: str, kept: int) -> str:
    head = kept // 2
    mark = f"\n[… {len(content) - kept:,} characters cut …]\n"
    return content[:head] + mark + content[len(content) - (kept - head) :]

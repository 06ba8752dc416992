"""What every assistant is, whatever answers behind it."""

# ruff: noqa: N818 - the names say what happened, as those of CloudOpsError's family do.

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from cloudops_ls.errors import CloudOpsError, RetryableError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from cloudops_ls.assistant.protocol import AssistantRequest, Reply


@dataclass(frozen=True, slots=True)
class TextDelta:
    """A piece of the answer's text, for showing that it is coming.

    Deltas are a preview: the final reply is the answer, and need not repeat them.
    """

    text: str


@dataclass(frozen=True, slots=True)
class FinalReply:
    """The whole answer; always the last event."""

    reply: Reply


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What one request is on the wire, without the token."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes


AssistantEvent = TextDelta | FinalReply


class Assistant(Protocol):
    """Answers requests. May be asked several things at once."""

    def reply(self, request: AssistantRequest) -> AsyncGenerator[AssistantEvent]:
        """Answer one request.

        Leave the iteration early only through ``contextlib.aclosing`` or by cancelling the
        task: either frees what the answer holds.

        Yields
        ------
        AssistantEvent
            Any number of :class:`TextDelta`, then exactly one :class:`FinalReply`.

        Raises
        ------
        AssistantUnreachable, AssistantTimeout, AssistantUnavailable
            Asking again later may work.
        AssistantRejected, AssistantBadReply
            Asking again the same way will not.
        """
        ...

    def outgoing(self, request: AssistantRequest) -> Outgoing | None:
        """Return exactly what `reply` sends for ``request``; None where nothing leaves."""
        ...

    async def aclose(self) -> None:
        """Free connections; the assistant is not used afterwards."""
        ...


class AssistantUnreachable(RetryableError):
    """No connection, or it broke off before the reply was complete."""


class AssistantTimeout(RetryableError):
    """The answer did not come, or not whole, in the time allowed."""


class AssistantUnavailable(RetryableError):
    """The server says that it cannot answer now: overloaded, rate limited or broken."""


class AssistantRejected(CloudOpsError):
    """The server refuses the request: no valid token, no permission, not understood."""


class AssistantBadReply(CloudOpsError):
    """What came back is not one valid reply."""

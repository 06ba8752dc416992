"""The assistant behind a CloudOps server (``docs/protocol.md``)."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, Final

from cloudops_ls.assistant.base import AssistantRejected, Outgoing
from cloudops_ls.assistant.connection import Endpoint, ServerConnection
from cloudops_ls.assistant.protocol import PROTOCOL
from cloudops_ls.assistant.server_url import ServerUrl
from cloudops_ls.assistant.timings import HttpTimings

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from cloudops_ls.assistant.answer import Reader
    from cloudops_ls.assistant.base import AssistantEvent
    from cloudops_ls.assistant.protocol import AssistantRequest, Capabilities


def _reader() -> Reader[AssistantEvent]:
    from cloudops_ls.assistant.answer import read_answer

    return read_answer


def _capabilities_reader() -> Reader[Capabilities]:
    from cloudops_ls.assistant.answer import read_capabilities

    return read_capabilities


_REFUSALS: Final = {
    400: ("The server does not understand the request", "Check that it speaks protocol 1"),
    401: ("The server does not accept the token", "Store a valid token for it"),
    403: ("The server does not allow this to the owner of the token", "Ask its operators"),
    404: ("No CloudOps server answers at this address", "Check cloudops.assistant.url"),
    405: ("No CloudOps server answers at this address", "Check cloudops.assistant.url"),
    413: ("The server finds the request too large", "Ask for fewer resources at once"),
    422: ("The server does not understand the request", "Check that it speaks protocol 1"),
}
REPLY: Final = Endpoint(method="POST", path="/v1/reply", reader=_reader, refusals=_REFUSALS)
CAPABILITIES: Final = Endpoint(
    method="GET",
    path="/v1/capabilities",
    reader=_capabilities_reader,
    refusals=_REFUSALS,
    # A server without this endpoint is one of version 1 without limits of its own.
    accepted=frozenset({200, 404, 405, 501}),
)


class HttpAssistant:
    """Asks a CloudOps server, streaming its answer; see `ServerConnection`.

    Every attempt to send one request carries the same ``Idempotency-Key``.

    Parameters
    ----------
    url
        Base URL; ``/v1/reply`` is added.
    token
        Returns the bearer token, or None to send none.
    timings
        Waiting and retrying.

    Raises
    ------
    CloudOpsError
        The URL is not one of a CloudOps server, or would send the token and the estate
        unencrypted to another machine.
    """

    def __init__(
        self,
        url: str,
        token: Callable[[], str | None] = lambda: None,
        timings: HttpTimings | None = None,
    ) -> None:
        self._connection = ServerConnection(ServerUrl.parse(url), token, timings or HttpTimings())
        self._capabilities: Capabilities | None = None
        self._negotiating = asyncio.Lock()

    async def reply(self, request: AssistantRequest) -> AsyncGenerator[AssistantEvent]:
        """Send ``request`` and yield the answer as it arrives (see ``Assistant.reply``)."""
        deadline = self._connection.deadline()
        sent = self.outgoing(request)
        await self._negotiate(len(sent.body), deadline)
        answer = self._connection.ask(REPLY, sent.body, sent.headers, deadline)
        async with aclosing(answer) as events:
            async for event in events:
                yield event

    def outgoing(self, request: AssistantRequest) -> Outgoing:
        """Return what is sent for ``request``; the server's capabilities may refuse it."""
        return Outgoing(
            method=REPLY.method,
            url=self._connection.url.base + REPLY.path,
            headers={
                "Accept": "text/event-stream, application/json;q=0.9",
                # Compressed answers could unpack to any size.
                "Accept-Encoding": "identity",
                "Content-Type": "application/json",
                "Idempotency-Key": request.request_id,
            },
            body=request.model_dump_json().encode(),
        )

    async def _negotiate(self, size: int, deadline: float) -> None:
        """Refuse what the server has said it cannot answer; ask it once what that is."""
        async with self._negotiating:
            if self._capabilities is None:
                answer = self._connection.ask(
                    CAPABILITIES, None, {"Accept-Encoding": "identity"}, deadline
                )
                async with aclosing(answer) as events:
                    self._capabilities = await anext(events)
        known = self._capabilities
        where = self._connection.url.where
        if PROTOCOL not in known.protocols:
            raise AssistantRejected(
                f"The server does not speak version {PROTOCOL} of the protocol",
                where=where,
                fix="Update cloudops-ls, or ask the server's operators for version 1",
            )
        if known.max_request_bytes is not None and size > known.max_request_bytes:
            raise AssistantRejected(
                f"The request is too large for the server: {size:,} of "
                f"{known.max_request_bytes:,} bytes",
                where=where,
                fix="Lower cloudops.assistant.history_tokens, or ask for fewer resources at once",
            )

    async def aclose(self) -> None:
        """Close the connections."""
        await self._connection.aclose()

"""The assistant behind a CloudOps server (``docs/protocol.md``)."""

from __future__ import annotations

import asyncio
import importlib
import re
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Final

from cloudops_ls.assistant.base import AssistantRejected, AssistantTimeout
from cloudops_ls.assistant.server_url import ServerUrl
from cloudops_ls.assistant.timings import HttpTimings

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from contextlib import AbstractAsyncContextManager

    import httpx

    from cloudops_ls.assistant.base import AssistantEvent
    from cloudops_ls.assistant.protocol import AssistantRequest

_EXCHANGE: Final = "cloudops_ls.assistant.exchange"
_TOKEN: Final = re.compile(r"[\x21-\x7e]+")


class HttpAssistant:
    """Asks a CloudOps server, streaming its answer.

    Certificates are verified; proxies and additional CAs come from the environment
    (``HTTPS_PROXY``, ``NO_PROXY``, ``SSL_CERT_FILE``). Servers on this machine are never asked
    through a proxy. Redirects are not followed: they would take token and estate elsewhere.

    A request is sent again only where nothing of an answer has arrived: no connection, or 429,
    502, 503 and 504. Every attempt carries the same ``Idempotency-Key``.

    Parameters
    ----------
    url
        Base URL; ``/v1/reply`` is added.
    token
        Returns the bearer token, or None to send none. Called for every request, in a thread,
        because keychains may block.
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
        self._url = ServerUrl.parse(url)
        self._token = token
        self._timings = timings or HttpTimings()
        self._client: httpx.AsyncClient | None = None
        self._connecting = asyncio.Lock()

    async def reply(self, request: AssistantRequest) -> AsyncGenerator[AssistantEvent]:
        """Send ``request`` and yield the answer as it arrives (see ``Assistant.reply``)."""
        deadline = asyncio.get_running_loop().time() + self._timings.total
        async with AsyncExitStack() as stack:
            # The deadline is set around each wait instead of around the whole: a timeout that
            # stays open across a yield would cancel what the caller awaits in between.
            try:
                async with asyncio.timeout_at(deadline):
                    events = await stack.enter_async_context(await self._send(request))
                while True:
                    async with asyncio.timeout_at(deadline):
                        event = await anext(events, None)
                    if event is None:
                        return
                    yield event
            except TimeoutError:
                raise AssistantTimeout(
                    f"The assistant did not answer within {self._timings.total:g} seconds",
                    where=self._url.where,
                    fix="Ask again, or raise cloudops.assistant.timeout_seconds",
                ) from None

    async def aclose(self) -> None:
        """Close the connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _send(
        self, request: AssistantRequest
    ) -> AbstractAsyncContextManager[AsyncGenerator[AssistantEvent]]:
        # In a thread: the first import takes about 0.3 s.
        await asyncio.to_thread(importlib.import_module, _EXCHANGE)
        from cloudops_ls.assistant import exchange

        async with self._connecting:
            client = self._client
            if client is None:
                client = await asyncio.to_thread(exchange.create_client, self._url, self._timings)
                self._client = client
        message = client.build_request(
            "POST",
            self._url.reply,
            content=request.model_dump_json().encode(),
            headers=await self._headers(request),
        )
        return exchange.open_answer(client, message, self._url.where, self._timings)

    async def _headers(self, request: AssistantRequest) -> dict[str, str]:
        headers = {
            "Accept": "text/event-stream, application/json;q=0.9",
            # Compressed answers could unpack to any size.
            "Accept-Encoding": "identity",
            "Content-Type": "application/json",
            "Idempotency-Key": request.request_id,
        }
        token = await asyncio.to_thread(self._token)
        if token is not None:
            if not _TOKEN.fullmatch(token):
                raise AssistantRejected(
                    "The stored token holds characters that no token has",
                    where=self._url.where,
                    fix="Store it again, without spaces and line ends",
                )
            headers["Authorization"] = f"Bearer {token}"
        return headers

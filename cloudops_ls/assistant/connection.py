"""Requests to one assistant's server, with one deadline for each whole answer.

Cheap to import; httpx comes with the first request, in a thread.
"""

from __future__ import annotations

import asyncio
import importlib
import re
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from cloudops_ls.assistant.base import AssistantRejected, AssistantTimeout

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping
    from contextlib import AbstractAsyncContextManager

    import httpx

    from cloudops_ls.assistant.answer import Reader
    from cloudops_ls.assistant.server_url import ServerUrl
    from cloudops_ls.assistant.timings import HttpTimings

E = TypeVar("E")

_EXCHANGE: Final = "cloudops_ls.assistant.exchange"
_TOKEN: Final = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True, slots=True)
class Endpoint(Generic[E]):
    """Where a kind of request goes, and how its answers are understood.

    Attributes
    ----------
    method
        The HTTP method.
    path
        Added to the server's base URL.
    reader
        Loads the function that reads answers; called in a thread, because it imports httpx.
    refusals
        What is wrong and what to do, by HTTP status.
    accepted
        The statuses whose responses are read.
    """

    method: str
    path: str
    reader: Callable[[], Reader[E]]
    refusals: Mapping[int, tuple[str, str]]
    accepted: frozenset[int] = frozenset({200})


class ServerConnection:
    """Sends requests to one server and streams their answers.

    Certificates are verified; proxies and authorities come from the environment
    (``HTTPS_PROXY``, ``NO_PROXY``; :mod:`cloudops_ls.assistant.trust`). Servers on this machine
    are never asked through a proxy. Redirects are not followed: they would take token and estate
    elsewhere.

    A request is sent again only where nothing of an answer has arrived: no connection, or 429,
    502, 503 and 504.

    Parameters
    ----------
    url
        The server.
    token
        Returns the bearer token, or None to send none. Called for every request, in a thread,
        because keychains may block.
    timings
        Waiting and retrying.
    """

    def __init__(
        self, url: ServerUrl, token: Callable[[], str | None], timings: HttpTimings
    ) -> None:
        self.url = url
        self._token = token
        self._timings = timings
        self._client: httpx.AsyncClient | None = None
        self._connecting = asyncio.Lock()

    def deadline(self) -> float:
        """Return the moment, on the running loop's clock, by which an answer begun now is due."""
        return asyncio.get_running_loop().time() + self._timings.total

    async def ask(
        self, endpoint: Endpoint[E], body: bytes | None, headers: Mapping[str, str], deadline: float
    ) -> AsyncGenerator[E]:
        """Send one request and yield its answer as it arrives.

        Raises
        ------
        AssistantUnreachable, AssistantTimeout, AssistantUnavailable, AssistantRejected,
        AssistantBadReply
            As ``Assistant.reply`` says.
        """
        async with AsyncExitStack() as stack:
            # The deadline is set around each wait instead of around the whole: a timeout that
            # stays open across a yield would cancel what the caller awaits in between.
            try:
                async with asyncio.timeout_at(deadline):
                    events = await stack.enter_async_context(
                        await self._send(endpoint, body, headers)
                    )
                while True:
                    async with asyncio.timeout_at(deadline):
                        event = await anext(events, None)
                    if event is None:
                        return
                    yield event
            except TimeoutError:
                raise AssistantTimeout(
                    f"The assistant did not answer within {self._timings.total:g} seconds",
                    where=self.url.where,
                    fix="Ask again, or raise cloudops.assistant.timeout_seconds",
                ) from None

    async def aclose(self) -> None:
        """Close the connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _send(
        self, endpoint: Endpoint[E], body: bytes | None, headers: Mapping[str, str]
    ) -> AbstractAsyncContextManager[AsyncGenerator[E]]:
        # In threads: the first imports take about 0.3 s.
        await asyncio.to_thread(importlib.import_module, _EXCHANGE)
        read = await asyncio.to_thread(endpoint.reader)
        from cloudops_ls.assistant import exchange

        async with self._connecting:
            client = self._client
            if client is None:
                client = await asyncio.to_thread(exchange.create_client, self.url, self._timings)
                self._client = client
        message = client.build_request(
            endpoint.method,
            self.url.base + endpoint.path,
            content=body,
            headers={**headers, **await self._authorization()},
        )
        return exchange.open_answer(client, message, endpoint, read, self.url.where, self._timings)

    async def _authorization(self) -> dict[str, str]:
        token = await asyncio.to_thread(self._token)
        if token is None:
            return {}
        if not _TOKEN.fullmatch(token):
            raise AssistantRejected(
                "The stored token holds characters that no token has",
                where=self.url.where,
                fix="Store it again, without spaces and line ends",
            )
        return {"Authorization": f"Bearer {token}"}

"""Reads a CloudOps server's answer: limited in size, and one valid reply or one clear error.

Imports httpx: only loaded when an assistant is first asked.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import TYPE_CHECKING, Final, TypeVar

import httpx
from httpx_sse import EventSource
from pydantic import ValidationError

from cloudops_ls.assistant.base import AssistantBadReply, FinalReply, TextDelta
from cloudops_ls.assistant.protocol import MAX_ANSWER_BYTES, REPLY, Capabilities, Delta

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from httpx_sse import ServerSentEvent

    from cloudops_ls.assistant.base import AssistantEvent

_LINGER: Final = 0.5
"""Seconds to wait for the end of an event stream after its reply."""

EVENT_STREAM: Final = "text/event-stream"
JSON: Final = "application/json"

E = TypeVar("E")
Reader = Callable[[httpx.Response, str], AsyncGenerator[E]]
"""Reads one successful response, its body still unread; errors call the server by the text."""

_EXPECTED: Final = re.compile(r"^(?:Tuple|List|String|Input|Value) should ")
_FIELD_NAME: Final = re.compile(r"[a-z_]{1,40}")


async def read_answer(response: httpx.Response, where: str) -> AsyncGenerator[AssistantEvent]:
    """Yield the events of one successful response as they arrive.

    Parameters
    ----------
    response
        With its body still unread.
    where
        What error messages call the server.

    Raises
    ------
    AssistantBadReply
        The answer is too long, of another type, not valid, or not exactly one reply.
    httpx.TransportError
        The connection broke off or was silent for too long.
    """
    media_type = limited(response, where)
    if media_type == EVENT_STREAM:
        async with aclosing(_read_events(response, where)) as events:
            async for event in events:
                yield event
    elif media_type == JSON:
        yield _parse_reply(await response.aread(), where)
    else:
        raise bad_reply("it is neither an event stream nor JSON", where)


async def read_capabilities(response: httpx.Response, where: str) -> AsyncGenerator[Capabilities]:
    """Yield what the server says of itself; the defaults where it has nothing to say.

    Raises
    ------
    AssistantBadReply
        It says something that is not valid.
    """
    limited(response, where)
    if response.status_code != httpx.codes.OK:
        yield Capabilities()
        return
    try:
        yield Capabilities.model_validate_json(await response.aread())
    except ValidationError as error:
        raise AssistantBadReply(
            f"The server's capabilities are not valid: {reason(error)}",
            where=where,
            fix="Check cloudops.assistant.url; the server's operators know more",
        ) from None


async def _read_events(response: httpx.Response, where: str) -> AsyncGenerator[AssistantEvent]:
    final: FinalReply | None = None
    async with aclosing(EventSource(response).aiter_sse()) as events:
        async for event in events:
            if event.event == "delta":
                yield _parse_delta(event.data, where)
            elif event.event == "reply":
                final = _parse_reply(event.data.encode(), where)
                break
            # Other events are left to later versions of the protocol.
        if final is None:
            raise bad_reply("it ended without a reply", where)
        await _expect_end(events, where)
    yield final


async def _expect_end(events: AsyncIterator[ServerSentEvent], where: str) -> None:
    """Refuse an answer that goes on after its reply.

    A server that keeps the connection open is not waited for, and a connection that breaks now
    does no harm: the reply is complete.
    """
    try:
        async with asyncio.timeout(_LINGER):
            async for event in events:
                if event.event == "reply":
                    raise bad_reply("it holds more than one reply", where)
                if event.event == "delta":
                    raise bad_reply("it goes on after the reply", where)
    except (TimeoutError, httpx.TransportError):
        return


def _parse_delta(data: str, where: str) -> TextDelta:
    try:
        return TextDelta(Delta.model_validate_json(data).text)
    except ValidationError as error:
        raise bad_reply(f"a piece of text is not valid: {reason(error)}", where) from None


def _parse_reply(data: bytes, where: str) -> FinalReply:
    try:
        return FinalReply(REPLY.validate_json(data))
    except ValidationError as error:
        raise bad_reply(reason(error), where) from None


def bad_reply(reason: str, where: str) -> AssistantBadReply:
    """Return the error for an answer that cannot be used."""
    return AssistantBadReply(
        f"The assistant's answer cannot be used: {reason}",
        where=where,
        fix="Ask again; if it stays so, the server does not speak this version of the protocol",
    )


def reason(error: ValidationError) -> str:
    """Say what is wrong without quoting the answer, which may hold anything."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    if first["type"] == "json_invalid":
        return "it is not valid JSON"
    if first["type"] in {"union_tag_invalid", "union_tag_not_found"}:
        return "its kind is none of commands, information and clarification"
    path = ".".join(
        str(part) if isinstance(part, int) or _FIELD_NAME.fullmatch(part) else "…"
        for part in first["loc"]
    )
    problem = first["msg"].removeprefix("Value error, ").replace(" after validation", "")
    match first["type"]:
        case "extra_forbidden":
            problem = "unknown field"
        case "missing":
            problem = "is missing"
        case _:
            # The protocol knows no tuples; "String should have at least 1 character" is one of it.
            problem = _EXPECTED.sub("must ", problem)
    return f"{path}: {problem}" if path else problem


def limited(response: httpx.Response, where: str) -> str:
    """Make reading ``response`` fail at the byte that is one too many.

    Returns
    -------
    str
        The media type, lower case.

    Raises
    ------
    AssistantBadReply
        It is compressed, or says itself that it is too long.
    """
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        # Refused because a small compressed answer can unpack to any size.
        raise bad_reply("it is compressed, which was not asked for", where)
    announced = response.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > MAX_ANSWER_BYTES:
        raise _too_long(where)
    if isinstance(response.stream, httpx.AsyncByteStream):
        response.stream = _LimitedStream(response.stream, where)
    media_type: str = response.headers.get("content-type", "")
    return media_type.partition(";")[0].strip().lower()


def _too_long(where: str) -> AssistantBadReply:
    return bad_reply(f"it is longer than {MAX_ANSWER_BYTES // 1024:,} KiB", where)


class _LimitedStream(httpx.AsyncByteStream):
    def __init__(self, stream: httpx.AsyncByteStream, where: str) -> None:
        self._stream = stream
        self._where = where

    async def __aiter__(self) -> AsyncIterator[bytes]:
        received = 0
        async for chunk in self._stream:
            received += len(chunk)
            if received > MAX_ANSWER_BYTES:
                raise _too_long(self._where)
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()

"""Reads the answer of a chat-completions server: chunks of one message, or the whole message.

Imports httpx: only loaded when an assistant is first asked.
"""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from httpx_sse import EventSource
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import from_json

from cloudops_ls.assistant.answer import EVENT_STREAM, JSON, bad_reply, limited
from cloudops_ls.assistant.base import AssistantUnavailable, TextDelta
from cloudops_ls.assistant.chat_completions import Said

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    import httpx

    from cloudops_ls.assistant.chat_completions import ModelEvent

_DONE: Final = "[DONE]"
_PREVIEW_STEP: Final = 32
"""Characters that must have come before the preview is made again."""
_MOST_TOOL_CALLS: Final = 16


class _Part(BaseModel):
    """Of a chunk or message, what is read."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class _Function(_Part):
    arguments: str | None = None


class _ToolCall(_Part):
    index: int | None = Field(default=None, ge=0, lt=_MOST_TOOL_CALLS)
    function: _Function = _Function()


class _Message(_Part):
    content: str | None = None
    refusal: str | None = None
    tool_calls: tuple[_ToolCall, ...] | None = None


class _Choice(_Part):
    delta: _Message | None = None
    message: _Message | None = None
    finish_reason: str | None = None


class _Completion(_Part):
    choices: tuple[_Choice, ...] = ()
    error: object = None


@dataclass(slots=True)
class _Gathered:
    """One message, as far as it has come."""

    content: str = ""
    calls: dict[int, str] = field(default_factory=dict)
    refused: bool = False
    finish_reason: str | None = None

    def add(self, choice: _Choice) -> None:
        message = choice.delta or choice.message
        self.finish_reason = choice.finish_reason or self.finish_reason
        if message is None:
            return
        self.content += message.content or ""
        self.refused = self.refused or bool(message.refusal)
        for position, call in enumerate(message.tool_calls or ()):
            # Some servers send whole calls without an index.
            index = position if call.index is None else call.index
            self.calls[index] = self.calls.get(index, "") + (call.function.arguments or "")

    @property
    def text(self) -> str:
        """What is, or becomes, the reply's JSON."""
        return self.calls[min(self.calls)] if self.calls else self.content

    def said(self) -> Said:
        return Said(
            text=self.text,
            calls=len(self.calls),
            cut_off=self.finish_reason == "length",
            refused=self.refused or self.finish_reason == "content_filter",
        )


async def read_completion(response: httpx.Response, where: str) -> AsyncGenerator[ModelEvent]:
    """Yield the growing text as `TextDelta`, then everything that was said as `Said`.

    Raises
    ------
    AssistantBadReply
        The answer is too long, of another type, or no chat completion.
    AssistantUnavailable
        The server reports an error in the middle of its answer.
    httpx.TransportError
        The connection broke off or was silent for too long.
    """
    media_type = limited(response, where)
    if media_type == JSON:
        gathered = _Gathered()
        for choice in _parse((await response.aread()).decode("utf-8", "replace"), where).choices:
            gathered.add(choice)
        yield gathered.said()
    elif media_type == EVENT_STREAM:
        async with aclosing(_read_chunks(response, where)) as events:
            async for event in events:
                yield event
    else:
        raise bad_reply("it is neither an event stream nor JSON", where)


async def _read_chunks(response: httpx.Response, where: str) -> AsyncGenerator[ModelEvent]:
    gathered, shown, seen = _Gathered(), "", 0
    ended = False
    async with aclosing(EventSource(response).aiter_sse()) as events:
        async for event in events:
            if event.data.strip() == _DONE:
                ended = True
                break
            if not event.data:
                continue
            for choice in _parse(event.data, where).choices[:1]:
                gathered.add(choice)
            if len(gathered.text) - seen >= _PREVIEW_STEP:
                seen = len(gathered.text)
                preview = _preview(gathered.text)
                if len(preview) > len(shown) and preview.startswith(shown):
                    yield TextDelta(preview[len(shown) :])
                    shown = preview
    if not ended and gathered.finish_reason is None:
        raise bad_reply("it ended in the middle", where)
    yield gathered.said()


def _parse(data: str, where: str) -> _Completion:
    try:
        completion = _Completion.model_validate_json(data)
    except ValidationError:
        raise bad_reply("it is no chat completion", where) from None
    if completion.error:
        # Its text may quote the request.
        raise AssistantUnavailable(
            "The assistant's server reported an error in the middle of its answer",
            where=where,
            fix="Ask again; its own log says more",
        )
    return completion


def _preview(text: str) -> str:
    """Return the ``text`` field of a reply whose JSON is still incomplete."""
    try:
        so_far = from_json(text, allow_partial="trailing-strings")
    except ValueError:
        return ""
    preview = so_far.get("text") if isinstance(so_far, dict) else None
    return preview if isinstance(preview, str) else ""

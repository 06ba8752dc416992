"""What chat-completions servers send, as answers of the scripted server of this folder."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from .server import Answer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ARN = "arn:aws:ec2:us-west-2:111122223333:instance/i-00000000000000001"
COMMANDS = {
    "kind": "commands",
    "text": "It is available. Stopping it takes the app down.",
    "steps": [
        {"command": "aws rds stop-db-instance --db-instance-identifier a", "reason": "Stops it."}
    ],
    "choices": [],
}
INFORMATION = {"kind": "information", "text": "It runs 14.7.", "steps": [], "choices": []}
CLARIFICATION = {
    "kind": "clarification",
    "text": "Which web-1?",
    "steps": [],
    "choices": [{"label": "the one in Oregon", "arn": ARN}, {"label": "none", "arn": None}],
}


def sse(*chunks: Mapping[str, Any] | str) -> list[bytes]:
    texts = (chunk if isinstance(chunk, str) else json.dumps(chunk) for chunk in chunks)
    return [f"data: {text}\n\n".encode() for text in texts]


def chunk(finish_reason: str | None = None, **delta: Any) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "model": "m",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}],
    }


def call(arguments: str | None, index: int | None = 0, **more: Any) -> dict[str, Any]:
    return {"index": index, "function": {"arguments": arguments, **more}}


def pieces(text: str, size: int = 7) -> Iterable[str]:
    return (text[start : start + size] for start in range(0, len(text), size))


def tool_stream(arguments: str, finish_reason: str = "tool_calls") -> list[bytes]:
    """The way of OpenAI and vLLM: a named call first, its arguments in pieces."""
    opening = {"index": 0, "id": "call_1", "type": "function"}
    return sse(
        chunk(role="assistant", content=None),
        chunk(tool_calls=[opening | {"function": {"name": "reply", "arguments": ""}}]),
        *(chunk(tool_calls=[call(piece)]) for piece in pieces(arguments)),
        chunk(finish_reason),
        {"choices": [], "usage": {"total_tokens": 99}},
        "[DONE]",
    )


def content_stream(content: str, finish_reason: str = "stop") -> list[bytes]:
    return sse(
        chunk(role="assistant", content=""),
        *(chunk(content=piece) for piece in pieces(content)),
        chunk(finish_reason),
        "[DONE]",
    )


def whole(message: Mapping[str, Any], finish_reason: str = "stop") -> list[bytes]:
    choice = {"index": 0, "message": message, "finish_reason": finish_reason}
    return [json.dumps({"object": "chat.completion", "choices": [choice]}).encode()]


def streamed(raw: list[bytes], **fields: Any) -> Answer:
    return Answer(raw=raw, content_type="text/event-stream; charset=utf-8", **fields)


def said(reply: Mapping[str, Any] | str) -> Answer:
    """A forced tool call with ``reply`` as its arguments."""
    return streamed(tool_stream(reply if isinstance(reply, str) else json.dumps(reply)))

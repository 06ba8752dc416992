"""The assistant behind an OpenAI-compatible chat-completions endpoint.

Ollama, vLLM, LiteLLM, llama.cpp and the Bedrock gateways speak it. The model is made to keep to
the shape of one reply; what comes is validated all the same, and asked for again once.
"""

from __future__ import annotations

import json
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final

from cloudops_ls.assistant.base import (
    AssistantBadReply,
    AssistantRejected,
    FinalReply,
    Outgoing,
)
from cloudops_ls.assistant.chat_completions import (
    ReplyFormat,
    Said,
    WrongReply,
    parse_reply,
    repair_body,
    request_body,
)
from cloudops_ls.assistant.connection import Endpoint, ServerConnection
from cloudops_ls.assistant.server_url import ServerUrl
from cloudops_ls.assistant.timings import HttpTimings

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from cloudops_ls.assistant.answer import Reader
    from cloudops_ls.assistant.base import AssistantEvent
    from cloudops_ls.assistant.chat_completions import ModelEvent
    from cloudops_ls.assistant.protocol import AssistantRequest, Reply


def _reader() -> Reader[ModelEvent]:
    from cloudops_ls.assistant.completion_stream import read_completion

    return read_completion


_SETTINGS: Final = "Check cloudops.assistant.model and cloudops.assistant.format"
COMPLETIONS: Final = Endpoint(
    method="POST",
    path="/chat/completions",
    reader=_reader,
    refusals={
        400: ("The server does not accept the request", _SETTINGS),
        401: ("The server does not accept the token", "Store a valid token for it"),
        403: ("The server does not allow this to the owner of the token", "Ask its operators"),
        404: (
            "The server has no chat-completions endpoint there, or not this model",
            "Check cloudops.assistant.url (it usually ends in /v1) and cloudops.assistant.model",
        ),
        413: ("The server finds the request too large", "Lower cloudops.assistant.history_tokens"),
        422: ("The server does not accept the request", _SETTINGS),
    },
)


_HEADERS: Final = {
    "Accept": "text/event-stream, application/json;q=0.9",
    "Accept-Encoding": "identity",
    "Content-Type": "application/json",
}


class OpenAIAssistant:
    """Asks a model over the chat-completions API, streaming; see `ServerConnection`.

    Parameters
    ----------
    url
        Base URL, such as ``http://localhost:11434/v1``; ``/chat/completions`` is added.
    model
        The model's name as the server knows it.
    form
        How the model is made to keep to the shape.
    token
        Returns the bearer token, or None to send none.
    timings
        Waiting and retrying; ``total`` holds for the answer and its repair together.

    Raises
    ------
    CloudOpsError
        The URL cannot be used, or would send the token and the estate unencrypted to another
        machine.
    """

    def __init__(
        self,
        url: str,
        model: str,
        form: ReplyFormat = ReplyFormat.TOOLS,
        token: Callable[[], str | None] = lambda: None,
        timings: HttpTimings | None = None,
    ) -> None:
        self._connection = ServerConnection(ServerUrl.parse(url), token, timings or HttpTimings())
        self._model = model
        self._form = form

    async def reply(self, request: AssistantRequest) -> AsyncGenerator[AssistantEvent]:
        """Ask the model and yield its answer as it arrives (see ``Assistant.reply``)."""
        deadline = self._connection.deadline()
        body = request_body(request, self._model, self._form)
        arns = frozenset(one.resource.arn for one in request.identified_resources)
        for last in (False, True):
            said: Said | None = None
            async with aclosing(self._ask(body, deadline)) as events:
                async for event in events:
                    if isinstance(event, Said):
                        said = event
                    else:
                        yield event
            try:
                yield FinalReply(self._meaning(said, arns))
            except WrongReply as problem:
                if last:
                    raise AssistantBadReply(
                        f"The model's answer cannot be used, twice: {problem}",
                        where=self._connection.url.where,
                        fix="Ask in other words, or use a model that keeps to a given form",
                    ) from None
                body = repair_body(body, said.text if said is not None else "", str(problem))
            else:
                return

    def outgoing(self, request: AssistantRequest) -> Outgoing:
        """Return what is sent for ``request``, before any repair of its answer."""
        return Outgoing(
            method=COMPLETIONS.method,
            url=self._connection.url.base + COMPLETIONS.path,
            headers=_HEADERS,
            body=json.dumps(request_body(request, self._model, self._form)).encode(),
        )

    async def aclose(self) -> None:
        """Close the connections."""
        await self._connection.aclose()

    def _ask(self, body: dict[str, Any], deadline: float) -> AsyncGenerator[ModelEvent]:
        return self._connection.ask(COMPLETIONS, json.dumps(body).encode(), _HEADERS, deadline)

    def _meaning(self, said: Said | None, arns: frozenset[str]) -> Reply:
        if said is None:
            raise WrongReply("it is empty")
        if said.refused:
            raise AssistantRejected(
                "The model refuses to answer this",
                where=self._connection.url.where,
                fix="Ask in other words",
            )
        if said.cut_off:
            raise WrongReply("it was cut off at the model's longest answer; be brief")
        if said.calls > 1:
            raise WrongReply("it holds more than one reply")
        return parse_reply(said.text, arns)

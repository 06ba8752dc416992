"""A conversation as a file to keep or hand on: Markdown, JSON or HTML (pure)."""

from __future__ import annotations

import html
import json
from enum import StrEnum
from typing import TYPE_CHECKING

from cloudops_ls.assistant.untrusted import one_line
from cloudops_ls.runbook.writing import fenced
from cloudops_ls.storage.records import Role

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cloudops_ls.storage.records import Conversation, Execution, Message

_SPEAKERS = {Role.USER: "You", Role.ASSISTANT: "CloudOps", Role.SYSTEM: "System"}
_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:48rem;margin:2rem auto;padding:0 1rem}"
    "section{border-top:1px solid #8884;padding:.5rem 0}h2{font-size:1rem;margin:.5rem 0}"
    "time{color:#888;font-weight:normal}pre{overflow:auto;padding:.75rem;background:#8881}"
    "code{font-family:ui-monospace,monospace}:root{color-scheme:light dark}"
)


class TranscriptFormat(StrEnum):
    """What a transcript is written as."""

    MARKDOWN = "markdown"
    JSON = "json"
    HTML = "html"


def transcript(
    conversation: Conversation,
    messages: Sequence[Message],
    executions: Sequence[Execution],
    form: TranscriptFormat,
) -> str:
    """Return a conversation with everything that was said and run in it.

    Parameters
    ----------
    messages
        Oldest first.
    executions
        In any order; without their output, which may be long and may hold secrets.
    """
    ordered = sorted(executions, key=lambda one: one.id)
    match form:
        case TranscriptFormat.JSON:
            document = {
                "conversation": conversation.model_dump(mode="json"),
                "messages": [message.model_dump(mode="json") for message in messages],
                "executions": [one.model_dump(mode="json", exclude={"output"}) for one in ordered],
            }
            return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
        case TranscriptFormat.MARKDOWN:
            return _markdown(conversation, messages, ordered)
        case TranscriptFormat.HTML:
            return _html(conversation, messages, ordered)


def _markdown(
    conversation: Conversation, messages: Sequence[Message], executions: Sequence[Execution]
) -> str:
    parts = [f"# {_title(conversation)}"]
    for message in messages:
        parts += [f"## {_SPEAKERS[message.role]}, {message.timestamp:%Y-%m-%d %H:%M} UTC"]
        # Quoted, so that a heading or fence in it cannot become part of the transcript.
        parts += ["\n".join(f"> {line}".rstrip() for line in message.content.splitlines())]
    if executions:
        parts.append("## Commands that were run")
    for one in executions:
        parts += [_run(one), "\n".join(fenced(one.command, "text"))]
    return "\n\n".join(parts) + "\n"


def _html(
    conversation: Conversation, messages: Sequence[Message], executions: Sequence[Execution]
) -> str:
    from markdown_it import MarkdownIt

    # Raw HTML is escaped, and links to scripts are not made.
    markdown = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    markdown.disable("image")
    title = html.escape(_title(conversation))
    parts = [f"<h1>{title}</h1>"]
    for message in messages:
        moment = f"{message.timestamp:%Y-%m-%d %H:%M} UTC"
        speaker = _SPEAKERS[message.role]
        parts.append(
            f"<section><h2>{speaker} <time>{moment}</time></h2>\n"
            f"{markdown.render(message.content)}</section>"
        )
    if executions:
        parts.append("<section><h2>Commands that were run</h2>")
        parts += [
            f"<p>{html.escape(_run(one))}</p><pre><code>{html.escape(one.command)}</code></pre>"
            for one in executions
        ]
        parts.append("</section>")
    body = "\n".join(parts)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        # Whatever a message holds, this page fetches and runs nothing.
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "style-src 'unsafe-inline'\">"
        f"<title>{title}</title><style>{_STYLE}</style></head>\n<body>\n{body}\n</body></html>\n"
    )


def _title(conversation: Conversation) -> str:
    return one_line(conversation.title) or f"Conversation {conversation.id}"


def _run(execution: Execution) -> str:
    moment = execution.started_at or execution.completed_at
    when = f"{moment:%Y-%m-%d %H:%M} UTC, " if moment else ""
    ended = "" if execution.exit_status is None else f", exit status {execution.exit_status}"
    return f"{when}{execution.status.value}{ended}, {execution.id}"

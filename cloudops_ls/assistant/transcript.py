"""A conversation as a file to keep or hand on: Markdown, JSON or HTML (pure)."""

from __future__ import annotations

import html
import json
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from cloudops_ls.assistant.untrusted import clean, one_line
from cloudops_ls.runbook.writing import fenced
from cloudops_ls.storage.records import Role

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markdown_it import MarkdownIt
    from markdown_it.renderer import RendererHTML
    from markdown_it.token import Token
    from markdown_it.utils import OptionsDict

    from cloudops_ls.storage.records import Conversation, Execution, Message

_SPEAKERS = {Role.USER: "You", Role.ASSISTANT: "CloudOps", Role.SYSTEM: "System"}
_STYLE = (
    ":root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:48rem;"
    "margin:2rem auto;padding:0 1rem;overflow-wrap:anywhere}h2{font-size:1rem;margin:1.5rem 0 0}"
    "time,small{color:#777;font-weight:normal}.said{border-left:3px solid #8886;padding-left:1rem}"
    # Headings within a message are no headings of the page.
    ".said :is(h3,h4,h5,h6){font-size:1rem}blockquote{margin:0 0 0 1rem;color:#777}"
    "pre{white-space:pre-wrap;padding:.75rem;background:#8882}"
    "code{font-family:ui-monospace,monospace}table{border-collapse:collapse}"
    "th,td{border:1px solid #8886;padding:.2rem .6rem;text-align:left}"
)
_DEEPER = 2
"""Levels below the page's own that headings of messages begin at."""


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
        parts += ["\n".join(f"> {line}".rstrip() for line in clean(message.content).splitlines())]
    if executions:
        parts.append("## Commands that were run")
    for one in executions:
        parts += [_run(one), "\n".join(fenced(one.command, "text"))]
    return "\n\n".join(parts) + "\n"


def _html(
    conversation: Conversation, messages: Sequence[Message], executions: Sequence[Execution]
) -> str:
    from markdown_it import MarkdownIt

    # Raw HTML is escaped, links lead to pages alone, and nothing that is written stays unseen.
    markdown = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    markdown.disable(["image", "entity", "reference"])
    # As its documentation says to.
    markdown.validateLink = _is_page  # type: ignore[method-assign, assignment]
    markdown.add_render_rule("link_open", _open_link)
    markdown.add_render_rule("link_close", _close_link)
    title = html.escape(_title(conversation))
    parts = [f"<h1>{title}</h1>"]
    for message in messages:
        moment = f"{message.timestamp:%Y-%m-%d %H:%M} UTC"
        speaker = _SPEAKERS[message.role]
        parts.append(
            f"<section><h2>{speaker} <time>{moment}</time></h2>\n"
            f'<div class="said">{_said(markdown, message.content)}</div></section>'
        )
    if executions:
        parts.append('<section><h2>Commands that were run</h2><div class="said">')
        parts += [
            f"<p>{html.escape(_run(one))}</p><pre><code>{html.escape(one.command)}</code></pre>"
            for one in executions
        ]
        parts.append("</div></section>")
    body = "\n".join(parts)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        # Whatever a message holds, this page fetches and runs nothing.
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "style-src 'unsafe-inline'\">"
        f"<title>{title}</title><style>{_STYLE}</style></head>\n<body>\n{body}\n</body></html>\n"
    )


def _said(markdown: MarkdownIt, content: str) -> str:
    """Return a message as HTML whose headings cannot be taken for those of the page."""
    env: dict[str, Any] = {}
    tokens = markdown.parse(clean(content), env)
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(int(token.tag[1]) + _DEEPER, 6)}"
    return str(markdown.renderer.render(tokens, markdown.options, env))


def _is_page(target: str) -> bool:
    return target.lower().startswith(("https://", "http://", "mailto:"))


def _open_link(
    _renderer: RendererHTML, tokens: Sequence[Token], at: int, _options: OptionsDict, env: Any
) -> str:
    target = str(tokens[at].attrs["href"])
    title = tokens[at].attrs.get("title", "")
    said = f"{target} {title}".strip()
    env.setdefault("targets", []).append((said, tokens[at + 1].content))
    return f'<a href="{html.escape(target)}" rel="noopener noreferrer">'


def _close_link(
    _renderer: RendererHTML, _tokens: Sequence[Token], _at: int, _options: OptionsDict, env: Any
) -> str:
    """Say where a link leads unless it says so itself: a page has no status line when printed."""
    target, words = env["targets"].pop()
    return "</a>" if target == words else f"</a> <small>({html.escape(target)})</small>"


def _title(conversation: Conversation) -> str:
    return one_line(conversation.title) or f"Conversation {conversation.id}"


def _run(execution: Execution) -> str:
    moment = execution.started_at or execution.completed_at
    when = f"{moment:%Y-%m-%d %H:%M} UTC, " if moment else ""
    ended = "" if execution.exit_status is None else f", exit status {execution.exit_status}"
    return f"{when}{execution.status.value}{ended}, {execution.id}"

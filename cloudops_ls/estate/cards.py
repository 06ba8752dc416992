"""The hover card of a resource, as Markdown (pure).

Every value from AWS stands in a code span, made safe by :mod:`cloudops_ls.estate.untrusted`; all
other text of a card comes from the catalog or from here.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote

from cloudops_ls.estate.mapping import template_values
from cloudops_ls.estate.untrusted import code, plain

if TYPE_CHECKING:
    from pydantic import JsonValue

    from cloudops_ls.estate.catalog.model import ResourceType
    from cloudops_ls.storage.resource import Resource

MAX_FACTS = 8
MAX_TAGS = 10
MAX_LIST = 3
IMPORTANT_TAGS = ("env", "environment", "stage", "app", "application", "service", "owner", "team")
CONSOLES = {
    "aws": "https://{region}.console.aws.amazon.com/",
    "aws-cn": "https://{region}.console.amazonaws.cn/",
    "aws-us-gov": "https://{region}.console.amazonaws-us-gov.com/",
}
_UTC_TIME = re.compile(r"^(\d{4}-\d\d-\d\d)T(\d\d:\d\d)(?::\d\d(?:\.\d+)?)?(?:\+00:00|Z)$")
_HOME_REGIONS = {"aws": "us-east-1", "aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1"}


def render_card(
    resource: Resource,
    *,
    account_alias: str | None = None,
    kind: ResourceType | None = None,
    live: bool = False,
    note: str | None = None,
    now: datetime | None = None,
) -> str:
    """Return the card of one resource.

    Parameters
    ----------
    account_alias
        Shown before the account id.
    kind
        The resource's catalog type, for its title and the link to the AWS console.
    live
        AWS was asked just now; otherwise the card says as of when it is.
    note
        Why it is not newer than that.
    now
        For the age; the clock when None.
    """
    title = kind.title if kind else resource.resource_type.replace("_", " ")
    state = f" · **{code(resource.state, 40)}**" if resource.state else ""
    lines = [f"### {code(resource.name)}", "", f"{title[:1].upper()}{title[1:]}{state}", ""]
    account = code(resource.account_id, 20)
    if account_alias:
        account = f"{code(account_alias, 64)} ({account})"
    facts = [("Account", account), ("Region", code(resource.region, 30))]
    if resource.identifier != resource.name:
        facts.append(("Id", code(resource.identifier, 200)))
    if resource.engine:
        version = f" {resource.engine_version}" if resource.engine_version else ""
        facts.append(("Engine", code(resource.engine + version)))
    facts += [
        (_words(name), shown)
        for name, value in list(resource.metadata.items())[:MAX_FACTS]
        if (shown := _value(value))
    ]
    lines += [f"- {label}: {value}" for label, value in facts]
    lines += _tag_lines(resource.tags)
    lines += _constraint_line(resource.constraints)
    lines += ["", f"{code(resource.arn, 300)}", ""]
    footer = "live" if live else f"as of {_when(resource.last_synced, now)}"
    if note is not None:
        footer += f"; {plain(note, 300)}"
    link = console_link(resource, kind) if kind else None
    lines.append(f"*{footer}*" + (f" · [AWS console]({link})" if link else ""))
    return "\n".join(lines) + "\n"


def render_gone(
    name: str,
    arn: str,
    *,
    title: str,
    noticed: datetime | None = None,
    now: datetime | None = None,
) -> str:
    """Return the card of a resource that does not exist any more.

    Parameters
    ----------
    title
        What it was.
    noticed
        When AWS was found not to have it any more.
    """
    when = f", noticed {_when(noticed, now)}" if noticed is not None else ""
    return (
        f"### {code(name)}\n\n{title[:1].upper()}{title[1:]} · **deleted**\n\n"
        f"AWS does not have it any more{when}.\n\n{code(arn, 300)}\n"
    )


def console_link(resource: Resource, kind: ResourceType) -> str | None:
    """Return the address of the resource's page in the AWS console, if the catalog knows it."""
    values = template_values(resource)
    console = CONSOLES.get(values["partition"])
    if kind.console_url is None or console is None:
        return None
    if resource.region == "global":
        values["region"] = _HOME_REGIONS[values["partition"]]
    quoted = {name: quote(value, safe="") for name, value in values.items()}
    return console.format_map(quoted) + kind.console_url.format_map(quoted)


def _words(name: str) -> str:
    text = name.replace("_", " ")
    return text[:1].upper() + text[1:]


def _value(value: JsonValue) -> str:
    if value is None or value in ("", [], {}):
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        more = f" and {len(value) - MAX_LIST} more" if len(value) > MAX_LIST else ""
        return ", ".join(code(_plain(element), 80) for element in value[:MAX_LIST]) + more
    return code(_plain(value))


def _plain(value: JsonValue) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}: {_plain(element)}" for name, element in value.items())
    # A card is read by people: no fractions of seconds.
    return _UTC_TIME.sub(r"\1 \2 UTC", str(value))


def _tag_lines(tags: dict[str, str]) -> list[str]:
    shown = {name: value for name, value in tags.items() if name != "Name"}
    if not shown:
        return []

    def rank(name: str) -> tuple[int, str]:
        folded = name.casefold()
        known = IMPORTANT_TAGS.index(folded) if folded in IMPORTANT_TAGS else len(IMPORTANT_TAGS)
        return known, folded

    names = sorted(shown, key=rank)
    parts = [code(f"{name}={shown[name]}", 100) for name in names[:MAX_TAGS]]
    if len(names) > MAX_TAGS:
        parts.append(f"and {len(names) - MAX_TAGS} more")
    return ["- Tags: " + ", ".join(parts)]


def _constraint_line(constraints: dict[str, JsonValue]) -> list[str]:
    """Return what holds; what does not is not worth a line."""
    true = [name.replace("_", " ") for name, value in constraints.items() if value is True]
    return ["- " + ", ".join([_words(true[0]), *true[1:]])] if true else []


def _when(moment: datetime, now: datetime | None) -> str:
    age = (now or datetime.now(UTC)) - moment
    stamp = moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
    if age < timedelta(minutes=1):
        return f"{stamp}, less than a minute ago"
    if age < timedelta(hours=1):
        return f"{stamp}, {age.seconds // 60} min ago"
    if age < timedelta(days=2):
        return f"{stamp}, {int(age.total_seconds() // 3600)} h ago"
    return f"{stamp}, {age.days} days ago"

"""``cloudops-ls show`` and ``changes``: what is known, from the store alone."""

from __future__ import annotations

import json
import re
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Column, Table

from cloudops_ls.cli.estate import AsJson  # noqa: TC001 - Typer reads annotations
from cloudops_ls.cli.store import open_store
from cloudops_ls.cli.tables import print_tables
from cloudops_ls.cli.worker_call import ask_worker
from cloudops_ls.errors import CloudOpsError
from cloudops_ls.estate.untrusted import visible
from cloudops_ls.home import Home
from cloudops_ls.worker import wire

if TYPE_CHECKING:
    from cloudops_ls.storage.records import Change
    from cloudops_ls.storage.resource import Resource

_SPAN = re.compile(r"(\d+)\s*(m|h|d|w)", re.ASCII)
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_LONGEST = 1000
_CHANGES_SHOWN = 10


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    app.command()(show)
    app.command()(changes)


def show(
    name: Annotated[str, typer.Argument(help="Name, identifier or ARN.")],
    live: Annotated[bool, typer.Option("--live", help="Ask AWS first.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show all that is known of one resource.

    Also what happened to it lately. Exit code 1 when there is none, or more than one.
    """
    home = Home.locate()
    found, history = _found(home, name)
    if live and len(found) == 1:
        ask_worker(home, wire.REFRESH, {"arns": [found[0].arn]})
        found, history = _found(home, found[0].arn)
    if as_json and found:
        records = [
            {
                **one.model_dump(mode="json"),
                "history": [change.model_dump(mode="json") for change in history.get(one.arn, ())],
            }
            for one in found
        ]
        json.dump(records[0] if len(records) == 1 else records, sys.stdout, indent=2)
        sys.stdout.write("\n")
    elif len(found) == 1:
        print_tables(_card(found[0]), *_history_table(history.get(found[0].arn, [])))
    elif found:
        print_tables(_choices(found))
    if len(found) != 1:
        what = f"{len(found)} resources are called so" if found else "Nothing is called so"
        raise CloudOpsError(
            what,
            where=name,
            fix="Use an ARN of those above" if found else "Try 'cloudops-ls search'",
        )


def changes(
    since: Annotated[
        str,
        typer.Option(help="30m, 24h, 7d, 2w, 'yesterday', or a date and time such as 2026-01-31."),
    ] = "24h",
    type_: Annotated[list[str] | None, typer.Option("--type", help="Only these types.")] = None,
    region: Annotated[list[str] | None, typer.Option(help="Only these regions.")] = None,
    account: Annotated[list[str] | None, typer.Option(help="Only these account ids.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many.")] = 200,
    as_json: AsJson = False,
) -> None:
    """Show what appeared, changed and went, newest first.

    As scans noticed it.
    """
    from cloudops_ls.storage.records import ResourceFilter

    when = moment_of(since, datetime.now(UTC))
    filters = ResourceFilter(
        types=tuple(type_ or ()), regions=tuple(region or ()), accounts=tuple(account or ())
    )
    with open_store(Home.locate()) as storage:
        found = storage.estate.changes_since(when, filters, limit)
    if as_json:
        json.dump([change.model_dump(mode="json") for change in found], sys.stdout, indent=2)
        sys.stdout.write("\n")
        return
    table = Table("when (UTC)", "", Column("name", overflow="fold"), "type", "region", "what")
    for change in found:
        table.add_row(
            f"{change.at:%Y-%m-%d %H:%M}",
            change.kind.value,
            escape(visible(change.name, _LONGEST)),
            change.resource_type,
            change.region,
            escape(_what(change)),
        )
    if found:
        print_tables(table)
    typer.echo(f"{len(found)} changes since {when:%Y-%m-%d %H:%M} UTC.")


def moment_of(text: str, now: datetime) -> datetime:
    """Return the moment that a span, a word or a date means.

    Raises
    ------
    CloudOpsError
        It means none.
    """
    words = text.strip().lower()
    if words in ("yesterday", "today"):
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        return midnight - timedelta(days=1) if words == "yesterday" else midnight
    span = _SPAN.fullmatch(words)
    try:
        if span is not None:
            return now - timedelta(**{_UNITS[span[2]]: int(span[1])})
        moment = datetime.fromisoformat(text.strip())
    except (ValueError, OverflowError):
        raise CloudOpsError(
            "The time is not understood", where=f"--since {text}", fix="Write 24h, 7d or 2026-01-31"
        ) from None
    return moment.astimezone(UTC)


def _found(home: Home, name: str) -> tuple[list[Resource], dict[str, list[Change]]]:
    with open_store(home) as storage:
        found = storage.estate.find(name)
        history = {one.arn: storage.estate.history(one.arn, _CHANGES_SHOWN) for one in found}
    return found, history


def _card(resource: Resource) -> Table:
    table = Table("", Column("", overflow="fold"), title=escape(visible(resource.name, _LONGEST)))
    table.show_header = False
    rows: list[tuple[str, Any]] = [
        ("type", resource.resource_type),
        ("state", resource.state),
        ("account", resource.account_id),
        ("region", resource.region),
        ("identifier", resource.identifier),
        ("ARN", resource.arn),
        ("engine", " ".join(filter(None, (resource.engine, resource.engine_version)))),
        *((key.replace("_", " "), value) for key, value in resource.metadata.items()),
        *((f"tag {key}", value) for key, value in resource.tags.items()),
        *((key.replace("_", " "), value) for key, value in resource.constraints.items()),
        ("as of", f"{resource.last_synced:%Y-%m-%d %H:%M} UTC"),
    ]
    for label, value in rows:
        if value not in (None, "", [], {}):
            table.add_row(escape(visible(label)), escape(_text(value)))
    return table


def _history_table(history: list[Change]) -> list[Table]:
    if not history:
        return []
    table = Table("when (UTC)", "", "what", title="Lately")
    for change in history:
        table.add_row(f"{change.at:%Y-%m-%d %H:%M}", change.kind.value, escape(_what(change)))
    return [table]


def _choices(found: list[Resource]) -> Table:
    table = Table(Column("ARN", overflow="fold"), "type", "state")
    for one in found:
        table.add_row(
            escape(visible(one.arn, _LONGEST)), one.resource_type, escape(visible(one.state or ""))
        )
    return table


def _what(change: Change) -> str:
    state = change.field("state")
    if change.kind.value != "changed":
        known = state.after if state and state.after else state.before if state else None
        return _text(known) if known else ""
    first = [one for one in change.fields if one.field == "state"]
    rest = [one for one in change.fields if one.field != "state"]
    shown = [
        f"{one.field}: {_text(one.before) or '—'} → {_text(one.after) or '—'}"
        for one in (*first, *rest)[:3]
    ]
    more = len(change.fields) - len(shown)
    return "; ".join(shown) + (f"; {more} more" if more > 0 else "")


def _text(value: Any) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return visible(text, _LONGEST)

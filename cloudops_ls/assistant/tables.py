"""Resources and changes as Markdown tables; every value from the estate is shown as code."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Final

from cloudops_ls.assistant.describe import type_title
from cloudops_ls.assistant.untrusted import code_span
from cloudops_ls.storage.records import ChangeKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cloudops_ls.assistant.known_estate import Connection
    from cloudops_ls.assistant.protocol import ResourceRecord
    from cloudops_ls.estate.catalog.loader import Catalog
    from cloudops_ls.storage.records import Change

_LONGEST: Final = 80


def resources_table(
    resources: Sequence[ResourceRecord], catalog: Catalog, *, typed: bool = False
) -> str:
    """Return one line per resource; columns that say nothing are left out.

    Parameters
    ----------
    typed
        Say the type also where it is the same in every line.
    """
    several_types = typed or len({one.resource_type for one in resources}) > 1
    rows = [
        {
            "name": _cell(one.name),
            "id": "" if one.identifier in (one.name, one.arn) else _cell(one.identifier),
            "type": type_title(one, catalog) if several_types else "",
            "state": _cell(one.current_state),
            "engine": _cell(" ".join(filter(None, (one.engine, one.engine_version)))),
            "region": _cell(one.region),
            "account": _cell(one.account_alias or one.account_id),
        }
        for one in resources
    ]
    return _table(rows)


def connections_table(connections: Sequence[Connection], catalog: Catalog) -> str:
    """Return one line per resource at the other end of a relation."""
    rows = [
        {
            "name": _cell(one.resource.name),
            "id": ""
            if one.resource.identifier in (one.resource.name, one.resource.arn)
            else _cell(one.resource.identifier),
            "type": type_title(one.resource, catalog),
            "by": one.field.replace("_", " "),
            "state": _cell(one.resource.current_state),
            "region": _cell(one.resource.region),
        }
        for one in connections
    ]
    return _table(rows)


def changes_table(changes: Iterable[Change], catalog: Catalog) -> str:
    """Return one line per change, in the given order."""
    rows = []
    for change in changes:
        kind = catalog.get(change.resource_type)
        details = [
            f"{each.field.replace('_', ' ')}: {_cell(each.before)} → {_cell(each.after)}"
            for each in change.fields[:3]
            # Of what came or went, its fields say nothing that its name does not.
            if change.kind is ChangeKind.CHANGED
        ]
        rows.append(
            {
                "when": f"{change.at.astimezone(UTC):%Y-%m-%d %H:%M}",
                "what": str(change.kind),
                "name": _cell(change.name),
                "type": kind.title if kind is not None else _cell(change.resource_type),
                "region": _cell(change.region),
                "details": ", ".join(details),
            }
        )
    return _table(rows)


def _table(rows: Sequence[dict[str, str]]) -> str:
    columns = [name for name in (rows[0] if rows else ()) if any(row[name] for row in rows)]
    lines = [columns, ["---"] * len(columns)]
    lines += [[row[name] for name in columns] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(value: object) -> str:
    if value is None or value == "":
        return ""
    text = str(value)
    short = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
    return code_span(short).replace("|", "\\|")

"""``cloudops-ls types``."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Column, Table

from cloudops_ls.cli.tables import print_tables
from cloudops_ls.errors import CloudOpsError

if TYPE_CHECKING:
    from cloudops_ls.estate.catalog.loader import Catalog
    from cloudops_ls.estate.catalog.model import ResourceType


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(types)


def types(
    word: Annotated[
        str | None,
        typer.Argument(help="Only types called so, or of a service: `database`, `ecs`."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="All that is known of them.")] = False,
    markdown: Annotated[bool, typer.Option(help="The page `docs/catalog.md`.")] = False,
) -> None:
    """Show the types of resource that are known, and what can be done to them."""
    from cloudops_ls.estate.catalog.loader import Catalog

    catalog = Catalog.load()
    if markdown:
        from cloudops_ls.estate.catalog.markdown import catalog_page

        sys.stdout.write(catalog_page(catalog))
        return
    chosen = _chosen(catalog, word)
    if as_json:
        sys.stdout.write(f"{json.dumps([_record(kind) for kind in chosen], indent=2)}\n")
        return
    table = Table(Column("type", overflow="fold"), "title", "service", "also called", "actions")
    for kind in chosen:
        actions = ", ".join(name for name in kind.actions if name != "describe")
        row = (kind.name, kind.title, kind.service, ", ".join(kind.synonyms), actions)
        table.add_row(*map(escape, row))
    print_tables(table)


def _chosen(catalog: Catalog, word: str | None) -> list[ResourceType]:
    if word is None:
        return list(catalog)
    names = {kind.name for kind in (*catalog.called(word), *catalog.of_service(word.casefold()))}
    chosen = [kind for kind in catalog if kind.name in names]
    if not chosen:
        raise CloudOpsError(
            f"No type is called '{word}'", fix="See all of them with `cloudops-ls types`"
        )
    return chosen


def _record(kind: ResourceType) -> dict[str, Any]:
    return {
        "type": kind.name,
        "title": kind.title,
        "service": kind.service,
        "cloudformation": kind.cloudformation,
        "global": kind.is_global,
        "synonyms": kind.synonyms,
        "listed_for_each": kind.for_each.parent.name if kind.for_each else None,
        "facts": list(kind.metadata),
        "constraints": list(kind.constraints),
        "relations": kind.relations,
        "permissions": kind.permissions,
        "actions": {
            name: {
                "title": action.title,
                "access": action.access,
                "operation": f"{action.service or kind.service}:{action.operation}",
                "command": action.command,
                "from_states": action.from_states,
                "to_state": action.to_state,
                "inverse": action.inverse,
            }
            for name, action in kind.actions.items()
        },
    }

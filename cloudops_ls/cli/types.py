"""``cloudops-ls types``."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Column, Table

from cloudops_ls.cli.store import open_store
from cloudops_ls.cli.tables import print_tables
from cloudops_ls.errors import CloudOpsError
from cloudops_ls.home import Home

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
    markdown: Annotated[bool, typer.Option("--markdown", help="The page docs/catalog.md.")] = False,
) -> None:
    """List the types of resources.

    How many are known, and what can be done to them.
    """
    from cloudops_ls.estate.catalog.loader import Catalog

    catalog = Catalog.load()
    if markdown:
        from cloudops_ls.estate.catalog.markdown import catalog_page

        sys.stdout.write(catalog_page(catalog))
        return
    chosen = _chosen(catalog, word)
    known = _known()
    if as_json:
        records = [{**_record(kind), "resources": known.get(kind.name)} for kind in chosen]
        sys.stdout.write(f"{json.dumps(records, indent=2)}\n")
        return
    table = Table(
        "service", Column("type", no_wrap=True), "title", "resources", "also called", "actions"
    )
    for kind in chosen:
        actions = ", ".join(name for name in kind.actions if name != "describe")
        count = f"{known[kind.name]:,}" if kind.name in known else ""
        also = ", ".join(kind.synonyms)
        row = (kind.service, kind.name, kind.title, count, also, actions)
        table.add_row(*map(escape, row))
    print_tables(table)
    services = {kind.service for kind in chosen}
    typer.echo(f"Types: {len(chosen)}. Services: {len(services)}.")


def _known() -> dict[str, int]:
    """Return how many resources of each scanned type are known; none before the first scan."""
    home = Home.locate()
    known: dict[str, int] = {}
    if home.database.exists():
        with open_store(home) as storage:
            for scope in storage.sync.scopes():
                known[scope.resource_type] = known.get(scope.resource_type, 0) + scope.count
    return known


def _chosen(catalog: Catalog, word: str | None) -> list[ResourceType]:
    if word is None:
        return _sorted(catalog)
    names = {kind.name for kind in (*catalog.called(word), *catalog.of_service(word.casefold()))}
    chosen = [kind for kind in _sorted(catalog) if kind.name in names]
    if not chosen:
        raise CloudOpsError(
            f"No type is called '{word}'", fix="See all of them with `cloudops-ls types`"
        )
    return chosen


def _sorted(catalog: Catalog) -> list[ResourceType]:
    return sorted(catalog, key=lambda kind: (kind.service, kind.name))


def _record(kind: ResourceType) -> dict[str, Any]:
    return {
        "name": kind.name,
        "title": kind.title,
        "service": kind.service,
        "cloudformation": kind.cloudformation,
        "global": kind.is_global,
        "also_called": kind.synonyms,
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

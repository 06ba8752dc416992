"""The catalog as a page of documentation."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cloudops_ls.estate.catalog.loader import Catalog
    from cloudops_ls.estate.catalog.model import ResourceType

_HEAD = """\
# The catalog of resource types

Generated from the data in `cloudops_ls/estate/catalog/` by `cloudops-ls types --markdown`; see
[adding a type](adding-a-type.md). {types} types over {services} services. Each type is listed with
what operators call it, what is kept of a resource, what it leads to, and what can be planned.
"""


def catalog_page(catalog: Catalog) -> str:
    """Return ``docs/catalog.md``."""
    services: defaultdict[str, list[ResourceType]] = defaultdict(list)
    for kind in catalog:
        services[kind.service].append(kind)
    parts = [_HEAD.format(types=len(catalog), services=len(services))]
    for service in sorted(services):
        parts.append(f"## {service}\n")
        parts += [_section(kind, catalog) for kind in services[service]]
    return "\n".join(parts)


def _section(kind: ResourceType, catalog: Catalog) -> str:
    where = "once per account" if kind.is_global else "per region"
    if kind.for_each is not None:
        where = f"per {kind.for_each.parent.title}"
    listed = f"`{kind.list.operation}`, {where}"
    if kind.describe.detail:
        listed += f"; then `{kind.describe.operation}`"
    if kind.tags_call is not None:
        listed += f"; tags by `{kind.tags_call.operation}`"
    relations = [
        f"{_words(field)} → {catalog[target].title}" for field, target in kind.relations.items()
    ]
    actions = [
        f"{action.title.lower()} (`{action.operation}`)"
        for name, action in kind.actions.items()
        if name != "describe"
    ]
    lines = [
        ("type", f"`{kind.name}`" + (f", {kind.cloudformation}" if kind.cloudformation else "")),
        ("also called", ", ".join(kind.synonyms)),
        ("listed by", listed),
        ("facts", ", ".join(map(_words, kind.metadata))),
        ("constraints", ", ".join(map(_words, kind.constraints))),
        ("related to", "; ".join(relations)),
        ("actions", "; ".join(actions)),
        ("permissions", ", ".join(f"`{one}`" for one in kind.permissions)),
    ]
    rows = "".join(f"- {label}: {text}\n" for label, text in lines if text)
    return f"### {kind.title[:1].upper()}{kind.title[1:]}\n\n{rows}"


def _words(name: str) -> str:
    return name.replace("_", " ")

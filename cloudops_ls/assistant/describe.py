"""Says what a resource is, in Markdown. Every value from the estate is shown as code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cloudops_ls.assistant.protocol import MAX_LABEL, Choice
from cloudops_ls.assistant.untrusted import code_span

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pydantic import JsonValue

    from cloudops_ls.assistant.protocol import ResourceRecord
    from cloudops_ls.estate.catalog.loader import Catalog

_MOST_FIELDS: Final = 12
_LONGEST_VALUE: Final = 200


def joined(items: Sequence[str]) -> str:
    """Return ``a, b and c``."""
    return " and ".join(filter(None, (", ".join(items[:-1]), *items[-1:])))


def sentence(resource: ResourceRecord, catalog: Catalog) -> str:
    """Return one line that tells a resource from all others for a reader."""
    name = _code(resource.name)
    if resource.identifier != resource.name:
        name += f" ({_code(resource.identifier)})"
    return f"{name}: {', '.join(_traits(resource, catalog))}"


def candidate(resource: ResourceRecord, catalog: Catalog) -> Choice:
    """Return a resource as an answer to choose; the label tells it from its namesakes."""
    label = f"{sentence(resource, catalog)}, {_code(resource.arn)}"
    if len(label) > MAX_LABEL:
        label = f"{sentence(resource, catalog)}"[:MAX_LABEL]
    return Choice(label=label, arn=resource.arn)


def card(resource: ResourceRecord, catalog: Catalog) -> str:
    """Return a summary of everything worth knowing about a resource."""
    lines = [f"**{_code(resource.name)}**: {', '.join(_traits(resource, catalog))}", ""]
    if resource.identifier != resource.name:
        lines.append(f"- id: {_code(resource.identifier)}")
    lines.append(f"- ARN: {_code(resource.arn)}")
    fields = [f"{key.replace('_', ' ')}: {value}" for key, value in _shown(resource.metadata)]
    lines += [f"- {field}" for field in fields[:_MOST_FIELDS]]
    facts = [f"{name.replace('_', ' ')}: {value}" for name, value in _shown(resource.constraints)]
    if facts:
        lines.append(f"- {', '.join(facts[:_MOST_FIELDS])}")
    if resource.tags:
        tags = [_code(f"{key}={value}") for key, value in sorted(resource.tags.items())]
        lines.append(f"- tags: {', '.join(tags[:_MOST_FIELDS])}")
    lines.append(f"- {as_of(resource)}")
    return "\n".join(lines)


def as_of(resource: ResourceRecord) -> str:
    """Say how old the knowledge is."""
    return f"as of {resource.last_synced:%Y-%m-%d %H:%M %Z}"


def type_title(resource: ResourceRecord, catalog: Catalog) -> str:
    """Return the type's name for people, the bare type when the catalog does not know it."""
    kind = catalog.get(resource.resource_type)
    return kind.title if kind is not None else _code(resource.resource_type)


def _traits(resource: ResourceRecord, catalog: Catalog) -> Iterator[str]:
    yield type_title(resource, catalog)
    engine = " ".join(filter(None, (resource.engine, resource.engine_version)))
    if engine:
        yield _code(engine)
    if resource.current_state is not None:
        yield _code(resource.current_state)
    account = _code(resource.account_id)
    yield (
        f"account {_code(resource.account_alias)} ({account})"
        if (resource.account_alias)
        else f"account {account}"
    )
    yield _code(resource.region)


def _shown(metadata: dict[str, JsonValue]) -> Iterator[tuple[str, str]]:
    for key, value in metadata.items():
        if isinstance(value, list):
            texts = [str(item) for item in value if isinstance(item, str | int | float)]
            if texts:
                yield key, ", ".join(map(_code, texts[:_MOST_FIELDS]))
        elif isinstance(value, bool):
            yield key, "yes" if value else "no"
        elif isinstance(value, str | int | float) and value != "":
            yield key, _code(str(value))


def _code(value: str) -> str:
    short = value if len(value) <= _LONGEST_VALUE else f"{value[: _LONGEST_VALUE - 1]}…"
    return code_span(short)

"""From what an AWS API answered to the estate's record (pure)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol

import jmespath
from jmespath.exceptions import JMESPathError
from jmespath.functions import Functions, signature

from cloudops_ls.errors import CloudOpsError
from cloudops_ls.estate.catalog.model import LIST_FIELDS
from cloudops_ls.storage.resource import Resource

if TYPE_CHECKING:
    from pydantic import JsonValue

    from cloudops_ls.estate.catalog.model import ResourceType

GLOBAL_REGION = "global"
_PLAIN = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", re.ASCII)


@dataclass(frozen=True, slots=True)
class MappingContext:
    """Where and when an item was listed.

    Attributes
    ----------
    region
        ``global`` for types without one.
    now
        Timezone-aware UTC.
    """

    partition: str
    account_id: str
    region: str
    now: datetime


class ItemMapper:
    """Maps raw items of one resource type; its expressions are compiled once. Thread-safe."""

    def __init__(self, kind: ResourceType) -> None:
        self.kind = kind
        self._identifier = _compiled(kind.identifier)
        self._arn = None if kind.arn.startswith("arn:") else _compiled(kind.arn)
        self._name = _compiled(kind.name_from)
        self._state = _compiled(kind.state)
        self._engine = _compiled(kind.engine)
        self._engine_version = _compiled(kind.engine_version)
        self._tags = _compiled(kind.tags)
        self._metadata = {name: _compiled(text) for name, text in kind.metadata.items()}
        self._used = sorted(kind.item_fields & self._metadata.keys())
        self._needs_name = "name" in kind.item_fields
        self._constraints = {name: _compiled(text) for name, text in kind.constraints.items()}

    def values(self, item: object, context: MappingContext) -> dict[str, str]:
        """Return the template fields that ``item`` yields; those it lacks are empty."""
        values = {
            "identifier": _text(_search(self._identifier, item)) or "",
            "account_id": context.account_id,
            "region": context.region,
            "partition": context.partition,
        }
        values["rooted"] = rooted(values["identifier"])
        for field in self._used:
            values[field] = _text(_search(self._metadata[field], item)) or ""
        if self._needs_name:
            values["name"] = self._name_of(item) or values["identifier"]
        if self._arn is not None:
            values["arn"] = _text(_search(self._arn, item)) or ""
        else:
            values["arn"] = self.kind.arn.format_map(values)
        return values

    def _name_of(self, item: object) -> str | None:
        name = _text(_search(self._name, item))
        if name and self.kind.name_after:
            name = name.rpartition(self.kind.name_after)[2]
        return name

    def resource(
        self, item: object, context: MappingContext, tags: Mapping[str, str] | None = None
    ) -> Resource:
        """Return the record of a raw item.

        Parameters
        ----------
        item
            One element of what the list or describe call's ``items`` expression found.
        tags
            Tags from the type's own tags call, added to those the item has.

        Raises
        ------
        CloudOpsError
            The item has no identifier or ARN: AWS answered in an unknown shape.
        """
        values = self.values(item, context)
        if not values["identifier"] or not values["arn"]:
            raise CloudOpsError(
                f"AWS described a {self.kind.title} without its identifier",
                where=self.kind.service,
            )
        all_tags = {**tag_map(_search(self._tags, item)), **(tags or {})}
        return Resource(
            resource_type=self.kind.name,
            identifier=values["identifier"],
            account_id=context.account_id,
            region=context.region,
            arn=values["arn"],
            name=self._name_of(item) or all_tags.get("Name", "").strip() or values["identifier"],
            state=_text(_search(self._state, item)),
            engine=_text(_search(self._engine, item)),
            engine_version=_text(_search(self._engine_version, item)),
            tags=all_tags,
            permissions=self.kind.permissions,
            constraints={
                name: _holds(_search(expression, item))
                for name, expression in self._constraints.items()
            },
            metadata={
                name: value
                for name, expression in self._metadata.items()
                if (value := plain(_search(expression, item))) not in (None, "", [], {})
            },
            last_synced=context.now,
        )

    def is_gone(self, resource: Resource) -> bool:
        """Tell whether AWS lists a resource that is in fact deleted."""
        return resource.state is not None and resource.state in self.kind.gone_states


def rendered(params: Mapping[str, JsonValue], batch: list[dict[str, str]]) -> dict[str, Any]:
    """Fill a call's parameters for a batch of resources.

    Parameters
    ----------
    params
        As in the catalog: texts are templates; ``{identifiers}`` and ``{arns}`` become lists.
    batch
        The template fields of each resource; single-valued templates use the first.
    """

    def fill(value: Any) -> Any:
        if isinstance(value, str):
            if value in LIST_FIELDS:
                return [values[LIST_FIELDS[value]] for values in batch]
            return value.format_map(batch[0])
        if isinstance(value, list):
            return [fill(element) for element in value]
        if isinstance(value, dict):
            return {key: fill(element) for key, element in value.items()}
        return value

    return {key: fill(value) for key, value in params.items()}


class Described(Protocol):
    """What templates are filled from; the store's and the assistants' records are."""

    @property
    def identifier(self) -> str:
        """What the AWS API takes to name it."""
        ...

    @property
    def name(self) -> str:
        """What operators call it."""
        ...

    @property
    def arn(self) -> str:
        """Its ARN."""
        ...

    @property
    def account_id(self) -> str:
        """The account it is in."""
        ...

    @property
    def region(self) -> str:
        """Its region."""
        ...

    @property
    def metadata(self) -> Mapping[str, JsonValue]:
        """Its facts, by catalog field name."""
        ...


def template_values(resource: Described) -> dict[str, str]:
    """Return the template fields of a stored resource, for describe calls and commands."""
    facts = resource.metadata.items()
    return {
        **{name: str(value) for name, value in facts if isinstance(value, str | int | float)},
        "identifier": resource.identifier,
        "rooted": rooted(resource.identifier),
        "name": resource.name,
        "arn": resource.arn,
        "account_id": resource.account_id,
        "region": resource.region,
        "partition": resource.arn.split(":")[1] if resource.arn.startswith("arn:") else "aws",
    }


def tag_map(tags: object) -> dict[str, str]:
    """Return tags as a map, from any of the forms AWS has for them."""
    if isinstance(tags, Mapping):
        return {str(key): "" if value is None else str(value) for key, value in tags.items()}
    if not isinstance(tags, Iterable) or isinstance(tags, str):
        return {}
    result = {}
    for pair in tags:
        if isinstance(pair, Mapping):
            fields = {str(key).casefold(): value for key, value in pair.items()}
            key = fields.get("key", fields.get("tagkey"))
            value = fields.get("value", fields.get("tagvalue"))
            if key is not None:
                result[str(key)] = "" if value is None else str(value)
    return result


def plain(value: Any) -> JsonValue:
    """Return a JSON value; times become ISO 8601, bytes and unknown objects are left out."""
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, Mapping):
        return {str(key): plain(element) for key, element in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, bytes | bytearray):
        return [plain(element) for element in value]
    return None


def rooted(identifier: str) -> str:
    """Return a path with exactly one slash before it."""
    return f"/{identifier.removeprefix('/')}"


class _CatalogFunctions(Functions):  # type: ignore[misc]
    """What the catalog's expressions may call beside JMESPath's own functions."""

    @signature({"types": ["string"]}, {"types": ["string"]})  # type: ignore[untyped-decorator]
    def _func_tail(self, text: str, separator: str) -> str:
        """Return what follows the last separator."""
        return text.rpartition(separator)[2]

    @signature({"types": ["string"]}, {"types": ["string"]})  # type: ignore[untyped-decorator]
    def _func_trimmed(self, text: str, ending: str) -> str:
        """Return the text without an ending."""
        return text.removesuffix(ending)


_OPTIONS = jmespath.Options(custom_functions=_CatalogFunctions())


class _Path:
    """A JMESPath expression with the catalog's functions."""

    def __init__(self, path: str) -> None:
        self._parsed = jmespath.compile(path)

    def search(self, item: object) -> Any:
        """Return what the expression finds."""
        return self._parsed.search(item, _OPTIONS)


class _Fields:
    """A path of plain fields, which is what most expressions are; ten times as fast as JMESPath."""

    def __init__(self, path: str) -> None:
        self._names = path.split(".")

    def search(self, item: object) -> Any:
        """Return what JMESPath would."""
        for name in self._names:
            if not isinstance(item, dict):
                return None
            item = item.get(name)
        return item


def _compiled(expression: str | None) -> Any:
    if expression is None:
        return None
    return _Fields(expression) if _PLAIN.fullmatch(expression) else _Path(expression)


def _search(expression: Any, item: object) -> Any:
    if expression is None:
        return None
    try:
        return expression.search(item)
    except JMESPathError:
        # A function met a field that this one item does not have.
        return None


def _text(value: object) -> str | None:
    return None if value is None or value == "" else str(value)


def _holds(value: object) -> bool:
    """Return JMESPath's truth: everything but null, false and what is empty."""
    return value is not None and value is not False and value not in ("", [], {})

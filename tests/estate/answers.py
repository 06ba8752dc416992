"""Whole answers of AWS operations, made from the service models: every member has a value."""

from __future__ import annotations

import re
from collections import defaultdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import jmespath

if TYPE_CHECKING:
    from collections.abc import Iterable

_MORE = re.compile(
    r"^(next.*|.*token|.*marker|position|last(Evaluated|Key).*|startinglike.*|.*truncated|"
    r"hasmore.*|isTruncated)$",
    re.IGNORECASE,
)
"""Members that lead to a next page: there is none."""
MOMENT = datetime(2025, 10, 8, 10, 30, tzinfo=UTC)
_DEEPEST = 12


class AnswerMaker:
    """Makes answers in which JMESPath expressions find something.

    Parameters
    ----------
    paths
        The expressions; values they compare members with are the members' values.
    fixed
        Values of members by name, wherever they stand.
    """

    def __init__(self, paths: Iterable[str], fixed: dict[str, Any]) -> None:
        self._wanted: defaultdict[str, list[Any]] = defaultdict(list)
        for path in paths:
            self._read(jmespath.compile(path).parsed)
        self._fixed = fixed

    def make(self, shape: Any) -> Any:
        """An answer of the shape; lists hold one element for each value that is wanted in them."""
        return self._value(shape, "", 0, 0)

    def _read(self, node: dict[str, Any]) -> None:
        children = node["children"]
        if node["type"] == "comparator" and node["value"] == "eq":
            field, literal = children
            while field["type"] in ("subexpression", "index_expression"):
                field = field["children"][-1]
            if field["type"] == "field" and literal["type"] == "literal":
                self._wanted[field["value"]].append(literal["value"])
        if node["type"] == "function_expression" and node["value"] == "starts_with":
            field, literal = children
            while field["type"] in ("subexpression", "or_expression"):
                field = field["children"][0 if field["type"] == "or_expression" else -1]
            if field["type"] == "field" and not field["value"].endswith("Name"):
                self._wanted[field["value"]].append(f"{literal['value']}x")
        for child in children:
            if isinstance(child, dict):
                self._read(child)

    def _value(self, shape: Any, name: str, depth: int, number: int) -> Any:
        if name in self._fixed:
            value = self._fixed[name]
            return [value] if shape.type_name == "list" and not isinstance(value, list) else value
        if shape.type_name == "structure":
            members = {
                member: self._value(inner, member, depth + 1, number)
                for member, inner in shape.members.items()
                if member in shape.required_members or not (depth > _DEEPEST or _MORE.match(member))
            }
            if getattr(shape, "is_tagged_union", False):
                return dict([next(iter(members.items()))])
            return members
        if shape.type_name == "list":
            least = int(shape.metadata.get("min", 0))
            wanted = max((len(self._wanted[one]) for one in self._members(shape.member)), default=1)
            several = max(wanted, least, 1) if depth <= _DEEPEST else least
            return [self._value(shape.member, name, depth + 1, n) for n in range(several)]
        if shape.type_name == "map":
            key = "key-1".ljust(int(shape.key.metadata.get("min", 0)), "x")
            return {key: self._value(shape.value, "", depth + 1, number)}
        return self._scalar(shape, name, number)

    def _members(self, shape: Any) -> list[str]:
        return list(shape.members) if shape.type_name == "structure" else []

    def _scalar(self, shape: Any, name: str, number: int) -> Any:
        least, most = shape.metadata.get("min", 0), shape.metadata.get("max", 10_000)
        wanted = self._wanted.get(name)
        if wanted:
            value = wanted[min(number, len(wanted) - 1)]
            return value.ljust(int(least), "x") if isinstance(value, str) else value
        match shape.type_name:
            case "string":
                enum = getattr(shape, "enum", None)
                text = enum[0] if enum else f"{name.lower() or 'text'}-1"
                return text.ljust(int(least), "x")[: int(most)]
            case "boolean":
                return True
            case "timestamp":
                return MOMENT
            case "blob":
                return b"x"
            case "float" | "double":
                return max(1.0, float(least))
        return max(1, int(least))

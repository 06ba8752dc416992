"""Follows a JMESPath through a service model's shape instead of through data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import jmespath


class PathError(AssertionError):
    """The path names something the shape does not have."""


@dataclass
class Shape:
    """A value's type: `structure`, `map`, `list` (with `element`) or a scalar."""

    type_name: str
    members: dict[str, Any] = field(default_factory=dict)
    inner: Any = None

    @property
    def element(self) -> Shape:
        if self.type_name != "list":
            raise PathError(f"a {self.type_name} is not a list")
        return wrap(self.inner)


SCALAR = Shape("scalar")


def wrap(shape: Any) -> Shape:
    if isinstance(shape, Shape):
        return shape
    if shape.type_name == "structure":
        return Shape("structure", dict(shape.members))
    if shape.type_name == "list":
        return Shape("list", inner=shape.member)
    if shape.type_name == "map":
        # The keys of these maps are an enumeration in the model's documentation only.
        return Shape("map", inner=shape.value)
    return Shape(shape.type_name)


def follow(path: str, shape: Any) -> Shape:
    """Return the shape that `path` leads to; raises PathError where it leads nowhere."""
    return _visit(jmespath.compile(path).parsed, wrap(shape))


def _visit(node: dict[str, Any], shape: Shape) -> Shape:
    children = node["children"]
    match node["type"]:
        case "field":
            return _field(node["value"], shape)
        case "identity" | "current":
            return shape
        case "literal":
            if isinstance(node["value"], list):
                return Shape("list", inner=SCALAR)
            return SCALAR
        case "subexpression" | "pipe" | "index_expression":
            for child in children:
                shape = _visit(child, shape)
            return shape
        case "index":
            return shape.element
        case "flatten":
            inside = _visit(children[0], shape)
            element = inside.element
            return element if element.type_name == "list" else inside
        case "projection":
            inside = _visit(children[0], shape)
            return Shape("list", inner=_visit(children[1], inside.element))
        case "filter_projection":
            base = _visit(children[0], shape)
            _visit(children[2], base.element)
            return Shape("list", inner=_visit(children[1], base.element))
        case "multi_select_list":
            elements = [_visit(child, shape) for child in children]
            return Shape("list", inner=elements[0])
        case "multi_select_dict":
            pairs = {child["value"]: _visit(child["children"][0], shape) for child in children}
            return Shape("structure", pairs)
        case "and_expression" | "or_expression":
            sides = [_visit(child, shape) for child in children]
            return sides[0]
        case "function_expression":
            arguments = [_visit(child, shape) for child in children]
            return _result(node["value"], arguments)
        case "comparator" | "not_expression":
            for child in children:
                _visit(child, shape)
            return SCALAR
    raise PathError(f"the checker does not know {node['type']}")


def _result(function: str, arguments: list[Shape]) -> Shape:
    if function == "merge":
        members = [shape.members.items() for shape in arguments]
        return Shape("structure", dict(pair for pairs in members for pair in pairs))
    return Shape("list", inner=SCALAR) if function == "keys" else SCALAR


def _field(name: str, shape: Shape) -> Shape:
    if shape.type_name == "map":
        return wrap(shape.inner)
    if shape.type_name != "structure" or name not in shape.members:
        raise PathError(f"'{name}' is no member of the {shape.type_name}")
    return wrap(shape.members[name])

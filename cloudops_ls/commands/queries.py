"""What a ``--query`` lets through of an answer, told from the API's model alone.

Anything that is not certain counts as everything: this decides whether a secret may be in it.
"""

from __future__ import annotations

from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError

_SINGLE = frozenset(
    {"string", "integer", "long", "float", "double", "boolean", "timestamp", "blob", "char"}
)


def members_let_through(query: str, output: Any) -> frozenset[str] | None:
    """Return the members, and their shapes, that lead to what a query yields.

    Parameters
    ----------
    query
        A JMESPath expression.
    output
        botocore's shape of the whole answer; None for an answer without one.

    Returns
    -------
    frozenset
        Their names; None when the query may yield more than single values of named members.
    """
    if output is None:
        return None
    try:
        parsed = jmespath.compile(query).parsed
    except JMESPathError:
        return None
    names: set[str] = set()
    return frozenset(names) if _single(parsed, output, names) else None


def _single(node: Any, shape: Any, names: set[str]) -> bool:
    """Whether a part of an expression yields single values only; adds what leads to them."""
    children = node["children"]
    match node["type"]:
        case "multi_select_list" | "multi_select_dict":
            return all(_single(each, shape, names) for each in children)
        case "key_val_pair":
            return _single(children[0], shape, names)
        case "subexpression":
            inner = _reached(children[0], shape, names)
            return inner is not None and _single(children[1], inner, names)
        case "projection" | "filter_projection":
            element = _element(children[0], shape, names)
            return element is not None and _single(children[1], element, names)
        case "function_expression" if node["value"] == "length":
            return True
    found = _reached(node, shape, names)
    return found is not None and found.type_name in _SINGLE


def _reached(node: Any, shape: Any, names: set[str]) -> Any:
    """Return the shape that a part of an expression yields, of a projection that of one element."""
    children = node["children"]
    match node["type"]:
        case "identity" | "current":
            return shape
        case "field" if shape.type_name == "structure":
            found = shape.members.get(node["value"])
            if found is not None:
                names.update((node["value"], found.name))
            return found
        case "subexpression" | "index_expression":
            inner = _reached(children[0], shape, names)
            return None if inner is None else _reached(children[1], inner, names)
        case "index" if shape.type_name == "list":
            return shape.member
        case "flatten":
            return _reached(children[0], shape, names)
        case "projection" | "filter_projection":
            element = _element(children[0], shape, names)
            return None if element is None else _reached(children[1], element, names)
    return None


def _element(node: Any, shape: Any, names: set[str]) -> Any:
    found = _reached(node, shape, names)
    return found.member if found is not None and found.type_name == "list" else None

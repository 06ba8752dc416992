"""Check parameter values against botocore's shapes, and make them plain JSON."""

from __future__ import annotations

import base64
import datetime
import difflib
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pydantic import JsonValue

_MANY = 200
"""Among more choices than this (there are 1,000 instance types) the first letter must be right."""


class Finding(NamedTuple):
    """One value that does not fit its shape."""

    what: str
    suggestion: str | None
    fatal: bool
    """False where AWS may know better than the installed models."""


def nearest(word: str, choices: Iterable[str]) -> str | None:
    """Return the choice that looks most like ``word``, or None when none comes close."""
    options = list(choices)
    if len(options) > _MANY:
        options = [option for option in options if option[:1].casefold() == word[:1].casefold()]
    by_folded = {option.casefold(): option for option in reversed(options)}
    found = difflib.get_close_matches(word.casefold(), by_folded, n=1, cutoff=0.6)
    return by_folded[found[0]] if found else None


def findings(
    validator: Any, shape: Any, parameters: dict[str, Any], skipped: frozenset[str]
) -> Iterator[Finding]:
    """Yield what is wrong with ``parameters``.

    Parameters
    ----------
    validator
        A ``botocore.validate.ParamValidator``.
    shape
        The operation's input shape.
    parameters
        Values by member name.
    skipped
        Members whose values come from files and are not known.
    """
    report = validator.validate(parameters, shape)
    for reason, name, details in report._errors:
        if reason == "missing required field" and not name:
            member = shape.members[details["required_name"]]
            # botocore makes these up itself when they are missing.
            if details["required_name"] in skipped or member.metadata.get("idempotencyToken"):
                continue
            yield Finding(f"Missing parameter: {details['required_name']}", None, fatal=True)
        elif reason == "unknown field":
            yield Finding(
                f"Unknown key {details['unknown_param']!r} in {name.lstrip('.') or 'the input'}",
                nearest(details["unknown_param"], details["valid_names"]),
                fatal=True,
            )
        else:
            text = report._format_error((reason, name, details))
            yield Finding(" ".join(str(text).split()), None, fatal=True)
    for path, value, choices in _outside_enums(shape, parameters, ""):
        yield Finding(
            f"{value!r} is not among the values the installed AWS CLI knows for {path}",
            nearest(value, choices),
            fatal=False,
        )


def _outside_enums(shape: Any, value: Any, path: str) -> Iterator[tuple[str, str, list[str]]]:
    kind = shape.type_name
    if kind == "structure" and isinstance(value, dict):
        for name, member in shape.members.items():
            if name in value:
                yield from _outside_enums(member, value[name], f"{path}.{name}" if path else name)
    elif kind == "list" and isinstance(value, list):
        for item in value:
            yield from _outside_enums(shape.member, item, path)
    elif kind == "map" and isinstance(value, dict):
        for item in value.values():
            yield from _outside_enums(shape.value, item, path)
    elif kind == "string" and isinstance(value, str):
        choices = shape.enum
        if choices and value not in choices:
            yield path, value, choices


def plain(value: Any) -> JsonValue:
    """Return ``value`` as JSON can hold it: bytes as base64, dates as ISO 8601."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, bytes | bytearray):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float) and value == value and value not in (float("inf"), -float("inf")):
        return value
    return str(value)

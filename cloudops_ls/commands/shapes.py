"""Check parameter values against botocore's shapes, and make them plain JSON."""

from __future__ import annotations

import base64
import datetime
import re
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from rapidfuzz.fuzz import ratio
from rapidfuzz.process import extractOne

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pydantic import JsonValue

_CLOSE = 60
"""Of 100; below it two words have too little in common."""
_MANY = 200
"""Among more choices than this (there are 1,000 instance types) the first letter must be right."""


class FindingKind(StrEnum):
    """What is wrong with a value."""

    MISSING = "missing"
    WRONG = "wrong"
    UNKNOWN = "unknown"
    """Not in the model's list, of which AWS may know a newer one."""
    RANGE = "range"
    """Above a limit of the model, which AWS may have raised."""
    DEPRECATED = "deprecated"


class Finding(NamedTuple):
    """One value that does not fit its shape.

    Parameters
    ----------
    kind, what
        What is wrong, and the same in a sentence.
    member
        The member of the input in which it is.
    token
        The wrong characters; None where the whole value is meant.
    suggestion
        What to write instead of ``token``.
    """

    kind: FindingKind
    what: str
    member: str | None = None
    token: str | None = None
    suggestion: str | None = None

    @property
    def fatal(self) -> bool:
        """False where AWS may know better than the installed models."""
        return self.kind in (FindingKind.MISSING, FindingKind.WRONG)


def nearest(word: str, choices: Iterable[str]) -> str | None:
    """Return the choice that looks most like ``word``, or None when none comes close."""
    options = list(choices)
    if len(options) > _MANY:
        options = [option for option in options if option[:1].casefold() == word[:1].casefold()]
    by_folded = {option.casefold(): option for option in reversed(options)}
    found = extractOne(word.casefold(), list(by_folded), scorer=ratio, score_cutoff=_CLOSE)
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
        member = re.split(r"[.\[]", name.lstrip("."), maxsplit=1)[0] or None
        if reason == "missing required field" and not name:
            missing = shape.members[details["required_name"]]
            # botocore makes these up itself when they are missing.
            if details["required_name"] in skipped or missing.metadata.get("idempotencyToken"):
                continue
            name = details["required_name"]
            yield Finding(FindingKind.MISSING, f"Missing parameter: {name}", name)
        elif reason == "unknown field":
            yield Finding(
                FindingKind.WRONG,
                f"Unknown key {details['unknown_param']!r} in {name.lstrip('.') or 'the input'}",
                member or str(details["unknown_param"]),
                str(details["unknown_param"]),
                nearest(str(details["unknown_param"]), details["valid_names"]),
            )
        else:
            text = report._format_error((reason, name, details))
            yield Finding(FindingKind.WRONG, " ".join(str(text).split()), member)
    for name, value in parameters.items():
        if name in shape.members:
            yield from _doubts(shape.members[name], value, name, name)


def _doubts(shape: Any, value: Any, path: str, member: str) -> Iterator[Finding]:
    """Yield what botocore does not check: lists of values, upper limits, deprecation."""
    if shape._shape_model.get("deprecated"):
        advice = shape._shape_model.get("deprecatedMessage")
        yield Finding(
            FindingKind.DEPRECATED,
            f"AWS has deprecated {path}" + (f": {advice.rstrip('.')}" if advice else ""),
            member,
        )
    kind = shape.type_name
    yield from _above(shape, value, path, member)
    if kind == "structure" and isinstance(value, dict):
        for name, inner in shape.members.items():
            if name in value:
                yield from _doubts(inner, value[name], f"{path}.{name}", member)
    elif kind == "list" and isinstance(value, list):
        for item in value:
            yield from _doubts(shape.member, item, path, member)
    elif kind == "map" and isinstance(value, dict):
        for item in value.values():
            yield from _doubts(shape.value, item, path, member)
    elif kind == "string" and isinstance(value, str):
        choices = shape.enum
        if choices and value not in choices:
            yield Finding(
                FindingKind.UNKNOWN,
                f"{value!r} is not among the values the installed AWS CLI knows for {path}",
                member,
                value,
                nearest(value, choices),
            )


def _above(shape: Any, value: Any, path: str, member: str) -> Iterator[Finding]:
    most = shape.metadata.get("max")
    if most is None or isinstance(value, bool):
        return
    kind = shape.type_name
    if kind in ("integer", "long", "float", "double") and isinstance(value, int | float):
        if value > most:
            yield Finding(FindingKind.RANGE, f"{path} is at most {most}", member, str(value))
    elif kind in ("string", "list", "map", "blob") and hasattr(value, "__len__"):
        things = {"string": "characters", "blob": "bytes"}.get(kind, "items")
        if len(value) > most:
            yield Finding(FindingKind.RANGE, f"{path} has at most {most} {things}", member)


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

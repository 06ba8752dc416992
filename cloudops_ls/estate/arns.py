"""Parts of an Amazon Resource Name (AWS General Reference, "Amazon Resource Names")."""

from __future__ import annotations

import re

_PARTS = 6
_SEPARATOR = re.compile(r"[:/]")


def arn_parts(arn: str) -> tuple[str, str]:
    """Return an ARN's service and resource part; empty texts where it is no ARN."""
    parts = arn.split(":", _PARTS - 1)
    return (parts[2], parts[5]) if len(parts) == _PARTS and parts[0] == "arn" else ("", "")


def arn_fields(arn: str) -> dict[str, str]:
    """Return what an ARN says of its resource, for records of types that nothing else is known of.

    Returns
    -------
    dict
        ``service``; ``type``, empty where the ARN has none; and ``id``, all that follows it.
    """
    service, resource = arn_parts(arn)
    first = _SEPARATOR.search(resource)
    kind, rest = (resource[: first.start()], resource[first.end() :]) if first else ("", resource)
    return {"service": service, "type": kind, "id": rest}


def arn_pattern(patterns: tuple[str, ...]) -> re.Pattern[str]:
    """Compile patterns of service, colon and resource part, in which ``*`` is any text."""
    alternatives = (".*".join(map(re.escape, pattern.split("*"))) for pattern in patterns)
    return re.compile("|".join(f"(?:{one})" for one in alternatives), re.DOTALL)

"""Parts of an Amazon Resource Name (AWS General Reference, "Amazon Resource Names")."""

from __future__ import annotations

_PARTS = 6


def arn_parts(arn: str) -> tuple[str, str]:
    """Return an ARN's service and resource part; empty texts where it is no ARN."""
    parts = arn.split(":", _PARTS - 1)
    return (parts[2], parts[5]) if len(parts) == _PARTS and parts[0] == "arn" else ("", "")

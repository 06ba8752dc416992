"""Which schema this program reads and writes."""

from __future__ import annotations

HEAD = "0006"
"""Newest migration; revisions are numbered, so newer ones compare greater."""
SCHEMA_TABLE = "alembic_version"

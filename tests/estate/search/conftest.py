from __future__ import annotations

from tests.storage.conftest import database_url, home, postgres, service

__all__ = ["database_url", "home", "postgres", "service"]

from __future__ import annotations

from tests.storage.conftest import home, service

__all__ = ["home", "service"]

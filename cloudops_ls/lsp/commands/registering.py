"""How an area registers its commands.

Area modules are imported before ``initialize`` is answered, so their handlers import what they
need when they are first called.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

Handler = Callable[..., Awaitable[Any]]
"""Takes a command's arguments as the client sent them, returns JSON."""
Register = Callable[[str, Handler], None]
"""Registers a handler by the command's id."""

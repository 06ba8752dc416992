"""The composition root: the one place that knows how every part is built.

Importing it is cheap; each function imports what it builds.
"""

from __future__ import annotations

from cloudops_ls.composition.assistants import assistant_token, build_assistant, qdrant_api_key
from cloudops_ls.composition.backups import backup_plan
from cloudops_ls.composition.language_server import (
    connect_worker,
    language_server_dependencies,
    open_policy,
)
from cloudops_ls.composition.serving import serve_stdio, serve_tcp, serve_worker
from cloudops_ls.composition.stores import (
    database_url,
    models_directory,
    open_storage,
    vector_settings,
)
from cloudops_ls.composition.worker import configured_cli, worker_service

__all__ = [
    "assistant_token",
    "backup_plan",
    "build_assistant",
    "configured_cli",
    "connect_worker",
    "database_url",
    "language_server_dependencies",
    "models_directory",
    "open_policy",
    "open_storage",
    "qdrant_api_key",
    "serve_stdio",
    "serve_tcp",
    "serve_worker",
    "vector_settings",
    "worker_service",
]

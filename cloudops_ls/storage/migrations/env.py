"""Alembic's entry point: runs the migrations on the connection it is given."""

from __future__ import annotations

from alembic import context

from cloudops_ls.storage.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    # SQLite cannot alter tables in place; Alembic then copies them.
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()

"""What the operator was told already, so that it is said once and not with every start."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete

from cloudops_ls.storage.tables import MetaRow

if TYPE_CHECKING:
    from cloudops_ls.storage.database import Database

_PREFIX = "told_"


class Notices:
    """Which notices were given, by name."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def first(self, name: str) -> bool:
        """Return whether this notice was not given before, and take note that it is now."""
        with self._database.write() as connection:
            inserted = connection.execute(
                self._database.insert(MetaRow)
                .values(key=f"{_PREFIX}{name}", value=1)
                .on_conflict_do_nothing(index_elements=["key"])
            )
        return inserted.rowcount > 0

    def forget(self, name: str) -> None:
        """Have the notice given again, should it come to that."""
        with self._database.write() as connection:
            connection.execute(delete(MetaRow).where(MetaRow.key == f"{_PREFIX}{name}"))

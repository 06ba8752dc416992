"""What each user prefers, remembered until it is changed."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy import delete, select

from cloudops_ls.errors import CloudOpsError
from cloudops_ls.storage.tables import PreferenceRow

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cloudops_ls.storage.database import Database


class Approval(StrEnum):
    """Which commands are asked about."""

    POLICY = "policy"
    """Those that the policy does not allow by itself."""
    ALWAYS = "always"
    """Every one, whatever the policy allows."""


class PlanApproval(StrEnum):
    """How several commands are asked about."""

    STEP = "step"
    """Before each step."""
    ALL = "all"
    """Once, all of them shown."""


class Preferences(BaseModel):
    """What counts where a runbook, the window, a setting and the environment say nothing.

    None of them makes the policy looser.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    profile: str | None = Field(default=None, min_length=1, max_length=128)
    """AWS profile."""
    region: str | None = Field(default=None, pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")
    """AWS region."""
    approval: Approval = Approval.POLICY
    plans: PlanApproval = PlanApproval.STEP


class PreferenceStorage:
    """The preferences of every user of a store.

    Parameters
    ----------
    database
        Where they are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, user_id: str) -> Preferences:
        """Return what a user prefers; a value that this version does not know is left out."""
        with self._database.read() as connection:
            mine = select(PreferenceRow.name, PreferenceRow.value).where(
                PreferenceRow.user_id == user_id
            )
            stored = {row.name: row.value for row in connection.execute(mine)}
        known: dict[str, str] = {}
        for name, value in stored.items():
            try:
                Preferences.model_validate({name: value})
            except ValidationError:
                continue
            known[name] = value
        return Preferences.model_validate(known)

    def change(self, user_id: str, changes: Mapping[str, str | None]) -> Preferences:
        """Remember values, and forget those that are None; return what is preferred then.

        Raises
        ------
        CloudOpsError
            There is no such preference, or it cannot have that value. Nothing is changed then.
        """
        for name, value in changes.items():
            try:
                Preferences.model_validate({name: value} if value is not None else {})
            except ValidationError as error:
                first = error.errors(include_url=False, include_input=False)[0]
                raise CloudOpsError(
                    f"The preference cannot be remembered: {first['msg']}", where=name
                ) from None
            if name not in Preferences.model_fields:
                raise CloudOpsError("There is no such preference", where=name)
        with self._database.write() as connection:
            for name, value in changes.items():
                connection.execute(
                    delete(PreferenceRow).where(
                        PreferenceRow.user_id == user_id, PreferenceRow.name == name
                    )
                )
                if value is not None:
                    row = {"user_id": user_id, "name": name, "value": value}
                    connection.execute(self._database.insert(PreferenceRow).values(row))
        return self.of(user_id)

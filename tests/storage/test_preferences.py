"""Preferences: per user, checked before they are remembered, never in the way of what is newer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cloudops_ls.errors import CloudOpsError
from cloudops_ls.storage.preferences import Approval, PlanApproval, Preferences

if TYPE_CHECKING:
    from cloudops_ls.storage.service import StorageService


def test_each_user_has_their_own(service: StorageService) -> None:
    kept = service.preferences
    assert kept.of("ada") == Preferences()
    changed = kept.change("ada", {"profile": "production", "approval": "always"})
    assert changed == Preferences(profile="production", approval=Approval.ALWAYS)
    kept.change("ada", {"plans": "all", "approval": None})
    assert kept.of("ada") == Preferences(profile="production", plans=PlanApproval.ALL)
    assert kept.of("bob") == Preferences()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("region", "mars"),
        ("approval", "never"),
        ("colour", "red"),
        ("colour", None),
        ("profile", ""),
    ],
)
def test_what_cannot_be_is_refused_whole(
    service: StorageService, name: str, value: str | None
) -> None:
    with pytest.raises(CloudOpsError, match="preference") as caught:
        service.preferences.change("ada", {"profile": "production", name: value})
    assert caught.value.where == name
    assert service.preferences.of("ada") == Preferences()

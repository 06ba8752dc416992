"""``cloudops.preferences`` and ``.setPreferences``: what is remembered of this user."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudops_ls.home import user_name

if TYPE_CHECKING:
    from cloudops_ls.lsp.arguments import SetPreferences
    from cloudops_ls.lsp.session import Session


async def preferences(session: Session) -> dict[str, Any]:
    """Return what this user prefers, and what counts by it now.

    Returns
    -------
    dict
        ``preferences``: profile, region, approval, plans; ``profile`` and ``region``: what
        runbooks work with that name none.
    """
    preferred = await session.recall()
    return {
        "preferences": preferred.model_dump(mode="json"),
        "profile": session.default_profile,
        "region": session.configuration.default_region,
    }


async def set_preferences(session: Session, wanted: SetPreferences) -> dict[str, Any]:
    """Remember what is given; null forgets.

    Returns
    -------
    dict
        As `preferences`.

    Raises
    ------
    CloudOpsError
        A value cannot be one.
    """
    changes = wanted.model_dump(mode="json", include=wanted.model_fields_set)
    await session.stored(lambda store: store.preferences.change(user_name(), changes))
    told = await preferences(session)
    await session.background.configure_sync()
    session.diagnoser.forget()
    return told

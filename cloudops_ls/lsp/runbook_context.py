"""``cloudops.runbookContext`` and ``.setRunbookContext``: as whom and where a runbook works."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudops_ls.errors import CloudOpsError
from cloudops_ls.lsp.editing import Written, write
from cloudops_ls.runbook.edits import set_front_matter
from cloudops_ls.worker import wire

if TYPE_CHECKING:
    from cloudops_ls.lsp.arguments import RunbookContext, SetRunbookContext
    from cloudops_ls.lsp.documents import RunbookDocument
    from cloudops_ls.lsp.session import Session
    from cloudops_ls.runbook.text import TextEdit
    from cloudops_ls.storage.service import StorageService

_RUNS = 5
"""Runs among which the last one that ended is looked for; those before it may have died."""


async def runbook_context(session: Session, wanted: RunbookContext) -> dict[str, Any]:
    """Return the profile, account and region that count in a runbook, and how old the estate is.

    Nothing is asked of AWS, and no worker is started for it.

    Returns
    -------
    dict
        ``profile``, ``region`` (None before the profile's own is known), ``account_id`` and
        ``alias`` (None before the first scan); ``production``, whether the account's alias or
        else the profile says so; ``named``, which of both the front matter names;
        ``synced_at``, when the last synchronisation ended; ``syncing``; ``resources``.
    """
    from cloudops_ls.commands.risk import production_name

    await session.estate.first_read()
    document = session.document(wanted.uri) if wanted.uri is not None else None
    profile, region = session.default_profile, session.configuration.default_region
    named: list[str] = []
    if document is not None:
        profile = session.profile_for(document.runbook)
        region = session.region_for(document.runbook)
        matter = document.runbook.front_matter
        values = matter.values if matter is not None else {}
        named = [key for key in ("profile", "region") if values.get(key)]
    syncing = False
    if session.worker.connected:
        status = await session.worker.request(wire.SYNC_STATUS)
        syncing = status.get("running") is not None
        region = region or await _own_region(session, profile)
    account = session.estate.account_of(profile)
    alias = account.alias if account is not None else None
    return {
        "profile": profile,
        "region": region,
        "named": named,
        "account_id": account.account_id if account is not None else None,
        "alias": alias,
        "production": production_name(alias or profile),
        "synced_at": await session.stored(_synced_at),
        "syncing": syncing,
        "resources": len(session.estate.names),
    }


async def _own_region(session: Session, profile: str) -> str | None:
    found = await session.worker.request(wire.PROFILES)
    return next((one["region"] for one in found["profiles"] if one["name"] == profile), None)


def _synced_at(store: StorageService) -> str | None:
    ends = (run.finished_at for run in store.sync.runs(limit=_RUNS))
    return next((end.isoformat() for end in ends if end is not None), None)


async def set_runbook_context(session: Session, wanted: SetRunbookContext) -> dict[str, Any]:
    """Name a profile, a region or both in a runbook's front matter; nothing else is touched.

    Raises
    ------
    CloudOpsError
        The file is no open runbook, or the editor would not apply the edit.
    """
    document = session.require_document(wanted.uri)
    for key, value in (("profile", wanted.profile), ("region", wanted.region)):
        if value is not None:
            await _set(session, document, key, value)
    return {"status": "set"}


async def _set(session: Session, document: RunbookDocument, key: str, value: str) -> None:
    written = await write(
        session.server, document, f"Set {key}", lambda: _edits(document, key, value)
    )
    if written is not Written.DONE:
        raise CloudOpsError(
            f"The {key} could not be written into the runbook",
            where="front matter",
            fix="See that the file can be edited, and try again",
        )


def _edits(document: RunbookDocument, key: str, value: str) -> list[TextEdit]:
    matter = document.runbook.front_matter
    if matter is not None and matter.values.get(key) == value:
        return []
    return [set_front_matter(document.runbook, key, value)]

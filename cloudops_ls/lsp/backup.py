"""``cloudops.backupNow``, ``.backups``, ``.restoreBackup``, ``.verifyBackups``, ``.autoBackup``."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from lsprotocol import types

from cloudops_ls.lsp.guard import ask, show
from cloudops_ls.lsp.progress import WorkCancelled, WorkDone
from cloudops_ls.worker import wire

if TYPE_CHECKING:
    from cloudops_ls.lsp.arguments import AutoBackup, RestoreBackup, VerifyBackups
    from cloudops_ls.lsp.session import Session

CANCELLED = {"status": "cancelled"}
REFUSE = "Don't restore"


async def back_up_now(session: Session) -> dict[str, Any]:
    """Make a backup, with progress and cancel.

    Returns
    -------
    dict
        ``name`` of the backup, ``new_bytes`` that it added, ``new_pieces`` of all ``pieces``.
    """
    done = await _work(session, "Backing up", wire.BACKUP, {})
    if done is None:
        return CANCELLED
    show(session.server, f"Backed up: {done['name']}, {done['new_bytes']:,} bytes were new.")
    return {"status": "complete", **done}


async def list_backups(session: Session) -> dict[str, Any]:
    """Return all backups, newest first, and how the schedule stands."""
    found: dict[str, Any] = await session.worker.request(wire.BACKUPS, {})
    return found


async def restore_backup(session: Session, wanted: RestoreBackup) -> dict[str, Any]:
    """Restore a backup after a question; replacing never answers to Enter.

    Returns
    -------
    dict
        ``name`` of the backup, rows ``added`` by table, and where the ``safety_copy`` of what
        was replaced is.
    """
    what = "the latest backup" if wanted.date == "latest" else f"the backup of {wanted.date}"
    if wanted.replace:
        question = (
            f"Replace everything stored on this machine with {what}? Conversations, executions "
            "and the estate become what they were then. A copy of what is here now is kept."
        )
        choices, kind = [REFUSE, "Replace"], types.MessageType.Warning
    else:
        question = f"Add what is missing here from {what}? What is here stays as it is."
        choices, kind = ["Add", REFUSE], types.MessageType.Info
    try:
        answer = await asyncio.wait_for(
            ask(session.server, question, choices, kind),
            session.settings.commands.confirmation_seconds,
        )
    except TimeoutError:
        answer = None
    if answer not in ("Replace", "Add"):
        return {"status": "refused"}
    params = {"date": wanted.date, "replace": wanted.replace}
    done = await _work(session, "Restoring", wire.RESTORE_BACKUP, params)
    if done is None:
        return CANCELLED
    await session.reload_names()
    records = sum(done["added"].values())
    undo = f" What was replaced is in {done['safety_copy']}." if done["safety_copy"] else ""
    show(session.server, f"Restored {done['name']}: {records:,} records.{undo}")
    return {"status": "complete", **done}


async def verify_backups(session: Session, wanted: VerifyBackups) -> dict[str, Any]:
    """Check that every backup can be restored.

    Returns
    -------
    dict
        ``ok``; names of the ``whole`` ones; what is wrong with the ``damaged`` ones; ``problems``.
    """
    params = {"read_data": wanted.readData}
    found = await _work(session, "Verifying backups", wire.VERIFY_BACKUPS, params)
    if found is None:
        return CANCELLED
    if found["ok"]:
        count = len(found["whole"])
        show(session.server, f"{count:,} backup{' is' if count == 1 else 's are'} whole.")
    else:
        first, *others = found["problems"] or list(found["damaged"].values())
        more = f" ({len(others)} more: cloudops-ls backup verify)" if others else ""
        show(session.server, f"Backups are damaged: {first}{more}", types.MessageType.Error)
    return {"status": "complete", **found}


async def auto_backup(session: Session, wanted: AutoBackup) -> dict[str, Any]:
    """Turn backups that are made by themselves on or off; return how the schedule stands."""
    params = {"enabled": wanted.enabled}
    state: dict[str, Any] = await session.worker.request(wire.BACKUP_SCHEDULE, params)
    return state


async def _work(session: Session, title: str, method: str, params: dict[str, Any]) -> Any:
    """Return the worker's answer; None when the operator cancelled."""
    async with WorkDone(session, title) as work:

        def report(step: dict[str, Any]) -> None:
            total = int(step["total"])
            work.report(str(step["doing"]), 100 * int(step["done"]) // total if total else None)

        work.report("Connecting to the background process")
        with session.background.watching(wire.BACKUP_PROGRESS, report):
            try:
                return await work.run(session.worker.request(method, params))
            except WorkCancelled:
                await session.worker.notify(wire.CANCEL_BACKUP)
                work.finish("Cancelled; nothing that was there before has changed")
                return None

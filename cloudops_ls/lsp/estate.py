"""``cloudops.scanEstate``, ``.syncStatus``, ``.searchResources`` and ``.resourceDetails``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lsprotocol import types

from cloudops_ls.errors import CloudOpsError
from cloudops_ls.estate.cards import console_link
from cloudops_ls.lsp.accounts import prepare_credentials
from cloudops_ls.lsp.cards import card_of
from cloudops_ls.lsp.guard import show
from cloudops_ls.lsp.progress import WorkCancelled, WorkDone
from cloudops_ls.lsp.whereabouts import whereabouts
from cloudops_ls.worker import wire

if TYPE_CHECKING:
    from cloudops_ls.lsp.arguments import (
        ResourceDetails,
        ScanEstate,
        SearchResources,
        TriggerSync,
    )
    from cloudops_ls.lsp.session import Session


async def scan_estate(session: Session, scan: ScanEstate) -> dict[str, Any]:
    """Scan AWS into the store, with progress and cancel.

    Returns
    -------
    dict
        Counts of ``resources``, ``scopes`` and ``failed`` ones, and the ``problems`` in words.
    """
    settings = session.settings
    profiles = scan.profiles or settings.estate.profiles or (session.default_profile,)
    params = {
        "profiles": list(profiles),
        "regions": list(scan.regions or settings.estate.regions),
        "types": list(scan.types or settings.estate.types),
        "whole": not (scan.profiles or scan.regions or scan.types),
    }
    async with WorkDone(session, "Scanning AWS") as work:
        work.report("Connecting to the background process")
        await prepare_credentials(session, profiles)
        with session.background.watching(
            wire.SCAN_PROGRESS, lambda progress: _report(work, progress)
        ):
            try:
                result = await work.run(session.worker.request(wire.SCAN, params))
            except WorkCancelled:
                await session.worker.notify(wire.CANCEL_SCAN)
                work.finish("Cancelled; what was found stays")
                return {"status": "cancelled"}
        await session.reload_names()
        work.finish(f"{result['resources']:,} resources")
    if result["problems"]:
        show(session.server, _complaint(result), types.MessageType.Warning)
    return {"status": "complete" if result["complete"] else "incomplete", **result}


def _complaint(result: dict[str, Any]) -> str:
    """Return what went wrong with a scan, in one message."""
    first, *others = result["problems"]
    failed = result["failed"]
    found = (
        f"The scan found {result['resources']:,} resources, but {failed:,} of its listings failed"
        if result["accounts"]
        else "Nothing could be scanned"
    )
    more = f" ({len(others)} more: cloudops-ls status)" if others else ""
    return f"{found}: {first}{more}"


def _report(work: WorkDone, progress: dict[str, Any]) -> None:
    total = max(int(progress["total"]), 1)
    work.report(
        f"{progress['resources']:,} resources · {progress['current']}",
        100 * int(progress["done"]) // total,
    )


async def trigger_sync(session: Session, sync: TriggerSync) -> dict[str, Any]:
    """Synchronise now, with progress and cancel; joins what is under way.

    Returns
    -------
    dict
        As of ``cloudops.scanEstate``; for an incremental one also ``refreshed``, ``gone``,
        ``listed``, ``followed`` and ``rotated``.
    """
    await session.background.configure_sync()
    async with WorkDone(session, f"Synchronising AWS ({sync.kind})") as work:
        work.report("Connecting to the background process")
        await prepare_credentials(
            session, session.settings.estate.profiles or (session.default_profile,)
        )
        with session.background.watching(
            wire.SCAN_PROGRESS, lambda progress: _report(work, progress)
        ):
            try:
                result = await work.run(session.worker.request(wire.SYNC, {"kind": sync.kind}))
            except WorkCancelled:
                await session.worker.notify(wire.CANCEL_SCAN)
                work.finish("Cancelled; what was found stays")
                return {"status": "cancelled"}
        await session.reload_names()
        work.finish(f"{result['resources']:,} resources")
    if result["problems"]:
        show(session.server, _complaint(result), types.MessageType.Warning)
    return {"status": "complete" if result["complete"] else "incomplete", **result}


async def scan_status(session: Session) -> dict[str, Any]:
    """Return how well the estate is known, scope by scope; from the store alone."""
    return await session.stored(
        lambda store: {
            "resources": store.estate.count(),
            "accounts": [account.model_dump(mode="json") for account in store.estate.accounts()],
            "scopes": [scope.model_dump(mode="json") for scope in store.sync.scopes()],
        }
    )


async def sync_status(session: Session) -> dict[str, Any]:
    """Return what was synchronised when; what is under way and next, where a worker runs.

    Also what `scan_status` returns.
    """
    known = await scan_status(session)
    known["runs"] = await session.stored(
        lambda store: [run.model_dump(mode="json") for run in store.sync.runs()]
    )
    if session.worker.connected:
        known |= await session.worker.request(wire.SYNC_STATUS)
    return known


async def search_resources(session: Session, search: SearchResources) -> list[dict[str, Any]]:
    """Search the estate in the worker, best first; see ``EstateSearch.search``.

    The query may hold filters. With the ``uri`` of an open runbook its account, region and
    mentions count for the order.
    """
    document = session.document(search.uri) if search.uri else None
    where = whereabouts(session, document) if document is not None else None
    params = {
        "query": search.query,
        "filters": search.filters,
        "limit": search.limit,
        **(where._asdict() if where is not None else {}),
    }
    found = await session.worker.request(wire.SEARCH, params)
    hits: list[dict[str, Any]] = found["hits"]
    return hits


async def resource_details(session: Session, details: ResourceDetails) -> dict[str, Any]:
    """Return one resource, its card, and the address of its page in the AWS console if any.

    Raises
    ------
    CloudOpsError
        Nothing, or more than one thing, is called so.
    """
    entries = session.estate.names.find(details.arn)
    if len(entries) != 1:
        raise CloudOpsError(
            f"{len(entries) or 'No'} resources are called '{details.arn}'",
            fix="Name it by its ARN, or scan the estate again",
        )
    freshness = await session.live.freshen(entries[0].arn) if details.refresh else None
    resource = await session.estate.resource(entries[0].arn)
    if resource is None:
        raise CloudOpsError(f"'{details.arn}' is gone", fix="Scan the estate again")
    kind = session.estate.catalog.get(resource.resource_type)
    return {
        "resource": resource.model_dump(mode="json"),
        "card": await card_of(session, resource.arn, freshness),
        "console": console_link(resource, kind) if kind is not None else None,
    }

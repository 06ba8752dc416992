"""Commands of the estate: scan, search, details."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudops_ls.lsp import command_ids

if TYPE_CHECKING:
    from cloudops_ls.lsp.commands.registering import Register
    from cloudops_ls.lsp.session import Session


def register(command: Register, session: Session) -> None:
    """Register the commands of this area."""

    async def scan_estate(*arguments: Any) -> Any:
        from cloudops_ls.lsp import arguments as given
        from cloudops_ls.lsp.estate import scan_estate

        scan = given.read(given.ScanEstate, command_ids.SCAN_ESTATE, arguments)
        return await scan_estate(session, scan)

    async def scan_status(*_arguments: Any) -> Any:
        from cloudops_ls.lsp.estate import scan_status

        return await scan_status(session)

    async def trigger_sync(*arguments: Any) -> Any:
        from cloudops_ls.lsp import arguments as given
        from cloudops_ls.lsp.estate import trigger_sync

        sync = given.read(given.TriggerSync, command_ids.TRIGGER_SYNC, arguments)
        return await trigger_sync(session, sync)

    async def sync_status(*_arguments: Any) -> Any:
        from cloudops_ls.lsp.estate import sync_status

        return await sync_status(session)

    async def search_resources(*arguments: Any) -> Any:
        from cloudops_ls.lsp import arguments as given
        from cloudops_ls.lsp.estate import search_resources

        search = given.read(given.SearchResources, command_ids.SEARCH_RESOURCES, arguments)
        return await search_resources(session, search)

    async def resource_details(*arguments: Any) -> Any:
        from cloudops_ls.lsp import arguments as given
        from cloudops_ls.lsp.estate import resource_details

        details = given.read(given.ResourceDetails, command_ids.RESOURCE_DETAILS, arguments)
        return await resource_details(session, details)

    command(command_ids.SCAN_ESTATE, scan_estate)
    command(command_ids.SCAN_STATUS, scan_status)
    command(command_ids.TRIGGER_SYNC, trigger_sync)
    command(command_ids.SYNC_STATUS, sync_status)
    command(command_ids.SEARCH_RESOURCES, search_resources)
    command(command_ids.RESOURCE_DETAILS, resource_details)

"""Cards of resources for hover and completion, read from the store once per sync."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudops_ls.estate.cards import render_card

if TYPE_CHECKING:
    from cloudops_ls.lsp.session import Session
    from cloudops_ls.storage.resource import Resource


async def resource_of(session: Session, arn: str) -> Resource | None:
    """Return a stored resource, None when it is not known any more."""
    cached = session.resources.get(arn)
    if cached is None:
        cached = await session.stored(lambda store: store.estate.get_resource(arn))
        if cached is not None:
            session.resources[arn] = cached
    return cached


async def card_of(session: Session, arn: str) -> str | None:
    """Return the Markdown card of a stored resource, None when it is not known any more."""
    resource = await resource_of(session, arn)
    if resource is None:
        return None
    return render_card(
        resource,
        account_alias=session.account_alias(resource.account_id),
        kind=session.catalog.get(resource.resource_type),
    )

"""Cards of resources, for hover and completion."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudops_ls.estate.cards import render_card

if TYPE_CHECKING:
    from cloudops_ls.lsp.session import Session


async def card_of(session: Session, arn: str) -> str | None:
    """Return the Markdown card of a stored resource, None when it is not known any more."""
    resource = await session.estate.resource(arn)
    if resource is None:
        return None
    account = session.estate.account(resource.account_id)
    return render_card(
        resource,
        account_alias=account.alias if account is not None else None,
        kind=session.estate.catalog.get(resource.resource_type),
    )

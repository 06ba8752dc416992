"""Cards of resources for hover and completion, read from the store once per sync."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cloudops_ls.lsp.session import Session


async def card_of(session: Session, arn: str) -> str | None:
    """Return the Markdown card of a stored resource, None when it is not known any more."""
    from cloudops_ls.estate.cards import render_card

    cached = session.cards.get(arn)
    if cached is not None:
        return cached
    resource = await session.stored(lambda store: store.estate.get_resource(arn))
    if resource is None:
        return None
    alias = session.account_alias(resource.account_id)
    card = render_card(resource, account_alias=alias)
    session.cards[arn] = card
    return card

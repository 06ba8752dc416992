"""Cards of resources, for hover and completion."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudops_ls.estate.cards import render_card, render_gone
from cloudops_ls.estate.untrusted import code

if TYPE_CHECKING:
    from cloudops_ls.estate.search.names import NameEntry
    from cloudops_ls.lsp.live import Freshness
    from cloudops_ls.lsp.session import Session


async def card_of(session: Session, arn: str, freshness: Freshness | None = None) -> str | None:
    """Return the Markdown card of a stored resource, None when it is not known any more."""
    resource = await session.estate.resource(arn)
    if resource is None:
        return None
    account = session.estate.account(resource.account_id)
    return render_card(
        resource,
        account_alias=account.alias if account is not None else None,
        kind=session.estate.catalog.get(resource.resource_type),
        live=freshness is not None and freshness.live,
        note=freshness.note if freshness is not None else None,
    )


async def card_of_gone(session: Session, entry: NameEntry) -> str:
    """Return the card of a resource that does not exist any more."""
    removal = await session.estate.removal(entry.arn)
    kind = session.estate.catalog.get(entry.resource_type)
    return render_gone(
        entry.name,
        entry.arn,
        title=kind.title if kind else entry.resource_type.replace("_", " "),
        noticed=removal.at if removal is not None else None,
    )


async def card_of_unknown(session: Session, arn: str) -> str:
    """Return what is known of an ARN that no resource of the estate has."""
    removal = await session.estate.removal(arn)
    if removal is None:
        return f"No scan has seen this resource.\n\n{code(arn, 300)}\n"
    kind = session.estate.catalog.get(removal.resource_type)
    title = kind.title if kind else removal.resource_type.replace("_", " ")
    return render_gone(removal.name, arn, title=title, noticed=removal.at)

"""Looking at what a command has touched or made, so that the estate and the next hover are true."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lsprotocol import types

from cloudops_ls.errors import CloudOpsError
from cloudops_ls.logs import logger
from cloudops_ls.lsp.guard import show
from cloudops_ls.worker import wire

if TYPE_CHECKING:
    from cloudops_ls.commands.model import CheckedCommand
    from cloudops_ls.estate.catalog.loader import Catalog
    from cloudops_ls.lsp.session import Session

_MAKES = re.compile(
    r"(?:Create|Run|Copy|Restore|Allocate|Import|Register|Put)(?P<noun>\w+?)(?:(?:From|To)[A-Z]\w*)?"
)
_LISTS = re.compile(r"(?:Describe|List|Get)(?P<noun>\w+)")
_BUCKETS = {"mb": "Buckets", "rb": "Buckets"}
"""What the CLI's own commands of S3 make or remove."""


async def verify(session: Session, checked: CheckedCommand) -> None:
    """Read what was touched again, and list the types of what was made."""
    if not checked.access.mutates:
        return
    made = types_made(checked, session.estate.catalog)
    if made and checked.profile is not None:
        session.spawn(_look_for_new(session, checked, made))
    if not checked.resources:
        return
    try:
        await session.worker.request(wire.REFRESH, {"arns": list(checked.resources)})
        await session.reload_names()
    except CloudOpsError as error:
        logger.info("verify: %s", type(error).__name__)
        show(
            session.server,
            f"The command has run, but the resources could not be read again: {error}",
            types.MessageType.Warning,
        )


def types_made(checked: CheckedCommand, catalog: Catalog) -> tuple[str, ...]:
    """Return the catalog types of which a command may have made a resource."""
    found = _MAKES.fullmatch(checked.operation)
    noun = _BUCKETS.get(checked.operation) or (found["noun"] if found is not None else None)
    if noun is None:
        return ()
    return tuple(
        kind.name
        for kind in catalog.of_service(checked.service)
        if (listed := _LISTS.fullmatch(kind.list.operation)) is not None
        and _stem(listed["noun"]) == _stem(noun)
    )


def _stem(noun: str) -> str:
    """Return a noun without its plural.

    >>> _stem("Addresses") == _stem("Address"), _stem("Policies") == _stem("Policy")
    (True, True)
    """
    folded = noun.casefold()
    for plural, single in (("ies", "y"), ("sses", "ss")):
        if folded.endswith(plural):
            return folded.removesuffix(plural) + single
    return folded if folded.endswith("ss") else folded.removesuffix("s")


async def _look_for_new(session: Session, checked: CheckedCommand, made: tuple[str, ...]) -> None:
    """List the types anew, in the background: nothing names what was just made."""
    regions = [checked.region] if checked.region else []
    try:
        await session.worker.request(
            wire.SCAN, {"profiles": [checked.profile], "regions": regions, "types": list(made)}
        )
        await session.reload_names()
    except CloudOpsError as error:
        # The next synchronisation finds it.
        logger.info("looking for what was made: %s", type(error).__name__)

"""Answers from the stored estate: lists, what hangs together, what changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cloudops_ls.assistant import reading
from cloudops_ls.assistant.describe import joined, sentence
from cloudops_ls.assistant.protocol import InformationReply
from cloudops_ls.assistant.tables import changes_table, connections_table, resources_table
from cloudops_ls.assistant.untrusted import code_span
from cloudops_ls.storage.records import ResourceFilter

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from cloudops_ls.assistant.known_estate import Connection, KnownEstate
    from cloudops_ls.assistant.protocol import Reply, ResourceRecord
    from cloudops_ls.assistant.reading import Reading
    from cloudops_ls.estate.catalog.loader import Catalog

MOST_ROWS: Final = 50


class EstateAnswers:
    """Words what the store knows.

    Parameters
    ----------
    catalog
        What types and relations are called.
    estate
        What is asked.
    """

    def __init__(self, catalog: Catalog, estate: KnownEstate) -> None:
        self._catalog = catalog
        self._estate = estate

    def listing(self, wanted: Reading, text: str) -> Reply:
        """Return the resources that fulfil the conditions of a sentence, as a table."""
        found = self._estate.listing(wanted.query, MOST_ROWS, wanted.constraints)
        what = self._described(wanted)
        if not found.total:
            return InformationReply(text=f"I know no {what}. A scan may find what is new.")
        verb = "are"
        if found.total == 1:
            what, verb = self._described(wanted, "resource"), "is"
        counted = f"There {verb} " if reading.asks_for_count(text) else ""
        heading = f"{counted}**{found.total:,}** {what}."
        parts = [heading, resources_table(found.resources, self._catalog)]
        if found.total > len(found.resources):
            rest = found.total - len(found.resources)
            parts.append(f"… and {rest:,} more: narrow it by a state, region, account or tag.")
        return InformationReply(text="\n\n".join(parts))

    def matching(self, wanted: Reading, limit: int) -> tuple[tuple[ResourceRecord, ...], int]:
        """Return the first resources that fulfil the conditions, and how many there are."""
        found = self._estate.listing(wanted.query, limit, wanted.constraints)
        return found.resources, found.total

    def connections(self, resources: Sequence[ResourceRecord], kinds: Sequence[str]) -> Reply:
        """Return what depends on resources and what they depend on.

        Parameters
        ----------
        kinds
            Only resources of these types; of all when empty.
        """
        parts = []
        for resource in resources:
            parts.append(f"{sentence(resource, self._catalog)}.")
            for label, found in (
                ("Depends on it", self._estate.dependents(resource.arn)),
                ("It depends on", self._estate.referred_to(resource.arn)),
            ):
                parts.append(self._connected(label, _of(found, kinds)))
        return InformationReply(text="\n\n".join(parts))

    def changes(self, wanted: Reading, since: datetime) -> Reply:
        """Return what scans noticed since a moment."""
        filters = ResourceFilter(
            accounts=wanted.accounts, regions=wanted.regions, types=wanted.kinds
        )
        found = self._estate.changes(since, filters, MOST_ROWS + 1)
        moment = f"{since:%Y-%m-%d %H:%M} UTC"
        if not found:
            about = f" of {self._described(wanted)}" if wanted.kinds or wanted.regions else ""
            text = f"No scan noticed a change{about} since {moment}."
            return InformationReply(text=text)
        more = f"At least {MOST_ROWS}" if len(found) > MOST_ROWS else str(len(found))
        parts = [
            f"**{more}** changes since {moment}, as scans noticed them, newest first.",
            changes_table(found[:MOST_ROWS], self._catalog),
        ]
        return InformationReply(text="\n\n".join(parts))

    def history(self, resources: Sequence[ResourceRecord]) -> Reply:
        """Return what happened to single resources."""
        parts = []
        for resource in resources:
            found = self._estate.history(resource.arn, MOST_ROWS)
            parts.append(f"{sentence(resource, self._catalog)}.")
            parts.append(
                changes_table(found, self._catalog) if found else "No scan noticed a change of it."
            )
        return InformationReply(text="\n\n".join(parts))

    def _connected(self, label: str, found: Sequence[Connection]) -> str:
        if not found:
            return f"{label}: nothing that I know."
        table = connections_table(found[:MOST_ROWS], self._catalog)
        more = f"\n\n… and {len(found) - MOST_ROWS} more." if len(found) > MOST_ROWS else ""
        return f"{label}, **{len(found)}**:\n\n{table}{more}"

    def _described(self, wanted: Reading, noun: str = "resources") -> str:
        titles = [self._catalog[name].title for name in wanted.kinds]
        parts = [f"of type {joined(titles)}"] if titles else []
        if wanted.states:
            parts.append(f"in state {joined([code_span(state) for state in wanted.states])}")
        if wanted.not_states:
            parts.append(f"not {joined([code_span(state) for state in wanted.not_states])}")
        for name, want in wanted.constraints:
            parts.append(f"{'' if want else 'not '}{name.replace('_', ' ')}")
        if wanted.regions:
            parts.append(f"in {joined([code_span(region) for region in wanted.regions])}")
        if wanted.accounts:
            parts.append(f"in account {joined([code_span(one) for one in wanted.accounts])}")
        if wanted.tags:
            tags = [code_span(f"{key}={value}") for key, value in wanted.tags]
            parts.append(f"tagged {joined(tags)}")
        return f"{noun} {', '.join(parts)}".strip()


def _of(found: Sequence[Connection], kinds: Sequence[str]) -> Sequence[Connection]:
    return [one for one in found if not kinds or one.resource.resource_type in kinds]
